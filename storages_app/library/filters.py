"""Which files of a project somebody looks for: one set of filters for pages, lists and programs.

Some are answered by an index, whatever a project has; others look at each file. How far back those
may look is for the caller to say: see `window`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, Q
from django_filters import CharFilter, ChoiceFilter, DateFilter, FilterSet

from storages_app.models import CopyJob, CustomStorage, File, GroupMember, Project
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.files import FileQuerySet

ANY_STORAGE = "*"  # no storage has this name
_MOST_OF_GROUP = 1_000
_MOST_NAMED = 1_000
_MB = 1_000_000
TYPES = {
    "image": ("Images", Q(detected_type__startswith="image/")),
    "video": ("Videos", Q(detected_type__startswith="video/")),
    "audio": ("Sound", Q(detected_type__startswith="audio/")),
    "pdf": ("PDF", Q(detected_type="application/pdf")),
    "text": ("Text", Q(detected_type__startswith="text/")),
}
SIZES = {
    "to-100kb": ("Under 100 kB", 0, 100_000),
    "100kb-1mb": ("100 kB to 1 MB", 100_000, _MB),
    "1mb-10mb": ("1 to 10 MB", _MB, 10 * _MB),
    "10mb-100mb": ("10 to 100 MB", 10 * _MB, 100 * _MB),
    "from-100mb": ("100 MB and more", 100 * _MB, None),
}
OTHER_TYPES = "other"


def _day(value: date, later: int = 0) -> datetime:
    return datetime.combine(value + timedelta(days=later), time.min, tzinfo=UTC)


def _uuid_in(text: str) -> UUID | None:
    """The UUID that the text is, or begins with as the wire's name of a group does."""
    try:
        return UUID(text.strip().partition("~")[0])
    except ValueError:
        return None


