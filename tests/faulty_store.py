"""A store that does what another store does, except where a test wants a fault."""

from collections.abc import Callable
from typing import Any

from storages_app.objectstores.base import ObjectStore

Fault = Exception | Callable[..., Any]


class FaultyStore:
    """Wraps a store; `faults` maps a method name to what its next calls do, in order.

    An exception is raised before the call; a function replaces the call (it gets the real method
    first); None lets one call pass.
    """

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.faults: dict[str, list[Fault | None]] = {}
        self.calls: list[str] = []

    def fail(self, method: str, *faults: Fault | None) -> None:
        self.faults.setdefault(method, []).extend(faults)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            waiting = self.faults.get(name)
            fault = waiting.pop(0) if waiting else None
            if isinstance(fault, Exception):
                raise fault
            return fault(method, *args, **kwargs) if fault else method(*args, **kwargs)

        return call
