import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.models import File, Project
from storages_app.models.rows import fetch
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


def test_a_row_is_the_same_as_by_a_query():
    file = make_file(make_project(), metadata={"a": "b"}, content_info={"mime": {}})
    found = fetch(File, file.pk)
    asked = File.objects.get(pk=file.pk)
    names = [field.attname for field in File._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(asked, name) for name in names]
    assert not found.get_deferred_fields()
    assert fetch(Project, file.project_id) == file.project


def test_takes_one_query():
    file = make_file(make_project())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        fetch(File, file.pk)
    assert len(queries) == 1


@pytest.mark.parametrize("model", [File, Project])
def test_nothing_is_none(model):
    make_file(make_project())
    assert fetch(model, uuid.uuid4() if model is File else 0) is None
