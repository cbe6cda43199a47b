"""The documentation of the API says what the API answers."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from storages_app.api import schema
from storages_app.api.v1.custom_storages import storage_object
from storages_app.api.v1.jobs import job_object
from storages_app.api.wire import file_object, upload_info
from tests.api.test_v1 import make_job
from tests.factories import make_custom_storage, make_file, make_project


def fields_of(shape):
    return set(shape().get_fields())


@pytest.mark.django_db
def test_each_shape_has_the_fields_that_are_sent():
    project = make_project()
    file = make_file(project)
    assert set(file_object(file, with_appdata=True)) == fields_of(schema.File)
    assert set(upload_info(file)) == fields_of(schema.UploadInfo)
    assert set(storage_object(make_custom_storage(project))) == fields_of(schema.CustomStorage)
    job = make_job(project, evidence="etag", sha256="x", size=1, state="done")
    shown = job_object(job)
    assert set(shown) == fields_of(schema.Job)
    assert set(shown["evidence"]) == fields_of(schema.Evidence)


@pytest.mark.django_db
def test_pages_and_the_project_too(rest):
    page = rest.get("/files/").json()
    assert set(page) == fields_of(schema.FilePage)
    assert set(page["totals"]) == fields_of(schema.FileTotals)
    assert set(rest.get("/project/").json()) == fields_of(schema.Project)
    problem = rest.get("/api/v1/jobs/0/").json()
    assert set(problem) == fields_of(schema.Problem)


def test_the_documentation_is_valid_openapi_and_names_every_route():
    made = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(made)
    assert {"/files/", "/files/remote_copy/", "/project/", "/api/v1/jobs/{job_id}/"} <= set(
        made["paths"]
    )
    assert set(made["components"]["securitySchemes"]) >= {"Uploadcare", "Uploadcare.Simple"}
