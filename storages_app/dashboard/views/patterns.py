"""The editor of naming patterns: what a pattern makes of real files, and what it would break."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from storages_app.custom_storages import addresses, key_patterns
from storages_app.custom_storages.errors import AddressRefused, BadPattern
from storages_app.dashboard.access import PageRequest, project_page, storage_of
from storages_app.imaging import effects
from storages_app.models import CustomStorage, File, Project
from storages_app.projects.roles import Action

_PROCESSED = effects.parse("-/resize/800x/").key_text
_MEANINGS = {
    "default": "the usual: ${uuid}/${auto_filename}",
    "auto_filename": "${filename}${effects}${ext}",
    "uuid": "the file's UUID; no two files have the same",
    "filename": "its name without the extension",
    "effects": "the image operations of a processed copy",
    "ext": "its extension, with the dot",
    "yyyy": "year of the upload (UTC)",
    "mm": "month, 01 to 12",
    "dd": "day, 01 to 31",
    "project": "the project's short name",
    "mime_group": "image, video, audio, text, document or other",
}


@dataclass(frozen=True)
class Variable:
    """One insert button with what it stands for."""

    text: str
    meaning: str


VARIABLES = [Variable(f"${{{name}}}", _MEANINGS[name]) for name in key_patterns.VARIABLES]


@dataclass(frozen=True)
class Shown:
    """One line of the preview."""

    label: str
    preview: key_patterns.Preview


@dataclass(frozen=True)
class PatternEditor:
    """What `_pattern.html` shows beside the field."""

    storage: CustomStorage
    previews: list[Shown] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    @property
    def variables(self) -> list[Variable]:
        return VARIABLES


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def preview(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """The lines below the field, for what is typed so far."""
    storage = storage_of(project, storage_id)
    shown = editor(
        storage,
        pattern=request.POST.get("key_pattern", ""),
        prefix=request.POST.get("prefix", storage.prefix),
    )
    return render(request, "dashboard/_pattern_preview.html", {"pattern": shown})


def editor(
    storage: CustomStorage, *, pattern: str | None = None, prefix: str | None = None
) -> PatternEditor:
    """The preview of a pattern as it was typed, right or wrong; the storage's own if none is."""
    typed = (storage.key_pattern if pattern is None else pattern).strip() or "${default}"
    front = _cleaned_prefix(storage, prefix)
    try:
        key_patterns.check_pattern(typed, prefix=front)
        samples = list(_samples(storage.project))
        previews = key_patterns.preview(typed, front, [sample for _, sample in samples])
    except BadPattern as error:
        return PatternEditor(storage, mistakes=key_patterns.did_you_mean(typed) or [error.message])
    return PatternEditor(
        storage,
        previews=[Shown(label, one) for (label, _), one in zip(samples, previews, strict=True)],
        warnings=_warnings(storage.project, typed, samples[0][1].original_filename),
    )


def _cleaned_prefix(storage: CustomStorage, typed: str | None) -> str:
    try:
        return addresses.clean_prefix(storage.prefix if typed is None else typed)
    except AddressRefused:
        return storage.prefix  # its own field says what is wrong with it


def _warnings(project: Project, pattern: str, example: str) -> list[str]:
    if not key_patterns.warnings(pattern):
        return []
    n_clashes = File.objects.live().filter(project=project).n_pairs_of_one_name()
    return key_patterns.warnings(pattern, example=example, n_clashes=n_clashes)


def _samples(project: Project) -> Iterator[tuple[str, key_patterns.Sample]]:
    """The newest file, a processed one, and one whose name is hard; made up where there is none."""
    files = File.objects.live().filter(project=project).order_by("-uploaded_at")
    newest = files.first()
    image = newest if newest and newest.is_image else files.filter(is_image=True).first()
    label = "Newest file" if newest else "A file"
    yield label, _sample(project, newest, "photo.jpg")
    yield "Processed image", _sample(project, image, "photo.jpg", effects=_PROCESSED)
    yield "A hard name", _sample(project, None, key_patterns.HARD_NAME)


def _sample(
    project: Project, file: File | None, name: str, *, effects: str = ""
) -> key_patterns.Sample:
    uploaded_at: datetime = file.uploaded_at if file else timezone.now()
    return key_patterns.Sample(
        original_filename=file.original_filename if file else name,
        uuid=str(file.uuid if file else uuid.UUID(int=0)),
        uploaded_at=uploaded_at,
        project=project.slug,
        mime_type=file.mime_type if file else "image/jpeg",
        effects=effects,
    )
