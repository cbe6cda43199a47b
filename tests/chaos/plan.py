"""What will happen in a run, all of it from one seed: files, incidents, and when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

KIB, MIB = 1024, 1024 * 1024

# A fifth of the calls meets one of these, chosen by the seed and the call (SlowDown:1 asks to come
# again in a second).
FAULTS = (
    "InternalError", "ServiceUnavailable", "SlowDown", "SlowDown:1", "reset", "lost", "lost",
    "truncate", "stall:0.3", "wrong_etag", "damage", "damage", "corrupt", "error_in_200",
)  # fmt: skip


class Kind(StrEnum):
    """What can happen to an installation."""

    KILL_CHILD = "SIGKILL for a process that holds copies"
    KILL_WORKER = "SIGKILL for a worker with all its processes"
    FREEZE = "SIGSTOP for longer than a lease, then SIGCONT"
    WIPE_BROKER = "the broker forgets everything"
    RESTART_DATABASE = "immediate restart of the database"
    FULL_DISK = "no space left in the upload storage"
    BLACKOUT = "bucket down, all workers killed, broker wiped, work left"


@dataclass(frozen=True)
class PlannedFile:
    """One upload. Its bytes follow from its seed."""

    number: int
    name: str
    size: int
    seed: str
    is_image: bool = False
    wants_variant: bool = False
    is_rival: bool = False  # another file has the same name, and its copies the same key

    def content(self) -> bytes:
        if self.is_image:
            return _image(random.Random(self.seed))
        return random.Random(self.seed).randbytes(self.size)


@dataclass(frozen=True)
class Incident:
    """Happens once so many files were uploaded, after `delay_s` and while copies are made."""

    after_files: int
    kind: Kind
    delay_s: float


@dataclass(frozen=True)
class Form:
    """How much of everything."""

    name: str
    n_files: int
    n_variants: int
    n_rivals: int  # files of pairs that want one key
    n_kills: int
    n_freezes: int
    n_wipes: int
    n_restarts: int
    n_full_disks: int
    fault_rate: float
    largest: tuple[int, int, int, int]  # of the four classes of sizes
    multipart_threshold: int
    drain_s: int  # for what is left when the incidents are over

    def without_database_restarts(self) -> "Form":
        return Form(**{**self.__dict__, "n_restarts": 0})


CI = Form(
    name="ci",
    n_files=500,
    n_variants=20,
    n_rivals=20,
    n_kills=10,
    n_freezes=2,
    n_wipes=2,
    n_restarts=1,
    n_full_disks=1,
    fault_rate=0.2,
    largest=(16 * KIB, 256 * KIB, 2 * MIB, 7 * MIB),
    multipart_threshold=512 * KIB,
    drain_s=90,
)
FULL = Form(
    name="full",
    n_files=10_000,
    n_variants=500,
    n_rivals=200,
    n_kills=60,
    n_freezes=6,
    n_wipes=5,
    n_restarts=3,
    n_full_disks=1,
    fault_rate=0.2,
    largest=(64 * KIB, 1 * MIB, 8 * MIB, 64 * MIB),
    multipart_threshold=1 * MIB,
    drain_s=600,
)
_SHARES = (0.70, 0.20, 0.09, 0.01)  # of the four classes of sizes (G1)


@dataclass(frozen=True)
class Plan:
    """A run, before it happens."""

    seed: int
    form: Form
    files: tuple[PlannedFile, ...] = field(repr=False)
    incidents: tuple[Incident, ...]

    @classmethod
    def of(cls, seed: int, form: Form) -> "Plan":
        """The same plan each time for the same seed and form."""
        chance = random.Random(f"{seed}/{form.name}")
        return cls(seed, form, tuple(_files(seed, form, chance)), tuple(_incidents(form, chance)))

    def describe(self) -> str:
        """For the end of a run that failed: what was to happen, in order."""
        total = sum(file.size for file in self.files)
        rows = [f"Seed {self.seed}, form {self.form.name}, {self.form.fault_rate:.0%} faults"]
        rows += [f"  {len(self.files)} files, {total / 1e6:.0f} MB"]
        rows += [
            f"  after {one.after_files:>6} files and {one.delay_s:.2f} s: {one.kind}"
            for one in self.incidents
        ]
        return "\n".join(rows)


def _files(seed: int, form: Form, chance: random.Random) -> Iterator[PlannedFile]:
    first_rival = form.n_files - form.n_rivals
    every = first_rival // form.n_variants
    for number in range(form.n_files):
        is_image = number % every == 0 and number // every < form.n_variants
        is_rival = number >= first_rival
        own_name = f"file-{number:05}.{'png' if is_image else 'bin'}"
        yield PlannedFile(
            number=number,
            name=f"rival-{(number - first_rival) // 2:03}.bin" if is_rival else own_name,
            size=_size(form, chance),
            seed=f"{seed}/{number}",
            is_image=is_image,
            wants_variant=is_image,
            is_rival=is_rival,
        )


def _size(form: Form, chance: random.Random) -> int:
    """By the classes of G1; inside a class small ones are more frequent."""
    (which,) = chance.choices(range(4), _SHARES)
    low = (1, form.largest[0], form.largest[1], max(form.largest[2], form.largest[3] // 4))[which]
    high = form.largest[which]
    if which == 0 and chance.random() < 0.03:
        return 0
    return round(low * (high / low) ** chance.random())


def _incidents(form: Form, chance: random.Random) -> Iterator[Incident]:
    """In mixed order, evenly over the first nine tenths of the uploads; in the end a blackout.

    After it nobody is woken by a message, so that what is left tells who looks for work.
    """
    n_workers = form.n_kills // 3
    kinds = [
        *[Kind.KILL_WORKER] * n_workers,
        *[Kind.KILL_CHILD] * (form.n_kills - n_workers - 1),
        *[Kind.FREEZE] * form.n_freezes,
        *[Kind.WIPE_BROKER] * (form.n_wipes - 1),
        *[Kind.RESTART_DATABASE] * form.n_restarts,
        *[Kind.FULL_DISK] * form.n_full_disks,
    ]
    chance.shuffle(kinds)
    step = (form.n_files * 0.9 - form.n_files * 0.04) / len(kinds)
    for number, kind in enumerate(kinds):
        at = form.n_files * 0.04 + step * (number + chance.random() * 0.6)
        yield Incident(round(at), kind, chance.random() * 0.4)
    yield Incident(round(form.n_files * 0.93), Kind.BLACKOUT, 0.0)


def _image(chance: random.Random) -> bytes:
    """A small PNG of its own colours."""
    from tests.pictures import png

    return png(chance.randrange(60, 200), chance.randrange(60, 200))
