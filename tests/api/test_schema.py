"""The documentation of the API says what the API answers."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from storages_app.api import areas, schema
from storages_app.api.v1 import storage_fields
from storages_app.api.v1.custom_storages import grant_object, storage_object
from storages_app.api.v1.jobs import job_object
from storages_app.api.v1.storage_tests import connection_test_object
from storages_app.api.wire import (
    file_object,
    group_object,
    group_with_files,
    upload_group_info,
    upload_info,
)
from storages_app.custom_storages.granting import wanted_for
from tests.api.test_v1 import make_job
from tests.factories import (
    make_connection_test,
    make_custom_storage,
    make_file,
    make_group,
    make_project,
)


def fields_of(shape):
    return set(shape().get_fields())


@pytest.mark.django_db
def test_each_shape_has_the_fields_that_are_sent():
    project = make_project()
    file = make_file(project)
    assert set(file_object(file, with_appdata=True)) == fields_of(schema.File)
    assert set(upload_info(file)) == fields_of(schema.UploadInfo)
    group = make_group(project, file)
    assert set(group_object(group)) == fields_of(schema.Group)
    assert set(group_with_files(group)) == fields_of(schema.GroupWithFiles)
    assert set(group_with_files(group)["files"][0]) == fields_of(schema.GroupFile) - {"appdata"}
    assert set(upload_group_info(group)) == fields_of(schema.GroupUploadInfo)
    assert set(upload_group_info(group)["files"][0]) == fields_of(schema.GroupUploadFile)
    assert set(storage_object(make_custom_storage(project))) == fields_of(schema.CustomStorage)
    storage = make_custom_storage(project)
    assert fields_of(schema.CustomStorageFields) <= fields_of(schema.CustomStorage)
    assert set(storage_fields.SETTABLE) == fields_of(schema.CustomStorageFields)
    test = make_connection_test(storage)
    assert set(connection_test_object(test)) == fields_of(schema.StorageTest)
    assert set(test.findings.get().as_json()) == fields_of(schema.Finding)
    grant = grant_object(wanted_for(storage))
    assert set(grant) == fields_of(schema.Grant)
    assert set(grant["rights"][0]) == fields_of(schema.Right)
    assert set(grant["tabs"][0]) == fields_of(schema.GrantTab)
    assert set(grant["tabs"][0]["texts"][0]) == fields_of(schema.GrantText)
    assert set(grant["tabs"][-1]["steps"][0]) == fields_of(schema.GrantStep)
    job = make_job(project, evidence="etag", sha256="x", size=1, state="done")
    shown = job_object(job)
    assert set(shown) == fields_of(schema.Job)
    assert set(shown["evidence"]) == fields_of(schema.Evidence)


@pytest.mark.django_db
def test_pages_and_the_project_too(rest):
    page = rest.get("/files/").json()
    assert set(page) == fields_of(schema.FilePage)
    assert set(page["totals"]) == fields_of(schema.FileTotals)
    assert set(rest.get("/groups/").json()) == fields_of(schema.GroupPage)
    assert set(rest.get("/project/").json()) == fields_of(schema.Project)
    problem = rest.get("/api/v1/jobs/0/").json()
    assert set(problem) == fields_of(schema.Problem)


def test_the_documentation_is_valid_openapi_and_names_every_route():
    made = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(made)
    assert {"/files/", "/files/remote_copy/", "/project/", "/api/v1/jobs/{job_id}/"} <= set(
        made["paths"]
    )
    storage = "/api/v1/custom_storages/{storage_id}/"
    assert set(made["paths"][storage]) == {"get", "patch", "delete"}
    assert set(made["paths"][f"{storage}tests/"]) == {"get", "post"}
    assert set(made["components"]["securitySchemes"]) >= {"Uploadcare", "Uploadcare.Simple"}


def test_every_address_has_its_area_and_a_line_that_says_what_it_does():
    """A new address that no area takes ends the generator."""
    made = SchemaGenerator().get_schema(request=None, public=True)
    listed = areas.operations_of(made)
    operations = [operation for area in listed for operation in area["operations"]]
    assert all(area["operations"] for area in listed)
    assert len(operations) == sum(map(len, made["paths"].values()))
    assert all(0 < len(operation["summary"]) < 130 for operation in operations)
    with pytest.raises(areas.NoArea, match="/api/v1/new/"):
        areas.name_areas({"paths": {"/api/v1/new/": {"get": {}}}}, None, None, public=True)


@pytest.mark.django_db
def test_the_page_lists_all_of_it_with_the_key_of_a_project(client):
    page = client.get("/api/docs/?public_key=demopublickey").content.decode()
    assert page.count('class="operation"') > 90
    assert "/api/v1/custom_storages/{storage_id}/tests/" in page
    assert "/api/openapi.json?public_key=demopublickey" in page
    assert "<script src" not in page  # Swagger UI comes when it is asked for
