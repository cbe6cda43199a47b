"""/files/ and below."""

import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from storages_app.models import File
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db

IMAGE = {
    "format": "JPEG",
    "width": 40,
    "height": 20,
    "sequence": False,
    "color_mode": "RGB",
    "orientation": None,
    "geo_location": None,
    "datetime_original": None,
    "dpi": None,
}
CONTENT_INFO = {
    "mime": {"mime": "image/jpeg", "type": "image", "subtype": "jpeg"},
    "image": IMAGE,
}


def path_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def uuids(page):
    return [item["uuid"] for item in page["results"]]


class TestFileObject:
    @pytest.fixture
    def file(self, project):
        return make_file(
            project,
            name="my photo (1).jpg",
            detected_type="image/jpeg",
            content_info=CONTENT_INFO,
            metadata={"pet": "cat"},
        )

    def test_has_the_fields_of_the_recorded_service(self, rest, file, settings):
        stamp = file.uploaded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert rest.get(f"/files/{file.uuid}/").json() == {
            "uuid": str(file.uuid),
            "url": f"{settings.API_URL}/files/{file.uuid}/",
            "original_filename": "my photo (1).jpg",
            "original_file_url": f"{settings.CDN_URL}/{file.uuid}/myphoto1.jpg",
            "size": file.size,
            "mime_type": "image/jpeg",
            "is_image": True,
            "is_ready": True,
            "datetime_uploaded": stamp,
            "datetime_stored": stamp,
            "datetime_removed": None,
            "variations": None,
            "content_info": CONTENT_INFO,
            "metadata": {"pet": "cat"},
        }

    def test_has_appdata_only_when_it_is_asked_for(self, rest, file):
        assert rest.get(f"/files/{file.uuid}/?include=appdata").json()["appdata"] == {}
        listed = rest.get("/files/?include=appdata").json()["results"][0]
        assert listed["appdata"] == {}
        assert "appdata" not in rest.get("/files/").json()["results"][0]

    def test_of_older_versions_has_the_facts_of_the_image_at_the_top(self, rest, file):
        old = rest.get(f"/files/{file.uuid}/", accept="application/vnd.uploadcare-v0.6+json").json()
        assert old["image_info"] == IMAGE
        assert old["video_info"] is None

    def test_is_found_by_its_uuid_in_capitals_too(self, rest, file):
        assert rest.get(f"/files/{str(file.uuid).upper()}/").status_code == 200

    def test_of_another_project_is_not_found(self, rest):
        foreign = make_file(make_project())
        response = rest.get(f"/files/{foreign.uuid}/")
        assert response.status_code == 404
        assert response.json() == {"detail": "Not found."}
        assert rest.get(f"/files/{uuid.uuid4()}/").json() == response.json()


class TestStoring:
    @pytest.mark.parametrize("method", ["PUT", "POST"])
    @pytest.mark.parametrize("body", [None, {}, b"not read"])
    def test_keeps_the_file_and_the_first_time(self, rest, project, method, body):
        file = make_file(project, stored_at=None)
        first = rest(method, f"/files/{file.uuid}/storage/", body)
        assert first.status_code == 200
        assert first.json()["datetime_stored"]
        again = rest(method, f"/files/{file.uuid}/storage/", body)
        assert again.json() == first.json()

    def test_a_removed_file_cannot_be_stored(self, rest, project):
        file = make_file(project, stored_at=None, removed_at=timezone.now())
        response = rest("PUT", f"/files/{file.uuid}/storage/")
        assert response.status_code == 404
        assert response.json() == {"detail": "Not found."}


