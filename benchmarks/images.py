"""Processed images beside thumbor, Pillow and the bare libvips call, in one run.

Three pictures drawn by code: a photo of 12 megapixels (JPEG) to 800 pixels in three formats, a
picture of 24 megapixels (PNG) to 400, and 100 thumbnails of mixed kinds. Ours is `pipeline.render`,
from the question to the measured file, with its child process; the peers make the same in a process
of their own and say how long it took them, without the way there. Each round asks all in turn; a
table tells seconds, bytes and how like its source each result is.

Then whole servers, four people asking at once: cold pictures, thumbor's server beside ours, and
cached ones, nginx beside ours. thumbor is installed from PyPI into a scratch environment;
`THUMBOR=…/bin/python` names one that is there.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyvips
import requests
from PIL import Image

from benchmarks.common import main, memory_mb, report, running_web, upload
from storages_app.imaging import encoding, pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.pool import Pool
from storages_app.imaging.similarity import ssim
from tests.rig import debian, nginx
from tests.rig.installation import Installation
from tests.rig.processes import free_port, wait_until

ROUNDS = int(os.environ.get("ROUNDS", "7"))
THUMBNAILS = int(os.environ.get("THUMBNAILS", "100"))
SECONDS = int(os.environ.get("SECONDS", "4"))
AT_ONCE = 4
PEERS = ("libvips", "Pillow", "thumbor")
_Q = {"jpeg": 80, "webp": 80, "avif": 56, "png": 80}
_PEERS = Path(__file__).with_name("image_peers.py")


@dataclass(frozen=True)
class Job:
    """One picture to be made."""

    source: Path
    width: int
    height: int
    format: str

    @property
    def effects(self) -> str:
        # AVIF is given to browsers that say they take it, and cannot be asked for otherwise.
        wanted = "auto" if self.format == "avif" else self.format
        return f"-/resize/{self.width}x{self.height}/-/format/{wanted}/"

    def words(self, target: Path) -> dict[str, Any]:
        """For a peer: the same quality, and for libvips our options too."""
        options = encoding.options_of(self.format.upper(), is_progressive=False)
        options |= {} if self.format == "png" else {"Q": _Q[self.format]}
        return {
            "source": str(self.source),
            "target": str(target),
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "quality": _Q[self.format],
            "options": options,
        }

    @cached_property
    def reference(self) -> pyvips.Image:
        """The source made smaller by the plain average of its pixels, which no contender does."""
        with Image.open(self.source) as image:
            small = image.convert("RGB").resize((self.width, self.height), Image.Resampling.BOX)
        return pyvips.Image.new_from_memory(
            small.tobytes(), self.width, self.height, 3, "uchar"
        ).copy(interpretation="srgb")

    def similarity(self, made: Path) -> float:
        image = pyvips.Image.new_from_file(str(made))
        return ssim(self.reference, image.flatten() if image.hasalpha() else image)


class Peer:
    """A process that makes pictures as somebody else does."""

    def __init__(self, name: str, python: str) -> None:
        environment = {"PATH": os.environ["PATH"], "VIPS_CONCURRENCY": "1"}
        self._process = subprocess.Popen(
            [python, str(_PEERS), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def make(self, job: Job, target: Path) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job.words(target)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "The peer has ended."
        return float(json.loads(line)["seconds"])

    @property
    def memory(self) -> float:
        return memory_mb(self._process.pid)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Ours:
    """A process that asks a child, as a web process does."""

    def __init__(self) -> None:
        self._pool = Pool(size=1)

    def make(self, job: Job, target: Path) -> float:
        started = time.perf_counter()
        made = pipeline.render(
            job.source, parse(job.effects), target.parent, "image/avif", pool=self._pool
        )
        seconds = time.perf_counter() - started
        made.path.rename(target)
        return seconds

    @property
    def memory(self) -> float:
        return sum(memory_mb(pid) for pid in self._pool.pids)

    def end(self) -> None:
        self._pool.close()


@dataclass
class Found:
    """What one contender needed for one list of pictures."""

    seconds: float
    memory: float
    n_bytes: int
    similarity: float


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        python = os.environ.get("THUMBOR") or _install_thumbor(folder)
        photo, picture = _photo(folder / "photo.jpg", 4000, 3000), folder / "picture.png"
        _scene(6000, 4000, seed=7).pngsave(str(picture), compression=6)
        tasks = {
            f"12 Mpx JPEG to 800, {kind}": [Job(photo, 800, 600, kind)]
            for kind in ("jpeg", "webp", "avif")
        }
        tasks["24 Mpx PNG to 400, png"] = [Job(picture, 400, 267, "png")]
        tasks[f"{THUMBNAILS} thumbnails"] = _mixed(folder)
        found = {}
        for task, jobs in tasks.items():
            rounds = ROUNDS if len(jobs) == 1 else max(1, ROUNDS // 3)
            found[task] = _measure(jobs, folder, python, rounds)
            print(_line(task, found[task]), flush=True)
        _report(found, _measure_servers(folder, photo, python, stack))


def _measure(jobs: list[Job], folder: Path, python: str, rounds: int) -> dict[str, Found]:
    """Each contender in a fresh process; the first round is not counted: it warms the caches."""
    makers: dict[str, Ours | Peer] = {"ucdash": Ours()}
    makers |= {name: Peer(name, python if name == "thumbor" else sys.executable) for name in PEERS}
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    try:
        for count in range(rounds + 1):
            for name, maker in makers.items():
                spent = sum(maker.make(job, folder / f"{name}-{job.format}") for job in jobs)
                if count:
                    seconds[name].append(spent)
        return {
            name: _judge(name, maker, jobs, folder, statistics.median(seconds[name]))
            for name, maker in makers.items()
        }
    finally:
        for maker in makers.values():
            maker.end()


def _judge(name: str, maker: Ours | Peer, jobs: list[Job], folder: Path, seconds: float) -> Found:
    n_bytes, alike = [], []
    for job in jobs:
        target = folder / f"{name}-{job.format}"
        if len(jobs) > 1:
            maker.make(job, target)
        with Image.open(target) as made:
            assert made.size == (job.width, job.height), (name, job, made.size)
            assert made.format == job.format.upper(), (name, job, made.format)
        n_bytes.append(target.stat().st_size)
        alike.append(job.similarity(target))
    return Found(seconds, maker.memory, sum(n_bytes), statistics.mean(alike))


def _line(task: str, found: dict[str, Found]) -> str:
    lines = [task]
    for name, one in found.items():
        lines.append(
            f"    {name:<8} {one.seconds * 1000:8.1f} ms {one.memory:6.0f} MB "
            f"{one.n_bytes:9} bytes   similarity {one.similarity:.4f}"
        )
    return "\n".join(lines)


def _scene(width: int, height: int, *, seed: int) -> pyvips.Image:
    """Clouds of several sizes and a little noise: as hard to encode as a photo, always equal."""
    layers = [
        pyvips.Image.perlin(width, height, cell_size=size, seed=seed + size) * strength
        for size, strength in ((512, 60), (64, 30), (12, 25))
    ]
    grain = pyvips.Image.gaussnoise(width, height, mean=0, sigma=6, seed=seed)
    tint = pyvips.Image.perlin(width, height, cell_size=800, seed=seed) * 50
    light = layers[0] + layers[1] + layers[2] + grain + 125
    scene = light.bandjoin([light * 0.9 + tint, light * 0.7 - tint + 15])
    return scene.cast("uchar").copy(interpretation="srgb")


def _photo(path: Path, width: int, height: int) -> Path:
    _scene(width, height, seed=3).jpegsave(str(path), Q=90)
    return path


def _mixed(folder: Path) -> list[Job]:
    """Sources of five kinds, two sizes each, to squares of 200 pixels."""
    sources = []
    for side in (1200, 2000):
        scene = _scene(side, side, seed=side).copy_memory()
        for suffix in (".jpg", ".png", ".webp", ".tif", ".gif"):
            path = folder / f"mixed-{side}{suffix}"
            scene.write_to_file(str(path))
            sources.append(path)
    return [
        Job(sources[n % len(sources)], 200, 200, ("jpeg", "webp")[n // len(sources) % 2])
        for n in range(THUMBNAILS)
    ]


def _measure_servers(folder: Path, photo: Path, python: str, stack: ExitStack) -> dict[str, float]:
    """Pictures a second; a cold request is for a width that nobody has asked for."""
    _install_missing()
    installation = stack.enter_context(running_web())
    project = installation.create_project("Benchmark")
    (uuid,) = upload(installation, project, [photo])
    thumbor = stack.enter_context(_thumbor_server(folder, python))

    def ours(kind: str, width: int) -> str:
        wanted = "auto" if kind == "avif" else kind
        return f"{installation.files_url}/{uuid}/-/resize/{width}x/-/format/{wanted}/"

    def theirs(kind: str, width: int) -> str:
        return f"{thumbor}/unsafe/{width}x0/filters:format({kind})/{photo.name}"

    found: dict[str, float] = {}
    for kind in ("jpeg", "webp", "avif"):
        rates: dict[str, list[float]] = {"ucdash": [], "thumbor": []}
        for count in range(max(1, ROUNDS // 2)):
            widths = range(780 + 17 * count, 797 + 17 * count)
            for name, address in (("ucdash", ours), ("thumbor", theirs)):
                rates[name].append(_pictures_a_second([address(kind, w) for w in widths], kind))
        found |= {f"cold {kind}, {name}": statistics.median(rate) for name, rate in rates.items()}
    return found | _measure_cached(folder, installation, uuid, stack)


def _pictures_a_second(addresses: list[str], kind: str) -> float:
    with requests.Session() as session, ThreadPoolExecutor(AT_ONCE) as people:

        def ask(url: str) -> None:
            answer = session.get(url, timeout=60, headers={"Accept": "image/avif"})
            assert answer.headers["Content-Type"] == f"image/{kind}", answer.text[:200]

        ask(addresses[0])
        started = time.perf_counter()
        list(people.map(ask, addresses[1:]))
        return (len(addresses) - 1) / (time.perf_counter() - started)


def _measure_cached(
    folder: Path, installation: Installation, uuid: str, stack: ExitStack
) -> dict[str, float]:
    path = f"/{uuid}/-/resize/800x/-/format/jpeg/"
    public = folder / "public"
    public.mkdir()
    body = requests.get(installation.files_url + path, timeout=60).content
    (public / "picture.jpg").write_bytes(body)
    address = stack.enter_context(
        nginx.running_nginx(folder / "nginx", f"location / {{ root {public}; }}")
    )
    for parent in (folder, public):
        parent.chmod(0o755)
    asked = {"ucdash": installation.files_url + path, "nginx": f"{address}/picture.jpg"}
    rates: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(3):
        for name, url in asked.items():
            rates[name].append(_ask(url))
    return {f"cached, {name}": statistics.median(values) for name, values in rates.items()}


def _ask(url: str) -> float:
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{SECONDS}s", url], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in done.stdout, done.stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate, done.stdout
    return float(rate[1])


@contextmanager
def _thumbor_server(folder: Path, python: str) -> Iterator[str]:
    """As it comes, reading the folder and keeping nothing."""
    port = free_port()
    configuration = folder / "thumbor.conf"
    configuration.write_text(
        "LOADER = 'thumbor.loaders.file_loader'\n"
        f"FILE_LOADER_ROOT_PATH = {str(folder)!r}\n"
        "STORAGE = 'thumbor.storages.no_storage'\n"
        "ALLOW_UNSAFE_URL = True\n"
    )
    process = subprocess.Popen(
        [
            *(python, "-m", "thumbor.server", "-c", str(configuration)),
            *("-i", "127.0.0.1", "-p", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/healthcheck", timeout=1).ok
        except requests.RequestException:
            return False

    try:
        wait_until(answers, within=30, what="thumbor answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _install_thumbor(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", str(folder / "thumbor")], check=True)
    python = str(folder / "thumbor" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "thumbor"], check=True)
    return python


def _install_missing() -> None:
    missing = [] if nginx.binary() else [nginx.PACKAGE]
    if not shutil.which("wrk"):
        missing.append("wrk")
    if missing:
        debian.install(*missing)


def _report(found: dict[str, dict[str, Found]], rates: dict[str, float]) -> None:
    ratios = {
        task: {name: round(one[name].seconds / one["ucdash"].seconds, 2) for name in PEERS}
        for task, one in found.items()
    }
    first = next(iter(found.values()))
    thumbnails = list(found.values())[-1]
    report(
        name="images",
        ours=first["ucdash"].seconds * 1000,
        peer=first["thumbor"].seconds * 1000,
        peer_name="thumbor's engine",
        unit="ms for 12 Mpx JPEG to 800 px JPEG",
        more_is_better=False,
        memory=max(one["ucdash"].memory for one in found.values()),
        rows=[
            *((f"{task}: times as fast as", str(ratio)) for task, ratio in ratios.items()),
            *(
                (f"thumbnails a second, {name}", f"{THUMBNAILS / one.seconds:.0f}")
                for name, one in thumbnails.items()
            ),
            *((f"servers, {name}", f"{rate:.1f} a second") for name, rate in rates.items()),
        ],
        ratios=ratios,
        ratios_cold_servers={
            kind: round(rates[f"cold {kind}, ucdash"] / rates[f"cold {kind}, thumbor"], 2)
            for kind in ("jpeg", "webp", "avif")
        },
        ratio_cached_nginx=round(rates["cached, ucdash"] / rates["cached, nginx"], 3),
    )


if __name__ == "__main__":
    main(run)
