"""What the journeys share: an unmodified client, and a project connected to a bucket."""

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
