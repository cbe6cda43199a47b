"""How many files, bytes and groups a project has; counting a million rows a page is too slow."""

from typing import Any

from django.db import models, transaction
from django.db.models import Count, Sum

from storages_app.models.projects import Project

COLUMNS = ("n_stored", "n_unstored", "n_removed", "n_groups", "n_bytes")
_FOLDED_AT_ONCE = 5_000


class TallyQuerySet(models.QuerySet["Tally"]):
    def of(self, project: Project) -> dict[str, int]:
        """Each of COLUMNS, as this transaction sees the project's rows."""
        sums = self.filter(project=project).aggregate(**{name: Sum(name) for name in COLUMNS})
        return {name: number or 0 for name, number in sums.items()}

    def fold(self) -> int:
        """Make one row of each project's many; returns how many rows it took."""
        several = self.order_by().values("project").annotate(n=Count("pk")).filter(n__gt=1)
        n_folded = 0
        for project_id in several.values_list("project", flat=True):
            while n := self._fold_some(project_id):
                n_folded += n
        return n_folded

    @transaction.atomic
    def _fold_some(self, project_id: Any) -> int:
        """Rows that another process is folding are left to it: a row is added up once."""
        rows = self.filter(project=project_id).order_by("pk")
        mine = list(rows.select_for_update(skip_locked=True)[:_FOLDED_AT_ONCE])
        if len(mine) < 2:
            return 0
        self.filter(pk__in=[row.pk for row in mine]).delete()
        sums = {name: sum(getattr(row, name) for row in mine) for name in COLUMNS}
        self.create(project_id=project_id, **sums)
        return len(mine)


class Tally(models.Model):
    """What triggers have counted (`counting.py`); the sum of a project's rows is what it has.

    On PostgreSQL each change adds a row of its own, so that uploads do not queue for one counter;
    `fold` makes one of them again. On SQLite, which has one writer at a time, there is one row.
    A migration that alters this table has to call `counting.remove_triggers` first: SQLite makes
    such a table anew, and refuses while triggers name it.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="tallies")
    n_stored = models.BigIntegerField(default=0, help_text="Files, not removed.")
    n_unstored = models.BigIntegerField(default=0, help_text="Files, not removed.")
    n_removed = models.BigIntegerField(default=0, help_text="Files.")
    n_groups = models.BigIntegerField(default=0, help_text="Not removed.")
    n_bytes = models.BigIntegerField(default=0, help_text="Of the files that are not removed.")

    objects = TallyQuerySet.as_manager()

    class Meta:
        ordering = ["project", "pk"]
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"Tally {self.pk} of project {self.project_id}"
