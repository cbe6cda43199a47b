"""Damaged pictures at the file host: each is a picture or a refusal, and nothing else happens."""

import logging
import resource
from pathlib import Path

import pytest

from storages_app.imaging.limits import LIMITS
from storages_app.imaging.pool import POOL
from storages_app.models import Project
from tests import pictures
from tests.delivery.conftest import assert_harmless, body_of
from tests.factories import make_file, make_project
from tests.mutants import mutants, whole_pictures

pytestmark = pytest.mark.django_db

TEXTS = (
    "-/resize/20x/",
    "-/preview/-/format/webp/",
    "-/scale_crop/30x30/smart/-/format/jpeg/",
    "-/json/",
    "-/resize/20x/-/strip_meta/none/-/quality/smart/",
    "-/preview/-/strip_meta/sensitive/-/filter/adaris/-/enhance/",
    "-/srgb/icc/-/max_icc_size/100/-/rotate/33/-/blur/20/",
    "-/srgb/keep_profile/-/overlay/self/50px50p/center/80p/-/text/80px50p/center/Ahoy/",
)
NUMBER = 250  # all of the thousand are asked for by `make soak ONLY=S090`


@pytest.fixture
def project() -> Project:
    return make_project()


def peak_mb(status: Path) -> float:
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1_000


@pytest.mark.parametrize("name", whole_pictures())
def test_every_kind_is_a_picture_before_it_is_damaged(browser, project, name):
    file = make_file(project, whole_pictures()[name], name="picture")
    response = browser.get(f"/{file.uuid}/-/resize/20x/-/format/png/")
    assert response.status_code == 200
    assert pictures.read(body_of(response)).width == 20
    assert response["X-Image-Width"] == "20"


def test_damaged_ones_are_made_or_refused(browser, project, caplog):
    """S090: the parent lives, the memory stays below the limit, each answer is 200 or 400."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    answers: dict[int, int] = {}
    with caplog.at_level(logging.WARNING):
        for n, (name, body) in enumerate(mutants(NUMBER)):
            file = make_file(project, body, name="picture")
            response = browser.get(f"/{file.uuid}/{TEXTS[n % len(TEXTS)]}")
            assert response.status_code in {200, 400}, name
            assert_harmless(response)
            if response.status_code == 200 and response["Content-Type"].startswith("image/"):
                size = pictures.read(body_of(response)).size  # whole, to another reader
                assert size == (int(response["X-Image-Width"]), int(response["X-Image-Height"]))
            else:
                body_of(response)
            answers[response.status_code] = answers.get(response.status_code, 0) + 1
    assert min(answers[200], answers[400]) > NUMBER / 10, "What is asked is of one kind only."
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    for pid in POOL.pids:
        assert peak_mb(Path(f"/proc/{pid}/status")) < LIMITS.memory_bytes / 1e6
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    assert after - before < 100, "MB in the process that serves"
