"""deploy/systemd: systemd reads the units, and what runs in them may do little."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rig.fixtures import need
from tests.rig.installation import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
MOST_EXPOSED = 20  # of 100, as `systemd-analyze security` counts; a unit without limits has 96


def service(unit: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(unit)
    return dict(parser["Service"])


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    need(bool(found), "systemd is missing: apt-get install systemd")
    return str(found)


@pytest.fixture
def here(tmp_path) -> list[Path]:
    """The units with the paths and the user of this machine."""
    for unit in UNITS:
        text = unit.read_text().replace("/srv/ucdash/.venv/bin", str(ROOT / ".venv" / "bin"))
        text = text.replace("=ucdash\n", "=daemon\n")
        (tmp_path / unit.name).write_text(text)
    return sorted(tmp_path.iterdir())


def test_there_is_one_for_web_and_one_for_workers():
    assert [unit.name for unit in UNITS] == ["ucdash-web.service", "ucdash-worker.service"]


def test_systemd_finds_nothing_wrong(analyze, here):
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *map(str, here)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "ucdash-" in line]
    assert (done.returncode, about_ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_little_is_exposed(analyze, unit):
    done = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_writes_into_the_data_folder_alone(unit):
    facts = service(unit)
    assert facts["ProtectSystem"] == "strict"
    assert facts["ReadWritePaths"] == "/srv/ucdash/var"
    assert facts["NoNewPrivileges"] == "yes"
    assert facts["User"] == "ucdash"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_its_settings_are_those_of_the_product(unit):
    text = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert set(re.findall(r"UCDASH_\w+", unit.read_text())) <= listed


def test_it_runs_what_the_procfile_runs():
    procfile = (ROOT / "Procfile").read_text()
    web, worker = (
        service(unit)["ExecStart"].removeprefix("/srv/ucdash/.venv/bin/") for unit in UNITS
    )
    assert f"exec {web}\n" in procfile
    assert f"exec {worker}\n" in procfile.replace(" --beat", "")
