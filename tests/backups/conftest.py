import pytest

from storages_app.backups import services
from tests.factories import make_custom_storage, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="vault", prefix="b/", capabilities=PROVEN)


@pytest.fixture
def plan(project, storage):
    return services.connect(project=project, custom_storage=storage, actor="a test")
