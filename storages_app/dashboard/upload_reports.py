"""What pages tell of the uploads of a project."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from storages_app.models import File, Project, UploadSession, UrlUpload

_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Signed:
    """Uploads by the Upload API: how many, and how many of them would be refused as unsigned."""

    n_uploads: int
    n_unsigned: int


def signed_lately(project: Project, *, now: datetime) -> Signed:
    """Of the last 24 hours: files sent directly, uploads in parts begun, fetches ordered."""
    ways = (
        File.objects.filter(project=project, uploaded_at__gte=now - _DAY),
        UploadSession.objects.filter(project=project, created_at__gte=now - _DAY),
        UrlUpload.objects.filter(project=project, created_at__gte=now - _DAY),
    )
    sums = [
        way.filter(is_signed__isnull=False).aggregate(
            n=Count("pk"), unsigned=Count("pk", filter=Q(is_signed=False))
        )
        for way in ways
    ]
    return Signed(sum(one["n"] for one in sums), sum(one["unsigned"] for one in sums))
