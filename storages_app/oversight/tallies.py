"""I11: the totals that pages and the API tell are the numbers of the rows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from storages_app.models import File, Group, Project, Tally
from storages_app.models.tallies import COLUMNS
from storages_app.oversight.violations import Remark, Violation


def are_right(grace: timedelta) -> Iterator[Remark]:
    """Each project is counted in one statement, so that an upload cannot come in between."""
    for project_id in list(Project.objects.values_list("pk", flat=True)):
        row = _told_and_counted(project_id)
        for name in COLUMNS:
            told, counted = row[f"told_{name}"], row[f"counted_{name}"]
            if told != counted:
                yield Violation(
                    "I11",
                    f"{name} is told as {told} and is {counted}.",
                    f"project {project_id}",
                    "Run manage.py recount.",
                )


def _told_and_counted(project_id: int) -> dict[str, int]:
    is_live = Q(removed_at=None)
    files, groups = File.objects.order_by(), Group.objects.order_by()
    numbers = {
        "n_stored": (files.filter(is_live, stored_at__isnull=False), Count("pk")),
        "n_unstored": (files.filter(is_live, stored_at=None), Count("pk")),
        "n_removed": (files.filter(~is_live), Count("pk")),
        "n_groups": (groups.filter(is_live), Count("pk")),
        "n_bytes": (files.filter(is_live), Sum("size")),
    }
    tallies = Tally.objects.order_by()
    columns = {f"told_{name}": _one(tallies, Sum(name)) for name in COLUMNS} | {
        f"counted_{name}": _one(*number) for name, number in numbers.items()
    }
    row: dict[str, int] = Project.objects.annotate(**columns).values(*columns).get(pk=project_id)
    return row


def _one(rows: "QuerySet[Any]", number: Aggregate) -> Coalesce:
    """The sum or count of the rows of the outer project, as a subquery."""
    own = rows.filter(project=OuterRef("pk")).values(of=F("project"))
    return Coalesce(Subquery(own.annotate(n=number).values("n")), 0)
