"""What can be told: one file per event in `events/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storages_app.lib.registry import Registry


@dataclass(frozen=True)
class Told:
    """What one event says: its data, and what the wire wants beside it."""

    data: Mapping[str, Any]
    subject_id: str
    file: str | None = None  # the address of its file


@dataclass(frozen=True)
class EventKind:
    """A kind of event, and how what it happened to is told."""

    name: str
    build: Callable[[Any], Told]

    @property
    def meaning(self) -> str:
        return (self.build.__doc__ or "").strip()


events: Registry[EventKind] = Registry("storages_app.webhooks.events")


def event(name: str) -> Callable[[Callable[[Any], Told]], Callable[[Any], Told]]:
    """Register the function that tells what happened; its docstring is for owners."""

    def register(build: Callable[[Any], Told]) -> Callable[[Any], Told]:
        events.add(name.replace(".", "_"), EventKind(name, build))
        return build

    return register


def by_name() -> dict[str, EventKind]:
    """In the order of lists: Uploadcare's own before ours."""
    kinds = sorted(events, key=lambda kind: (not kind.name.startswith("file."), kind.name))
    return {kind.name: kind for kind in kinds}
