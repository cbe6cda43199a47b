"""Registries that fill themselves: each module of a folder registers one item."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Registry(Generic[Item]):
    """Items by name; the modules of `package` are imported at the first look."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._items: dict[str, Item] = {}
        self._is_loaded = False

    def add(self, name: str, item: Item) -> None:
        if name in self._items:
            raise ValueError(f"{name} is registered twice in {self.package}")
        self._items[name] = item

    def all(self) -> dict[str, Item]:
        if not self._is_loaded:
            for name in self.module_names():
                importlib.import_module(f"{self.package}.{name}")
            self._is_loaded = True
        return self._items

    def module_names(self) -> list[str]:
        package = importlib.import_module(self.package)
        return [module.name for module in pkgutil.iter_modules(package.__path__)]

    def __getitem__(self, name: str) -> Item:
        return self.all()[name]

    def __contains__(self, name: str) -> bool:
        return name in self.all()

    def __iter__(self) -> Iterator[Item]:
        return iter(self.all().values())
