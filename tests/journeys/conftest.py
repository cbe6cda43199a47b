"""What the journeys share: an unmodified client, and a project connected to a bucket."""

from collections.abc import Iterator

import pytest

from tests.rig.clients import official_client
from tests.rig.installation import Installation, Project


@pytest.fixture
def project(installation: Installation) -> Project:
    return installation.create_project()


@pytest.fixture
def uploadcare(installation: Installation, project: Project):
    with official_client(installation, project) as client:
        yield client


@pytest.fixture(scope="session")
def strict_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A web server, no worker: three uploads a minute for a project, five requests for a key."""
    running = Installation(
        tmp_path_factory.mktemp("strict-installation"),
        UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT="3",
        UCDASH_REST_PER_MINUTE_OF_KEY="5",
    )
    try:
        running.prepare()
        running.start_web()
        yield running
    finally:
        running.stop()
