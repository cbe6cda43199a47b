"""Operations that take nothing, or one word of a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation


@dataclass(frozen=True)
class BareOperation(Operation):
    """Its name says all."""

    grammar: ClassVar[str] = "none"

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        grammar.nothing(cls, params)
        return cls()

    def params(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class ChoiceOperation(Operation):
    """One of `words`."""

    words: ClassVar[tuple[str, ...]]

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, cls.words))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)


@dataclass(frozen=True)
class SwitchOperation(ChoiceOperation):
    """Yes or no."""

    words: ClassVar[tuple[str, ...]] = ("yes", "no")

    @property
    def is_wanted(self) -> bool:
        return self.choice == "yes"
