"""What a worker starts by itself for copies over which workers have died."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from storages_app.copying import services as copying
from storages_app.lib import shortage


class Command(BaseCommand):
    help = (
        "Make the copies over which workers have died, one after the other, and end. A worker "
        "starts this by itself, so that such a copy harms no other."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: copying.stop_making())
        shortage.watch(copying.abandon)
        copying.make_suspects()
