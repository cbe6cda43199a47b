"""Files from the web: an address is ordered, and asked after by its token."""

from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from storages_app.lib.fetching import tidy
from storages_app.lib.filenames import base_name
from storages_app.library import services as library
from storages_app.models import File, Project, UrlUpload
from storages_app.models.fields import read_db_now
from storages_app.uploads.validation import check_metadata, check_open
from storages_app.url_uploads import addresses, errors
from ucdash.celery import wake

_STORE = {"1", "true"}
_WIDEST_STORE = 10


def order(
    *,
    project: Project,
    source_url: str,
    store: str = "",
    filename: str = "",
    metadata: dict[str, str] | None = None,
    check_duplicates: bool = False,
    save_duplicates: bool | None = None,
    is_signed: bool | None = None,
) -> UrlUpload | File:
    """Have a worker fetch the address; refused at once where it can be told at once.

    With `check_duplicates` the answer is the newest file that came from the same address and was
    remembered, if there is one. `save_duplicates` (otherwise as `check_duplicates`) remembers.
    """
    check_open(project)
    if not project.accepts_url_uploads:
        raise errors.UrlUploadsOff
    metadata = check_metadata((metadata or {}).items())
    address = addresses.read(source_url)
    addresses.check(address)
    url_hash = addresses.hash_of(address)
    if check_duplicates and (known := _known_file(project, url_hash)):
        # Whoever wants to keep the file would else have one that is removed in a day.
        return library.store(file=known, actor="upload") if store.lower() in _STORE else known
    if _n_waiting(project) >= settings.FETCHES_WAITING:
        raise errors.TooManyFetches
    with transaction.atomic():
        ordered = UrlUpload(
            project=project,
            source_url=f"//{address.netloc}",
            url_hash=url_hash,
            is_remembered=check_duplicates if save_duplicates is None else save_duplicates,
            original_filename=base_name(filename) if filename else "",
            store=store[:_WIDEST_STORE],
            metadata=metadata,
            is_signed=is_signed,
            run_after=read_db_now(),
        )
        ordered.seal_url(tidy(source_url))
        ordered.save(force_insert=True)
        transaction.on_commit(partial(wake, "url_uploads.drain"))
    return ordered


def _known_file(project: Project, url_hash: str) -> File | None:
    known = UrlUpload.objects.filter(
        project=project,
        url_hash=url_hash,
        is_remembered=True,
        file__isnull=False,
        file__removed_at=None,
    )
    newest = known.select_related("file").order_by("-finished_at").first()
    return newest.file if newest else None


def _n_waiting(project: Project) -> int:
    return UrlUpload.objects.filter(project=project, run_after__isnull=False).count()


def status_of(*, token: UUID) -> UrlUpload | None:
    """The row with its file, if that token was given out and is not forgotten."""
    return UrlUpload.objects.select_related("file").filter(pk=token).first()