class TestDeleting:
    @pytest.mark.parametrize("end", ["", "storage/"])
    def test_answers_with_the_removed_file(self, rest, project, end):
        file = make_file(project)
        response = rest("DELETE", f"/files/{file.uuid}/{end}")
        assert response.status_code == 200
        shown = response.json()
        assert shown["datetime_removed"]
        assert shown["datetime_stored"] is None
        assert shown["original_file_url"] is None
        assert rest("DELETE", f"/files/{file.uuid}/{end}").json() == shown
        assert rest.get(f"/files/{file.uuid}/").json() == shown

    @pytest.mark.parametrize("end", ["", "storage/"])
    def test_of_anothers_file_does_nothing(self, rest, end):
        foreign = make_file(make_project())
        assert rest("DELETE", f"/files/{foreign.uuid}/{end}").status_code == 404
        foreign.refresh_from_db()
        assert not foreign.is_removed


class TestList:
    @pytest.fixture
    def files(self, project):
        make_file(make_project())  # somebody else's
        return [make_file(project) for _ in range(5)]

    def test_holds_the_projects_live_files_oldest_first(self, rest, files):
        page = rest.get("/files/").json()
        assert uuids(page) == [str(file.uuid) for file in files]
        assert page["next"] is None
        assert page["previous"] is None
        assert page["per_page"] == 100
        assert page["total"] == 5
        assert page["totals"] == {"removed": 0, "stored": 5, "unstored": 0}

    def test_of_nothing_is_empty(self, rest):
        page = rest.get("/files/").json()
        assert page["results"] == []
        assert (page["next"], page["previous"], page["total"]) == (None, None, 0)

    @pytest.mark.parametrize(
        ("query", "picked"),
        [
            ("", [0, 1]),
            ("removed=false", [0, 1]),
            ("stored=true", [0]),
            ("stored=True", [0]),
            ("stored=1", [0]),
            ("stored=false", [1]),
            ("stored=0", [1]),
            ("removed=true", [2]),
            ("removed=true&stored=false", [2]),
            ("removed=true&stored=true", []),
            ("stored=", [0, 1]),
            ("query_parameters=%7B%7D&unknown=x", [0, 1]),
        ],
    )
    def test_is_filtered_and_counts_what_the_filters_select(self, rest, project, query, picked):
        files = [
            make_file(project),
            make_file(project, stored_at=None),
            make_file(project, stored_at=None, removed_at=timezone.now()),
        ]
        page = rest.get(f"/files/?{query}").json()
        assert uuids(page) == [str(files[n].uuid) for n in picked]
        assert page["total"] == len(picked)
        assert page["totals"] == {"removed": 1, "stored": 1, "unstored": 1}

    @pytest.mark.parametrize("ordering", ["datetime_uploaded", "-datetime_uploaded"])
    @pytest.mark.parametrize("limit", [1, 2, 5])
    def test_walks_forward_and_back_without_gap_or_repeat(self, rest, files, ordering, limit):
        expected = [str(file.uuid) for file in files]
        if ordering.startswith("-"):
            expected.reverse()
        pages = [rest.get(f"/files/?ordering={ordering}&limit={limit}&stored=true").json()]
        while pages[-1]["next"]:
            pages.append(rest.get(path_of(pages[-1]["next"])).json())
        assert [item for page in pages for item in uuids(page)] == expected
        back = [pages[-1]]
        while back[-1]["previous"]:
            back.append(rest.get(path_of(back[-1]["previous"])).json())
        assert [uuids(page) for page in reversed(back)] == [uuids(page) for page in pages]
        assert all(page["total"] == 5 for page in pages)

    def test_the_address_of_the_next_page_keeps_the_query(self, rest, files, settings):
        page = rest.get(
            "/files/?stored=true&limit=2&to=2030-01-01", HTTP_HOST=urlsplit(settings.API_URL).netloc
        ).json()
        moment = files[1].uploaded_at.strftime("%Y-%m-%dT%H%%3A%M%%3A%S.%f%%2B00%%3A00")
        # `to` alone asks for the last items before it.
        assert uuids(page) == [str(file.uuid) for file in files[3:]]
        first = rest.get(
            "/files/?stored=true&limit=2", HTTP_HOST=urlsplit(settings.API_URL).netloc
        ).json()
        assert first["next"] == (
            f"{settings.API_URL}/files/?stored=true&limit=2&from={moment}&offset=0"
        )

    def test_the_next_page_is_at_the_host_that_was_asked(self, rest, files):
        page = rest.get("/files/?limit=2", HTTP_HOST="testserver").json()
        assert page["next"].startswith("http://testserver/files/?")

    @pytest.mark.parametrize(
        "text",
        [
            "%Y-%m-%dT%H:%M:%S.%f%%2B00:00",
            "%Y-%m-%dT%H:%M:%S.%f+00:00",  # the + is read as a space
            "%Y-%m-%dT%H:%M:%S.%fZ",
            "%Y-%m-%dT%H:%M:%S.%f",
            "%Y-%m-%d %H:%M:%S.%f",
        ],
    )
    def test_times_as_clients_write_them(self, rest, files, text):
        moment = files[2].uploaded_at.strftime(text)
        assert uuids(rest.get(f"/files/?from={moment}").json()) == [
            str(file.uuid) for file in files[3:]
        ]

    def test_a_date_is_its_midnight(self, rest, files):
        day = (files[0].uploaded_at - timedelta(days=1)).date()
        assert len(uuids(rest.get(f"/files/?from={day}").json())) == 5

    def test_from_and_to_cut_both_ends(self, rest, files):
        start, end = (files[n].uploaded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for n in (0, 4))
        page = rest.get(f"/files/?from={start}&to={end}&limit=2").json()
        assert uuids(page) == [str(file.uuid) for file in files[1:3]]

    def test_an_offset_is_a_number_of_files_to_skip(self, rest, files):
        page = rest.get("/files/?offset=3").json()
        assert uuids(page) == [str(file.uuid) for file in files[3:]]
        assert page["previous"]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=ten",
            "limit=1000000000000000000000",
            "limit=%00",
            "limit=１",
            "offset=-1",
            "offset=1000000",
            "ordering=size",
            "ordering=--datetime_uploaded",
            "ordering=project__name",
            "stored=perhaps",
            "removed=2",
            "from=yesterday",
            "from=2018-13-01",
            "to=0001-01-01T00:00:00%2B14:00",
            "to=%00",
            "limit=1&limit=2",
            "stored=true&stored=false",
        ],
    )
    def test_bad_values_are_refused_with_their_name(self, rest, query):
        response = rest.get(f"/files/?{query}")
        assert response.status_code == 400
        assert f"`{query.partition('=')[0]}`" in response.json()["detail"]

    def test_the_same_value_twice_is_one_value(self, rest, files):
        assert rest.get("/files/?limit=2&limit=2").json()["per_page"] == 2

    def test_a_page_costs_the_same_queries_however_long_it_is(
        self, rest, project, django_assert_max_num_queries
    ):
        rest.get("/project/")  # the use of the key is noted now
        for _ in range(30):
            make_file(project)
        with django_assert_max_num_queries(6):
            rest.get("/files/?limit=20")


class TestProject:
    def test_is_that_of_the_key(self, rest, project):
        assert rest.get("/project/").json() == {
            "name": project.name,
            "pub_key": project.public_key,
            "collaborators": [],
            "autostore_enabled": True,
        }

    def test_names_members_whose_address_clients_accept(self, rest, project):
        from storages_app.models import Membership
        from tests.factories import make_user

        ann = make_user("ann@example.com", first_name="Ann", last_name="Other")
        for user in (ann, make_user("operator@localhost"), make_user("me@my.test")):
            Membership.objects.create(project=project, user=user, role="member")
        collaborators = rest.get("/project/").json()["collaborators"]
        assert collaborators == [{"email": "ann@example.com", "name": "Ann Other"}]


def test_a_missing_content_info_stays_null(rest, project):
    file = make_file(project)
    shown = rest.get(f"/files/{file.uuid}/").json()
    assert shown["content_info"] is None
    assert shown["metadata"] == {}
    assert File.objects.count() == 1
