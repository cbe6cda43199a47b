"""The base of every refusal: what went wrong, why, and what to do, with a stable code."""

from typing import ClassVar


class UcdashError(Exception):
    """Something was refused."""

    code: ClassVar[str] = "error"
    hint: ClassVar[str] = ""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.advice = hint or self.hint
        super().__init__(self.message)
