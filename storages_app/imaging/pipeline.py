"""Make a processed image, or look at one; the decoding itself is done by a child process."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import (
    BadEffects,
    NoRoom,
    NotAnImage,
    OperationNotAvailable,
    ProcessedTooLarge,
    ProcessingFailed,
)
from storages_app.imaging.formats import sniff
from storages_app.imaging.info import ImageInfo
from storages_app.imaging.limits import LIMITS, Limits
from storages_app.imaging.pool import POOL, Pool

WAIT_S = 20.0  # for one of the children to be free


@dataclass(frozen=True)
class Rendered:
    """A processed image on disk."""

    path: Path
    content_type: str
    width: int
    height: int
    size: int
    sha256: str
    md5: str


def render(
    source: Path,
    effects: Effects,
    out_dir: Path,
    accept: str = "",
    *,
    others: Mapping[str, Path] = MappingProxyType({}),
    limits: Limits = LIMITS,
    pool: Pool = POOL,
    wait_s: float = WAIT_S,
) -> Rendered:
    """Process `source` into a new file in `out_dir`, which then belongs to the caller.

    `accept` is the Accept header of whom it is for; only `format/auto` reads it. `others` are the
    paths of `effects.files` by their UUIDs.
    """
    if source.stat().st_size > limits.source_bytes:
        raise ProcessedTooLarge
    if sniff(source) is None:
        raise NotAnImage
    target = out_dir / secrets.token_hex(16)
    try:
        answer = _ask(
            pool,
            "render",
            limits,
            wait_s,
            source=str(source.absolute()),
            target=str(target.absolute()),
            effects=effects.canonical,
            accept=accepted_formats(effects, accept),
            others={name: str(path.absolute()) for name, path in others.items()},
        )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Rendered(path=target, **answer)


def inspect(path: Path, *, limits: Limits = LIMITS, pool: Pool = POOL) -> ImageInfo | None:
    """The facts in a picture's header; None where it is no picture, or one over our limits."""
    if sniff(path) is None:
        return None
    try:
        answer = _ask(pool, "inspect", limits, WAIT_S, source=str(path.absolute()))
    except ProcessingFailed:
        return None
    return ImageInfo(**answer["info"]) if answer["info"] else None


def fingerprint(path: Path, *, limits: Limits = LIMITS, pool: Pool = POOL) -> str:
    """16 hex digits that stay nearly the same when a picture is resized or encoded anew."""
    answer = _ask(pool, "fingerprint", limits, WAIT_S, source=str(path.absolute()))
    return str(answer["hash"])


def main_colours(
    path: Path, n_colours: int, *, limits: Limits = LIMITS, pool: Pool = POOL
) -> list[list[int]]:
    """Red, green and blue of at most so many colours, the most frequent first."""
    source = str(path.absolute())
    answer = _ask(pool, "main_colours", limits, WAIT_S, source=source, n_colours=n_colours)
    found: list[list[int]] = answer["colours"]
    return found


def accepted_formats(effects: Effects, accept: str) -> list[str]:
    """The newer formats that the Accept header allows; none where the effects do not ask it."""
    if not effects.depends_on_accept:
        return []
    kinds = set()
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        if not any(part.replace(" ", "") in {"q=0", "q=0.0", "q=0.00"} for part in parameters):
            kinds.add(kind)
    return [name for name in ("avif", "webp") if f"image/{name}" in kinds]


def _ask(
    pool: Pool, what: str, limits: Limits, wait_s: float, **arguments: object
) -> dict[str, Any]:
    answer = pool.ask(
        {"do": what, "limits": asdict(limits), "arguments": arguments},
        seconds=limits.seconds,
        wait_s=wait_s,
    )
    error = answer.get("error")
    if error is None:
        return answer
    for kind in (BadEffects, OperationNotAvailable):
        if error == kind.code:
            raise kind(operation=answer["operation"], reason=answer["reason"])
    if error == NotAnImage.code:
        raise NotAnImage(answer["reason"])
    for plain in (ProcessedTooLarge, NoRoom):
        if error == plain.code:
            raise plain
    raise ProcessingFailed
