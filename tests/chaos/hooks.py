"""What a chaos run puts into the product's processes."""

import errno
import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig

from storages_app.uploads.local_storage import DurableFileSystemStorage

FULL_DISK_FILE, MUTATE = "CHAOS_FULL_DISK_FILE", "CHAOS_MUTATE"


class ChaosConfig(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        from tests.chaos import mutations

        if name := os.environ.get(MUTATE):
            mutations.apply(name)


class StorageOfAFullDisk(DurableFileSystemStorage):
    """The local upload storage; while the file named by the environment is there, it is full.

    Half of the bytes fit, as on a real disk.
    """

    def _save(self, name: str, content: Any) -> str:
        if Path(os.environ[FULL_DISK_FILE]).exists():
            half = Path(self.location) / ".incoming" / Path(name).name
            half.parent.mkdir(parents=True, exist_ok=True)
            try:
                half.write_bytes(content.read(64 * 1024)[: 32 * 1024])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(half))
            finally:
                half.unlink()
        return super()._save(name, content)
