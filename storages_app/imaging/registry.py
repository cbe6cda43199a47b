"""The image operations: each module in `operations/` adds exactly one, under its own name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from storages_app.imaging.errors import BadEffects
from storages_app.lib.registry import Registry

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

OPERATIONS: "Registry[type[Operation]]" = Registry("storages_app.imaging.operations")


class Operation(ABC):
    """One step of a picture's making. Subclasses are frozen dataclasses.

    `grammar` is what people read: the parameters, the default. `cost` weighs a pixel of the
    result: 1 is one pass over it; 0 only changes settings. `shapes_picture` is False where the
    operation says something of the delivery and nothing of the bytes.
    """

    name: ClassVar[str]
    grammar: ClassVar[str]
    limits: ClassVar[str] = ""
    cost: ClassVar[float] = 0
    shapes_picture: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def parse(cls, params: Sequence[str]) -> Self:
        """Read the decoded parameters, without empty ones; BadEffects says what is wrong."""

    @abstractmethod
    def params(self) -> tuple[str, ...]:
        """The parameters in canonical form; `parse` of them gives an equal operation."""

    def apply(self, canvas: "Canvas") -> None:  # noqa: B027 - some change nothing on purpose
        """Do it; runs in the child process only."""

    @property
    def depends_on_accept(self) -> bool:
        """Whether the request's Accept header changes the bytes."""
        return False

    @classmethod
    def refuse(cls, reason: str) -> BadEffects:
        return BadEffects(operation=cls.name, reason=reason)


T = TypeVar("T", bound=Operation)


def operation(cls: type[T]) -> type[T]:
    OPERATIONS.add(cls.__module__.rpartition(".")[2], cls)
    return cls


@cache
def all_operations() -> dict[str, type[Operation]]:
    """Every operation by its name in URLs."""
    return {kind.name: kind for kind in OPERATIONS}
