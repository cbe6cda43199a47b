"""Prepared queries read what the querysets they were made of would read."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from storages_app.models import File, Project
from storages_app.models.prepared import Bound, Prepared
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


def _newest_of_project(limit: int) -> "models.QuerySet[File, tuple[object, ...]]":
    project = Bound("project", Project._meta.pk)
    size = Bound("size", File._meta.get_field("size"))
    files = File.objects.filter(project=project, size__gte=size)
    return files.order_by("-uploaded_at").values_list("uuid", "uploaded_at", "metadata")[:limit]


@pytest.fixture
def project() -> Project:
    return make_project()


def test_the_values_of_each_call_decide_what_is_read(project: Project) -> None:
    small, large = make_file(project, size=1), make_file(project, size=100)
    make_file(make_project(), size=100)
    query = Prepared(_newest_of_project)

    assert [row[0] for row in query.rows(9, project=project.pk, size=100)] == [large.uuid]
    assert {row[0] for row in query.rows(9, project=project.pk, size=1)} == {
        small.uuid,
        large.uuid,
    }
    assert query.rows(9, project=-1, size=1) == []


def test_values_come_in_the_types_of_their_fields(project: Project) -> None:
    file = make_file(project, size=1, metadata={"pet": "cat"})

    ((uuid, uploaded_at, metadata),) = Prepared(_newest_of_project).rows(
        1, project=project.pk, size=1
    )

    assert (uuid, uploaded_at, metadata) == (file.uuid, file.uploaded_at, {"pet": "cat"})
    assert isinstance(uploaded_at, datetime)
    assert uploaded_at.tzinfo


def test_each_shape_is_compiled_once_and_has_its_own_sql(project: Project) -> None:
    shapes = []

    def build(limit: int) -> "models.QuerySet[File, tuple[object, ...]]":
        shapes.append(limit)
        return _newest_of_project(limit)

    for _ in range(3):
        make_file(project, size=1)
    query = Prepared(build)

    n_rows = [len(query.rows(n, project=project.pk, size=1)) for n in (1, 2, 1, 2)]

    assert n_rows == [1, 2, 1, 2]
    assert shapes == [1, 2]


def test_a_value_is_never_part_of_the_sql(project: Project) -> None:
    with CaptureQueriesContext(connection) as asked, pytest.raises(ValueError, match="a number"):
        Prepared(_newest_of_project).rows(1, project=project.pk, size="1; DROP TABLE x")

    assert not asked.captured_queries


def test_a_missing_value_is_an_error_and_no_query(project: Project) -> None:
    with pytest.raises(KeyError, match="size"):
        Prepared(_newest_of_project).rows(1, project=project.pk)


def test_instances_are_those_that_the_queryset_would_give(project: Project) -> None:
    file = make_file(project, size=7, metadata={"pet": "cat"})
    files = Prepared(lambda: File.objects.filter(pk=Bound("uuid", File._meta.pk)))

    (found,) = files.instances(uuid=file.pk)

    assert found == file
    assert not found._state.adding
    assert [getattr(found, field.attname) for field in File._meta.concrete_fields] == [
        getattr(file, field.attname) for field in File._meta.concrete_fields
    ]
    assert files.instances(uuid=uuid4()) == []


def test_instances_come_with_what_select_related_names(project: Project) -> None:
    file = make_file(project, size=1)
    query = Prepared(
        lambda: File.objects.filter(pk=Bound("uuid", File._meta.pk)).select_related("project")
    )

    with CaptureQueriesContext(connection) as queries:
        (found,) = query.instances(uuid=file.pk)
        assert (found.pk, found.project.pk, found.project.name) == (
            file.pk,
            project.pk,
            project.name,
        )

    assert len(queries) == 1
