"""Count files and groups anew: what the doctor's I11 asks for."""

from typing import Any

from storages_app.management.base import TellingCommand
from storages_app.models import counting


class Command(TellingCommand):
    help = (
        "Count each project's files and groups anew. The database keeps these numbers right by "
        "itself; this is for one whose triggers were switched off. Uploads wait meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        counting.recount()
        self.stdout.write("Counted.")
