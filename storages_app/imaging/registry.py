"""The image operations: each module in `operations/` adds exactly one, under its own name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar
from uuid import UUID

from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from storages_app.lib.registry import Registry

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

OPERATIONS: "Registry[type[Operation]]" = Registry("storages_app.imaging.operations")


class Operation(ABC):
    """One step of a picture's making. Subclasses are frozen dataclasses.

    `grammar` is what people read: the parameters, the default. `example` is the text of a URL, in
    canonical form, that shows what it does, with other operations where it takes them; the docs
    show its picture, and the tests compare it. `cost` weighs a pixel of the
    result: 1 is one pass over it; 0 only changes settings. `shapes_picture` is False where the
    operation says something of the delivery and nothing of the bytes.
    """

    name: ClassVar[str]
    grammar: ClassVar[str]
    example: ClassVar[str]
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

    def prepare(self, canvas: "Canvas") -> None:  # noqa: B027 - few need it
        """Say what must be known before the first pixel is read, whatever stands before it."""

    def apply(self, canvas: "Canvas") -> None:  # noqa: B027 - some change nothing on purpose
        """Do it; runs in the child process only."""

    @property
    def files(self) -> tuple[UUID, ...]:
        """Other files of the project that the picture is made with."""
        return ()

    @property
    def depends_on_accept(self) -> bool:
        """Whether the request's Accept header changes the bytes."""
        return False

    @classmethod
    def refuse(cls, reason: str) -> BadEffects:
        return BadEffects(operation=cls.name, reason=reason)

    @classmethod
    def not_available(cls, what: str) -> OperationNotAvailable:
        """For what is known, and understood, and not done here; `what` as the URL has it."""
        return OperationNotAvailable(
            operation=cls.name, reason=f"{what} is not available on this server."
        )


T = TypeVar("T", bound=Operation)


def operation(cls: type[T]) -> type[T]:
    OPERATIONS.add(cls.__module__.rpartition(".")[2], cls)
    return cls


@cache
def all_operations() -> dict[str, type[Operation]]:
    """Every operation by its name in URLs."""
    return {kind.name: kind for kind in OPERATIONS}
