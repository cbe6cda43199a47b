"""What the playground shows: a picture as operations make it, and where copies of it would go."""

from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

from django.db.models import Exists, OuterRef

from storages_app.copying import orders
from storages_app.custom_storages import key_patterns
from storages_app.custom_storages.processed import read_effects
from storages_app.dashboard.forms.base import message_of
from storages_app.imaging.effects import Effects
from storages_app.imaging.formats import CONTENT_TYPES
from storages_app.imaging.pipeline import Rendered
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, CopyJob, CustomStorage, File
from storages_app.renditions import services as renditions

_PATIENCE_S = 10.0  # somebody looks at an empty page meanwhile
_MOST_PLACES = 10
_USUAL = "-/preview/1200x900/"
_IN_ADDRESSES = "/%,:~@-._"
_NAMES = {content_type: name for name, content_type in CONTENT_TYPES.items()}


@dataclass(frozen=True)
class Step:
    """One operation as it was written, and what remains when it is taken out."""

    text: str
    without: str


@dataclass(frozen=True)
class Place:
    """Where a copy would be; `word` is the state of one that was ordered, or else empty."""

    storage: CustomStorage
    url: str = ""
    word: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Trial:
    """A file and operations: the picture that they make, or why there is none."""

    file: File
    text: str
    effects: Effects = field(default_factory=Effects)
    made: Rendered | None = None
    refusal: str = ""
    is_too_large: bool = False
    places: list[Place] = field(default_factory=list)
    usual_key: str = ""

    @property
    def shown(self) -> str:
        """The operations of the picture on the page; an original is shown in a usual size."""
        return _USUAL if self.effects.is_empty else self.text

    @property
    def format(self) -> str:
        return _NAMES.get(self.made.content_type, "") if self.made else ""

    @property
    def share(self) -> str:
        """The size beside that of the original, in words."""
        if self.made is None or not self.file.size:
            return ""
        share = self.made.size / self.file.size
        return f"{share:.1f} times the original" if share >= 2 else f"{share:.0%} of the original"

    @property
    def can_be_copied(self) -> bool:
        return self.made is not None and any(place.url for place in self.places)


def try_out(file: File, text: str) -> Trial:
    """Make the picture and say what it became; what cannot be is told and no error."""
    text = tidy(text)
    try:
        effects = read_effects(text)
        if not effects.is_empty and file.size > orders.MAX_PROCESSED:
            return Trial(file, text, effects, is_too_large=True)
        made = None if effects.is_empty else _render(file, effects)
    except FileNotFoundError:
        return Trial(file, text, refusal="The original is not in the upload storage.")
    except UcdashError as error:
        return Trial(file, text, refusal=message_of(error))
    places = _places(file, effects)
    usual_key = "" if places else _usual_key(file, effects)
    return Trial(file, text, effects, made, places=places, usual_key=usual_key)


def tidy(text: str) -> str:
    """Operations as an address has them: no line ends, what needs it percent-encoded."""
    text = quote("".join(text.split("\n")).replace("\r", "").strip(), safe=_IN_ADDRESSES)
    return text if not text or text.endswith("/") else f"{text}/"


def with_operation(text: str, name: str, parameters: str) -> str:
    """The text with one operation more at its end."""
    return tidy(f"{tidy(text)}-/{name}/{parameters.strip().strip('/')}".rstrip("/"))


def steps_of(text: str) -> list[Step]:
    """The operations as they are written, right or wrong."""
    parts: list[str] = []
    for word in tidy(text).split("/"):
        if word == "-" or not parts:
            parts.append("")
        if word:
            parts[-1] += f"{word}/"
    written = [part for part in parts if part]
    return [Step(part, "".join(written[:n] + written[n + 1 :])) for n, part in enumerate(written)]


def _render(file: File, effects: Effects) -> Rendered:
    """As copies have it, without the newer formats that a browser may be given."""
    return renditions.render(file=file, effects=effects, patience_s=_PATIENCE_S)


def _places(file: File, effects: Effects) -> list[Place]:
    """The project's storages, that of the backup last, with the key that a copy would get."""
    backups = BackupPlan.objects.filter(custom_storage=OuterRef("pk"))
    connected = CustomStorage.objects.connected().filter(project=file.project_id)
    storages = connected.order_by(Exists(backups), "name").select_related("project")
    jobs = {
        (job.custom_storage_id, job.key): job.word
        for job in CopyJob.objects.filter(file=file, effects=effects.canonical)
    }
    return [_place(file, effects, storage, jobs) for storage in storages[:_MOST_PLACES]]


def _place(
    file: File, effects: Effects, storage: CustomStorage, jobs: dict[tuple[UUID, str], str]
) -> Place:
    try:
        order = orders.order_for(
            file=file,
            custom_storage=storage,
            effects=effects.canonical,
            key_text=effects.key_text,
        )
    except UcdashError as error:
        return Place(storage, refusal=message_of(error))
    word = jobs.get((storage.pk, order.key), "")
    return Place(storage, f"s3://{storage.bucket}/{order.key}", word)


def _usual_key(file: File, effects: Effects) -> str:
    return key_patterns.expand(
        "${default}",
        prefix="",
        uuid=str(file.uuid),
        original_filename=file.original_filename,
        uploaded_at=file.uploaded_at,
        project="",
        mime_type=file.mime_type,
        effects=effects.key_text,
    )
