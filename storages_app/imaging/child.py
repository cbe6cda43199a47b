"""The process that decodes pictures: `python -m storages_app.imaging.child`.

It reads requests from standard input and answers on standard output, each a JSON object after
four bytes of its length, until its input ends. A decoder that crashes, hangs or wants too much
memory takes this process with it and nothing else; `pool.py` starts another.
"""

import ctypes
import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from storages_app.imaging.errors import (
    BadEffects,
    ImagingError,
    NoRoom,
    NotAnImage,
    ProcessedTooLarge,
    ProcessingFailed,
)
from storages_app.imaging.limits import Limits
from storages_app.lib import disk

_NEW_NAMESPACES = 0x10000000 | 0x40000000  # CLONE_NEWUSER | CLONE_NEWNET
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_CHUNK = 1024 * 1024
_NO_ROOM = tuple(os.strerror(number) for number in disk.FULL)


def main() -> None:
    # Libraries print to standard output now and then; only we may write to the pipe.
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    _leave_the_network()
    handlers = _load_handlers()
    _send(answers, {"ready": True})
    while (request := _receive(requests)) is not None:
        _send(answers, _answer(handlers, request))


def _leave_the_network() -> None:
    """Best effort: many containers forbid it, and no decoder of ours ever dials out."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.unshare(_NEW_NAMESPACES)


def _load_handlers() -> dict[str, Callable[..., dict[str, Any]]]:
    import pyvips

    # libvips remembers what it loaded by the name of the file; ours may be used again.
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in ("Jpeg", "Png", "Nsgif", "Webp", "Tiff", "Heif", "SvgBuffer"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return {
        "render": _render,
        "inspect": _inspect,
        "fingerprint": _fingerprint,
        "main_colours": _main_colours,
    }


def _answer(
    handlers: dict[str, Callable[..., dict[str, Any]]], request: dict[str, Any]
) -> dict[str, Any]:
    limits = Limits(**request["limits"])
    _limit_this_process(limits)
    try:
        return handlers[request["do"]](limits=limits, **request["arguments"])
    except BadEffects as error:
        return {"error": error.code, "operation": error.operation, "reason": error.reason}
    except NotAnImage as error:
        return {"error": error.code, "reason": error.reason}
    except ImagingError as error:
        return {"error": error.code}
    except Exception as error:  # noqa: BLE001 - any fault of a decoder is an answer, not an end
        kind = NoRoom if _is_no_room(error) else ProcessingFailed
        return {"error": kind.code, "cause": type(error).__name__}


def _is_no_room(error: Exception) -> bool:
    """libvips has no numbers for its errors, only the words of the system."""
    return disk.is_full(error) or any(words in str(error) for words in _NO_ROOM)


def _limit_this_process(limits: Limits) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_seconds
    # One byte more than allowed, so that too large a result is told from exactly enough.
    for kind, soft in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.result_bytes + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (soft if hard < 0 else min(soft, hard), hard))


def _render(
    *,
    source: str,
    target: str,
    effects: str,
    accept: list[str],
    others: dict[str, str],
    limits: Limits,
) -> dict[str, Any]:
    from storages_app.imaging.canvas import Canvas
    from storages_app.imaging.effects import parse
    from storages_app.imaging.formats import CONTENT_TYPES
    from storages_app.imaging.picture import Picture

    if Path(source).stat().st_size > limits.source_bytes:
        raise ProcessedTooLarge
    steps = parse(effects).operations
    picture = Picture(Path(source), limits, {name: Path(path) for name, path in others.items()})
    stored = picture.source
    # Refuses what is too much.
    Canvas(stored.width, stored.height, limits, swaps_sides=stored.swaps_sides).do(steps)
    picture.do(steps)
    try:
        name = picture.write(Path(target), frozenset(accept))
    except Exception:
        if Path(target).exists() and Path(target).stat().st_size > limits.result_bytes:
            raise ProcessedTooLarge from None
        raise
    size, sha256, md5 = _measure(Path(target))
    if size > limits.result_bytes:
        raise ProcessedTooLarge
    return {
        "content_type": CONTENT_TYPES[name],
        "width": picture.width,
        "height": picture.height,
        "size": size,
        "sha256": sha256,
        "md5": md5,
    }


def _measure(path: Path) -> tuple[int, str, str]:
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as result:
        while chunk := result.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return size, sha256.hexdigest(), md5.hexdigest()


def _inspect(*, source: str, limits: Limits) -> dict[str, Any]:
    from storages_app.imaging.pillow import read_info

    info = read_info(Path(source), limits)
    return {"info": asdict(info) if info else None}


def _fingerprint(*, source: str, limits: Limits) -> dict[str, Any]:
    from storages_app.imaging.picture import Picture

    return {"hash": Picture(Path(source), limits).fingerprint()}


def _main_colours(*, source: str, n_colours: int, limits: Limits) -> dict[str, Any]:
    from storages_app.imaging import palette
    from storages_app.imaging.picture import Picture

    picture = Picture(Path(source), limits)
    picture.begin()
    picture.fit(palette.SIDE, palette.SIDE)
    return {"colours": palette.main_colours(picture.image, n_colours)}


def _receive(requests: IO[bytes]) -> dict[str, Any] | None:
    head = requests.read(4)
    if len(head) < 4:
        return None
    request: dict[str, Any] = json.loads(requests.read(int.from_bytes(head, "big")))
    return request


def _send(answers: IO[bytes], answer: dict[str, Any]) -> None:
    body = json.dumps(answer, allow_nan=False).encode()
    answers.write(len(body).to_bytes(4, "big") + body)
    answers.flush()


if __name__ == "__main__":
    main()