class _Dates(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class FileFilter(FilterSet):  # type: ignore[misc]
    """What makes no sense is left out, so that an old address still shows a list."""

    q = CharFilter(label="Name or UUID", method="by_text", max_length=255)
    stored = ChoiceFilter(
        label="Stored",
        method="by_stored",
        empty_label="Stored or not",
        choices=[("yes", "Stored"), ("no", "Not stored")],
    )
    type = ChoiceFilter(
        label="Type",
        method="by_type",
        empty_label="Any type",
        choices=[*((key, label) for key, (label, _) in TYPES.items()), (OTHER_TYPES, "Others")],
    )
    size = ChoiceFilter(
        label="Size",
        method="by_size",
        empty_label="Any size",
        choices=[(key, label) for key, (label, _, _) in SIZES.items()],
    )
    since = DateFilter(label="Uploaded since", method="by_first_day", widget=_Dates)
    until = DateFilter(label="Uploaded until", method="by_last_day", widget=_Dates)
    copied_to = ChoiceFilter(label="Copied to", method="by_copy", empty_label="Any or none")
    not_copied_to = ChoiceFilter(label="Not copied to", method="by_lack", empty_label="–")
    copy_failed = ChoiceFilter(label="Copy failed", method="by_failure", empty_label="–")
    group = CharFilter(label="Group", method="by_group", max_length=60)
    metadata = CharFilter(label="Metadata key", method="by_metadata", max_length=64)

    looks_at_each = ("q", "type", "size", "copied_to", "not_copied_to", "copy_failed", "metadata")

    seldom = (
        "size",
        "since",
        "until",
        "copied_to",
        "not_copied_to",
        "copy_failed",
        "group",
        "metadata",
    )

    class Meta:
        model = File
        fields: tuple[str, ...] = ()

    def __init__(self, data: Mapping[str, Any], *, project: Project) -> None:
        super().__init__(data, queryset=File.objects.live().filter(project=project))
        self.project = project
        self._failed_files: dict[str, list[UUID] | None] = {}
        connected = CustomStorage.objects.connected().filter(project=project).order_by("name")
        self._storages = {storage.name: storage for storage in connected}
        names = [(name, name) for name in self._storages]
        self.filters["copied_to"].extra["choices"] = names
        self.filters["not_copied_to"].extra["choices"] = names
        self.filters["copy_failed"].extra["choices"] = [(ANY_STORAGE, "To any storage"), *names]

    @property
    def asked(self) -> dict[str, Any]:
        """The filters that are used and make sense."""
        self.form.is_valid()
        return {name: value for name, value in self.form.cleaned_data.items() if value}

    @property
    def texts(self) -> dict[str, str]:
        """The same as an address says it, to be kept and read again."""
        return {name: str(value) for name, value in self.asked.items()}

    @property
    def problem(self) -> str:
        """Why a filter makes no sense, the first that does not; empty if all do."""
        for name, problems in self.form.errors.items():
            return f"`{name}`: {problems[0]}"
        return ""

    @property
    def is_used(self) -> bool:
        return bool(self.asked)

    @property
    def has_more(self) -> bool:
        """Whether one of the seldom used ones is."""
        return any(name in self.asked for name in self.seldom)

    @property
    def files(self) -> FileQuerySet:
        found: FileQuerySet = self.qs
        return found

    def window(self, *, most: int, before: datetime | None, after: datetime | None) -> Any:
        """How far from `before` back, or from `after` on, `most` files reach; None if to the end.

        Only where filters are used that look at each file: without a bound, one that finds nothing
        would read a million of them.
        """
        asked = self.asked
        if not any(name in asked for name in self.looks_at_each) or self._are_few(asked):
            return None
        files = File.objects.filter(project=self.project, removed_at=None)
        if "stored" in asked:
            files = files.filter(stored_at__isnull=asked["stored"] == "no")
        files = self._of_days(files, asked)
        if after is not None:
            files = files.filter(uploaded_at__gt=after).order_by("uploaded_at")
        else:
            files = files.filter(uploaded_at__lt=before) if before is not None else files
            files = files.order_by("-uploaded_at")
        return files.values_list("uploaded_at", flat=True)[most - 1 : most].first()

    def _of_days(self, files: FileQuerySet, asked: Mapping[str, Any]) -> FileQuerySet:
        if "since" in asked:
            files = self.by_first_day(files, "since", asked["since"])
        return self.by_last_day(files, "until", asked["until"]) if "until" in asked else files

    def _are_few(self, asked: Mapping[str, Any]) -> bool:
        """Found by their keys, which something else than their row tells."""
        return (
            "group" in asked
            or ("q" in asked and self._by_key(asked["q"]) is not None)
            or ("copy_failed" in asked and self._failed(asked["copy_failed"]) is not None)
        )

    def _by_key(self, text: str) -> UUID | None:
        file_uuid = _uuid_in(text) if "~" not in text else None
        if file_uuid is None:
            return None
        is_ours = File.objects.filter(project=self.project, pk=file_uuid, removed_at=None).exists()
        return file_uuid if is_ours else None

    # --- One filter each ----------------------------------------------------------------------

    def by_text(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        if file_uuid := self._by_key(value):
            return files.filter(pk=file_uuid)
        return files.filter(original_filename__icontains=value)

    def by_stored(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        return files.filter(stored_at__isnull=value == "no")

    def by_type(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        if value != OTHER_TYPES:
            return files.filter(TYPES[value][1])
        for _, is_of_type in TYPES.values():
            files = files.exclude(is_of_type)
        return files

    def by_size(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        _, least, under = SIZES[value]
        files = files.filter(size__gte=least)
        return files if under is None else files.filter(size__lt=under)

    def by_first_day(self, files: FileQuerySet, name: str, value: date) -> FileQuerySet:
        return files.filter(uploaded_at__gte=_day(value))

    def by_last_day(self, files: FileQuerySet, name: str, value: date) -> FileQuerySet:
        if value == date.max:
            return files
        return files.filter(uploaded_at__lt=_day(value, 1))

    def by_copy(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        return files.filter(Exists(self._copies(value, State.DONE)))

    def by_lack(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        return files.filter(~Exists(self._copies(value, State.DONE)))

    def by_failure(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        named = self._failed(value)
        if named is not None:
            return files.filter(pk__in=named)
        failed = self._of_storage(CopyJob.objects.filter(state=State.FAILED), value)
        return files.filter(Exists(failed.filter(file=OuterRef("pk"))))

    def _failed(self, storage: str) -> list[UUID] | None:
        """Whose copies have failed, found by an index however old they are; None if many have."""
        if storage not in self._failed_files:
            ended = CopyJob.objects.filter(
                project=self.project, state=State.FAILED, finished_at__isnull=False
            )
            found = self._of_storage(ended, storage).order_by().values_list("file", flat=True)
            named = list(found[: _MOST_NAMED + 1])
            self._failed_files[storage] = None if len(named) > _MOST_NAMED else named
        return self._failed_files[storage]

    def _of_storage(self, copies: CopyJobQuerySet, storage: str) -> CopyJobQuerySet:
        if storage == ANY_STORAGE:
            return copies
        return copies.filter(custom_storage=self._storages[storage])

    def _copies(self, storage: str, state: State) -> CopyJobQuerySet:
        """Of one file's original, by the index over its copies."""
        copies = CopyJob.objects.filter(file=OuterRef("pk"), state=state, effects="")
        return self._of_storage(copies, storage)

    def by_group(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        group = _uuid_in(value)
        if group is None:
            return files.none()
        # Named one by one: given as a query, a database may read all files and ask of each.
        members = GroupMember.objects.filter(
            group=group, group__project=self.project, group__removed_at=None
        )
        found = members.order_by("position").values_list("file", flat=True)
        return files.filter(pk__in=list(found[:_MOST_OF_GROUP]))

    def by_metadata(self, files: FileQuerySet, name: str, value: str) -> FileQuerySet:
        return files.filter(metadata__has_key=value)
