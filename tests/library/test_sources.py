"""What a `source` may be."""

import uuid

import pytest
from django.utils import timezone

from storages_app.library.errors import BadSource
from storages_app.library.sources import parse_source
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def file():
    return make_file(make_project())


@pytest.mark.parametrize(
    ("form", "effects"),
    [
        ("{uuid}", ""),
        ("{uuid}/", ""),
        ("/{uuid}/", ""),
        ("{uuid}/photo.jpg", ""),
        ("{uuid}/-/resize/200x/", "-/resize/200x/"),
        ("{uuid}/-/resize/200x/-/grayscale/", "-/resize/200x/-/grayscale/"),
        ("{uuid}/-/resize/200x/photo.jpg", "-/resize/200x/"),
        ("{cdn}/{uuid}/", ""),
        ("{cdn}/{uuid}", ""),
        ("{cdn}/{uuid}/-/crop/10x10/20,20/roof.jpg", "-/crop/10x10/20,20/"),
        ("{cdn}/{uuid}/-/crop/10x10/20%2C20/", "-/crop/10x10/20,20/"),
        ("{cdn}/{uuid}/-/text/9x9/50%25/", "-/text/9x9/50%25/"),
        ("{cdn}/{uuid}/-/text/9x9/a%2525%C3%A9~sb/", "-/text/9x9/a%2525%C3%A9~sb/"),
        ("{uuid}/-/text/9x9/a%2525b%2Fc/", "-/text/9x9/a%2525b%2Fc/"),
        ("{cdn}/{uuid}/-/resize/200x/?token=x", "-/resize/200x/"),
        ("https://ucarecdn.com/{uuid}/-/flip/", "-/flip/"),
        ("https://1s4oyld5dc.ucarecd.net/{uuid}/", ""),
    ],
)
def test_names_a_file_and_its_effects(file, settings, form, effects):
    text = form.format(uuid=file.uuid, cdn=settings.CDN_URL)
    assert parse_source(text, file.project) == (file, effects)


def test_the_case_of_a_uuid_does_not_matter(file):
    assert parse_source(str(file.uuid).upper(), file.project) == (file, "")


@pytest.mark.parametrize(
    "form",
    [
        "",
        "photo.jpg",
        "{uuid}~2/nth/0/",
        "{uuid}x",
        "{{{uuid}}}",
        "{hex}",
        "{uuid}/gif2video/",
        "{uuid}/resize/200x/",
        "{uuid}//-/resize/200x/",
        "{uuid}/-/resize//",
        "{uuid}/-/resize/../{uuid}/",
        "{uuid}/-/resize/./x",
        "{uuid}/-/re\0size/x/",
        "{cdn}/{uuid}/-/resize/%2e%2e/x/",
        "{cdn}/{uuid}/-/resize/%0a/",
        "{uuid}/-/resize/%2e%2e/x/",
        "{uuid}/-/text/9x9/%07/",
        "https://example.com/{uuid}/",
        "https://evil.ucarecdn.com.example.com/{uuid}/",
        "https://user@ucarecdn.com/{uuid}/",
        "https://ucarecdn.com:8080/{uuid}/",
        "ftp://ucarecdn.com/{uuid}/",
        "https://[::1/{uuid}/",
        "javascript://ucarecdn.com/{uuid}/",
        "{uuid}/-/" + "x/" * 5_000,
    ],
)
def test_refuses_what_is_neither(file, settings, form):
    text = form.format(uuid=file.uuid, hex=file.uuid.hex, cdn=settings.CDN_URL)
    with pytest.raises(BadSource) as caught:
        parse_source(text, file.project)
    assert caught.value.message == "Bad `source` parameter. Use UUID or CDN URL."


def test_refuses_files_that_are_unknown_removed_or_anothers(file):
    removed = make_file(file.project, removed_at=timezone.now(), stored_at=None)
    foreign = make_file(make_project())
    for other in (uuid.uuid4(), removed.uuid, foreign.uuid):
        with pytest.raises(BadSource):
            parse_source(str(other), file.project)
