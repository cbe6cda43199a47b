"""S072: names of files that strangers chose, on every page that shows them.

Marks that turn the direction of text are not among them: no way in keeps them (lib/filenames.py).
"""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from storages_app.models import Event
from tests.dashboard.conftest import client_of
from tests.factories import (
    make_bulk_job,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_user,
)

NAMES = [
    "<svg onload=alert(1)>.png",
    '"><script>alert(1)</script>.png',
    "' onmouseover='alert(1).png",
    "{{7*7}}.png",
    "{% debug %}.png",
    "javascript:alert(1)//.png",
    "</title><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
RUNS = re.compile(r"<svg onload|<script>alert|' onmouseover='|href=\"javascript:", re.I)


@pytest.fixture(params=NAMES)
def named(request, project):
    file = make_file(project, name=request.param, detected_type="image/png")
    make_copy_job(file, make_custom_storage(project, name="photos"))
    Event.objects.record(
        "file.deleted", project=project, actor="a test", subject=request.param, subject_id=file.pk
    )
    return file


@pytest.mark.parametrize("page", ["overview", "files", "file", "copies", "activity", "jobs"])
def test_no_page_of_a_project_runs_them(as_owner, project, named, page):
    arguments = [project.slug, named.pk] if page == "file" else [project.slug]
    response = as_owner.get(reverse(f"dashboard:{page}", args=arguments))
    assert response.status_code == 200
    assert not RUNS.search(response.text)
    assert "49.png" not in response.text
    if page in {"files", "file", "copies", "activity"}:
        assert re.search(r"alert|7\*7|debug", response.text), "the name is not shown at all"


def test_no_page_about_some_of_its_files_runs_them(as_owner, project, named):
    """The grid, the playground, a job of a filter, and the pages that ask before they act."""

    def address(page, *args):
        return reverse(f"dashboard:{page}", args=[project.slug, *args])

    job = make_bulk_job(project.custom_storages.get(), filter={"q": named.original_filename})
    copy = named.copy_jobs.get()
    name = {"q": named.original_filename}
    asked = {"do": "delete", "file": [named.pk]}
    shown = [
        as_owner.get(address("files"), {"view": "grid"}),
        as_owner.get(address("files"), name),
        as_owner.get(address("activity"), name),
        as_owner.get(address("playground"), {"file": named.pk}),
        as_owner.get(address("bulk_new"), name),
        as_owner.get(address("bulk_job", job.pk)),
        as_owner.get(address("file_copy_remove", named.pk, copy.pk)),
        as_owner.post(address("files_selection"), asked),
    ]
    for response in shown:
        assert response.status_code == 200
        assert not RUNS.search(response.text)
        assert "49.png" not in response.text
        assert re.search(r"alert|7\*7|debug", response.text), "the name is not shown at all"


@pytest.mark.parametrize("model", ["file", "copyjob", "event"])
def test_no_list_of_the_operators_runs_them(named, model):
    operator = client_of(make_user(is_staff=True, is_superuser=True))
    response = operator.get(reverse(f"admin:storages_app_{model}_changelist"))
    assert response.status_code == 200
    assert not RUNS.search(response.text)
    assert "49.png" not in response.text


def test_no_answer_of_the_file_host_runs_them(project, named):
    reader = Client(headers={"host": django_settings.CDN_URL.partition("//")[2]})
    group = make_group(project, named)
    response = reader.get(f"/{group.pk}~1/")
    assert response.status_code == 200
    assert not RUNS.search(response.text)
    one = reader.get(f"/{named.pk}/")
    one.close()
    assert not set("<>\r\n") & set(one["Content-Disposition"])
