"""S085: whatever strangers call their files, no cell of a table to download is a formula."""

import csv
from io import StringIO

import pytest
from django.urls import reverse

from storages_app.models import BulkItem, Event
from tests.factories import make_bulk_job, make_file

BEGINNINGS = ["=", "+", "-", "@", "\t", "\r", "\n"]


@pytest.fixture(params=BEGINNINGS, ids=repr)
def bad(request):
    return f'{request.param}HYPERLINK("http://example.com";"open")'


@pytest.fixture
def project_of_bad_texts(project, storage, bad):
    file = make_file(project, name=bad, detected_type=bad)
    Event.objects.record(bad, project=project, actor=bad, subject=bad, data={bad: bad})
    job = make_bulk_job(storage)
    BulkItem.objects.create(bulk_job=job, file=file, key=bad)
    return project


def texts_of(response):
    table = response.getvalue().decode()
    rows = list(csv.reader(StringIO(table, newline="")))
    assert len(rows) == 2
    return rows[1]


@pytest.mark.parametrize("page", ["files_download", "files_selection", "activity_csv", "bulk_job"])
def test_no_cell_is_a_formula(project_of_bad_texts, as_owner, bad, page):
    project = project_of_bad_texts
    address = reverse(f"dashboard:{page}", args=[project.slug]) if page != "bulk_job" else ""
    if page == "files_selection":
        response = as_owner.post(address, {"do": "list", "file": [project.files.get().pk]})
    elif page == "bulk_job":
        job = project.bulk_jobs.get()
        response = as_owner.get(reverse("dashboard:bulk_job_csv", args=[project.slug, job.pk]))
    else:
        response = as_owner.get(address)
    texts = texts_of(response)
    assert f"'{bad}" in texts
    assert not [text for text in texts if text.startswith(tuple(BEGINNINGS))]
