"""`max_icc_size`: how large a profile of colours may be kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_LARGEST = 10_000


@operation
@dataclass(frozen=True)
class MaxIccSize(Operation):
    """Say how many kB of profile `srgb/keep_profile` may keep in the result; 0 is none.

    A picture with a larger one is converted to sRGB.
    """

    name: ClassVar[str] = "max_icc_size"
    grammar: ClassVar[str] = "0 to 10000; without this operation: 10"
    example: ClassVar[str] = "-/srgb/keep_profile/-/max_icc_size/0/"

    kilobytes: int

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_number(cls, params, low=0, high=_LARGEST))

    def params(self) -> tuple[str, ...]:
        return (str(self.kilobytes),)

    def prepare(self, canvas: "Canvas") -> None:
        canvas.max_profile_bytes = 1024 * self.kilobytes
