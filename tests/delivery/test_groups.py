"""Groups on the file host: the list, the files one by one, the archives."""

import io
import tarfile
import time
import zipfile
from datetime import UTC, datetime

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.delivery import groups as group_views
from storages_app.models import File, Group, GroupMember
from storages_app.projects import signed_urls
from tests import pictures
from tests.delivery.conftest import body_of
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def photo(project):
    return make_file(
        project, pictures.camera_jpeg(), name="Haus (1).jpg", detected_type="image/jpeg"
    )


@pytest.fixture
def text(project):
    return make_file(project, b"0123456789", name="notes.txt")


@pytest.fixture
def group(project, photo, text):
    return make_group(project, photo, text)


def entries_of(response):
    """Name and content of each file of the archive, in its order."""
    content = io.BytesIO(body_of(response))
    if response["Content-Type"] == "application/zip":
        with zipfile.ZipFile(content) as archive:
            assert archive.testzip() is None
            return [(name, archive.read(name)) for name in archive.namelist()]
    with tarfile.open(fileobj=content) as archive:
        return [(one.name, archive.extractfile(one).read()) for one in archive.getmembers()]


def assert_not_found(response):
    assert response.status_code == 404
    assert response.content == b"File not found\n"
    assert response["Cache-Control"] == "no-store"
    assert "sandbox" in response["Content-Security-Policy"]


def remove(file):
    File.objects.filter(pk=file.pk).update(stored_at=None, removed_at=timezone.now())


class TestList:
    def test_leads_to_each_file_in_order(self, browser, group, photo, text):
        response = browser.get(f"/{group.wire_id}/")
        assert response.status_code == 200
        page = response.content.decode()
        assert page.index(str(photo.uuid)) < page.index(str(text.uuid))
        assert 'href="nth/0/"' in page
        assert 'href="nth/1/"' in page
        assert 'href="archive/zip/"' in page
        assert response["Cache-Control"] == "public, max-age=60"
        policy = response["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert policy.endswith("sandbox allow-downloads")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert not response.cookies

    @pytest.mark.parametrize("name", ["<svg onload=alert(1)>.png", '"><script>a</script>', "{{7}}"])
    def test_s072_names_are_text(self, browser, project, name):
        group = make_group(project, make_file(project, name=name))
        page = browser.get(f"/{group.wire_id}/").content.decode()
        assert "<svg" not in page
        assert "<script" not in page

    def test_says_what_was_removed_without_its_name(self, browser, group, photo):
        remove(photo)
        page = browser.get(f"/{group.wire_id}/").content.decode()
        assert "Haus" not in page
        assert f"<i>removed</i> <code>{photo.uuid}</code>" in page

    @pytest.mark.parametrize("rest", ["", "/nth/0", "/archive/zip", "/archive/tar"])
    def test_an_address_without_slash_is_redirected(self, browser, group, rest):
        response = browser.get(f"/{group.wire_id}{rest}?token=x%7ey")
        assert response.status_code == 301
        assert response["Location"] == f"/{group.wire_id}{rest}/?token=x%7ey"


class TestNotFound:
    @pytest.mark.parametrize("rest", ["", "nth/0/", "nth/0/name.jpg", "archive/zip/"])
    def test_what_is_no_group(self, browser, group, rest):
        for name in (
            f"{group.uuid}~1",
            f"{group.uuid}~0",
            f"{group.uuid}~02",
            f"{group.uuid}~20000",
            f"{group.uuid}~2~2",
            "017be467-8174-49b1-8b0d-ba94bb88aaaa~2",
            str(group.uuid),
        ):
            assert_not_found(browser.get(f"/{name}/{rest}"))

    @pytest.mark.parametrize("rest", ["", "nth/0/", "archive/zip/"])
    def test_a_deleted_group_and_those_of_removed_projects(self, browser, group, rest):
        Group.objects.filter(pk=group.pk).update(removed_at=timezone.now())
        assert_not_found(browser.get(f"/{group.wire_id}/{rest}"))
        Group.objects.filter(pk=group.pk).update(removed_at=None)
        group.project.removed_at = timezone.now()
        group.project.save()
        assert_not_found(browser.get(f"/{group.wire_id}/{rest}"))

    @pytest.mark.parametrize(
        "rest",
        [
            *("nth/2/", "nth/-1/", "nth/x/", "nth//", "nth/", "nth/99999/", "nth/1.0/"),
            *("archive/", "archive/rar/", "archive/zip/a/b", "gallery/", "-/json/", "name.txt"),
        ],
    )
    def test_what_a_group_does_not_have(self, browser, group, rest):
        assert_not_found(browser.get(f"/{group.wire_id}/{rest}"))

    @pytest.mark.parametrize(
        "rest",
        [
            "nth/0/../../{other}/",
            "nth/0/-/resize/10x/../../../../{other}/",
            "nth/0/%2e%2e/%2e%2e/{other}/",
            "nth/0%2f..%2f..%2f{other}%2f",
            "nth/0/%252e%252e/%252e%252e/{other}/",
            "archive/zip/..%2f..%2f{other}%2f",
            "../{other}",
        ],
    )
    def test_s027_no_way_round_leads_to_another_file(self, browser, group, rest):
        secret = make_file(make_project(), b"of somebody else", name="other.txt")
        path = f"/{group.wire_id}/{rest.format(other=secret.uuid)}"
        response = browser.get(path)
        assert response.status_code in {400, 404}
        assert b"somebody else" not in body_of(response)


class TestMember:
    def test_is_the_file_itself(self, browser, group, text):
        response = browser.get(f"/{group.wire_id}/nth/1/")
        assert body_of(response) == b"0123456789"
        assert response["ETag"] == f'"{text.sha256}"'
        assert response["Content-Disposition"] == 'attachment; filename="notes.txt"'
        part = browser.get(f"/{group.wire_id}/nth/1/other.txt", headers={"range": "bytes=2-4"})
        assert (part.status_code, body_of(part)) == (206, b"234")
        assert part["Content-Disposition"] == 'attachment; filename="other.txt"'

    def test_its_own_operations_come_first(self, browser, project, photo):
        group = make_group(project, photo, effects="resize/100x50/")
        response = browser.get(f"/{group.wire_id}/nth/0/")
        assert pictures.read(body_of(response)).size == (100, 50)
        response = browser.get(f"/{group.wire_id}/nth/0/-/resize/50x/-/format/png/a.png")
        picture = pictures.read(body_of(response))
        assert (picture.size, picture.format) == ((50, 25), "PNG")
        assert response["Content-Disposition"] == 'inline; filename="a.png"'

    def test_tells_what_the_picture_is_as_the_group_shows_it(self, browser, project, photo):
        group = make_group(project, photo, effects="resize/100x50/")
        info = browser.get(f"/{group.wire_id}/nth/0/-/json/").json()
        assert (info["width"], info["height"]) == (100, 50)
        assert info["id"] == f"/{photo.uuid}/-/resize/100x50/"
        assert info["original"]["id"] == str(photo.uuid)

    def test_operations_on_what_is_no_image_are_refused(self, browser, project, text):
        group = make_group(project, text, effects="resize/100x/")
        response = browser.get(f"/{group.wire_id}/nth/0/")
        assert response.status_code == 400
        assert b"are not images" in response.content

    def test_operations_that_nobody_knows_are_refused(self, browser, project, photo):
        group = make_group(project, photo, effects="no_such/1/")
        assert browser.get(f"/{group.wire_id}/nth/0/").status_code == 400

    def test_a_removed_or_expired_file_is_not_found(self, browser, group, photo, text):
        remove(photo)
        File.objects.filter(pk=text.pk).update(
            stored_at=None, expires_at=datetime(2026, 1, 2, tzinfo=UTC)
        )
        for place in (0, 1):
            assert_not_found(browser.get(f"/{group.wire_id}/nth/{place}/"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
class TestArchive:
    def test_holds_the_originals_in_order(self, browser, project, photo, text, kind):
        group = make_group(project, text, photo, effects="resize/10x/")
        response = browser.get(f"/{group.wire_id}/archive/{kind}/")
        assert response.status_code == 200
        assert response["Content-Disposition"] == f'attachment; filename="{group.wire_id}.{kind}"'
        assert response["Cache-Control"] == "public, max-age=60"
        assert response["Accept-Ranges"] == "none"
        assert "sandbox" in response["Content-Security-Policy"]
        if kind == "tar":
            assert int(response["Content-Length"]) == len(body_of(response))
            response = browser.get(f"/{group.wire_id}/archive/{kind}/")
        else:
            assert "Content-Length" not in response
        assert entries_of(response) == [
            ("notes.txt", b"0123456789"),
            ("Haus (1).jpg", pictures.camera_jpeg()),
        ]

    def test_s028_comes_under_the_name_that_was_asked_for(self, browser, group, kind):
        path = f"/{group.wire_id}/archive/{kind}/Bilder%0d%0aX-Evil:%201%20ä.{kind}"
        response = browser.get(path)
        assert "X-Evil" not in response
        assert response["Content-Disposition"] == (
            f"attachment; filename*=utf-8''BilderX-Evil%3A%201%20%C3%A4.{kind}"
        )
        body_of(response)

    def test_head_says_the_same_and_opens_nothing(self, browser, group, monkeypatch, kind):
        with monkeypatch.context() as patched:
            patched.setattr(File, "open_bytes", lambda file: pytest.fail("opened"))
            head = browser.head(f"/{group.wire_id}/archive/{kind}/")
        get = browser.get(f"/{group.wire_id}/archive/{kind}/")
        body_of(get)
        assert body_of(head) == b""
        ours = {"x-uploadcare-request-id"}
        assert {k: v for k, v in head.items() if k not in ours} == {
            k: v for k, v in get.items() if k not in ours
        }

    def test_holds_a_file_once_however_often_it_is_in_the_group(self, browser, project, text, kind):
        group = make_group(project, text, text, text)
        assert len(entries_of(browser.get(f"/{group.wire_id}/archive/{kind}/"))) == 1

    def test_s032_names_stay_in_the_folder_and_apart(self, browser, project, kind, tmp_path):
        names = ["../../etc/passwd", "a/b.txt", "b.txt", "B.txt", "..", "con", "x\0y"]
        files = [make_file(project, name=name.replace("\0", "")) for name in names]
        response = browser.get(f"/{make_group(project, *files).wire_id}/archive/{kind}/")
        found = [name for name, _ in entries_of(response)]
        assert found == ["passwd", "b.txt", "b (2).txt", "B (3).txt", "original", "_con", "xy"]

    def test_a_removed_or_expired_file_closes_all_of_it(self, browser, group, text, kind):
        remove(text)
        assert_not_found(browser.get(f"/{group.wire_id}/archive/{kind}/"))
        File.objects.filter(pk=text.pk).update(
            removed_at=None, expires_at=datetime(2026, 1, 2, tzinfo=UTC)
        )
        assert_not_found(browser.get(f"/{group.wire_id}/archive/{kind}/"))

    def test_two_gigabytes_pass_and_one_byte_more_does_not(
        self, browser, project, photo, text, kind
    ):
        group = make_group(project, photo, text, text)
        File.objects.filter(pk=photo.pk).update(size=2 * 1024**3 - text.size)
        assert browser.head(f"/{group.wire_id}/archive/{kind}/").status_code == 200
        File.objects.filter(pk=photo.pk).update(size=2 * 1024**3 - text.size + 1)
        response = browser.get(f"/{group.wire_id}/archive/{kind}/")
        assert response.status_code == 400
        assert b"at most 2 GB" in response.content
        assert response["Cache-Control"] == "no-store"

    def test_breaks_off_where_bytes_are_missing(self, browser, group, text, kind, caplog):
        storages["uploads"].delete(text.blob_name)
        response = browser.get(f"/{group.wire_id}/archive/{kind}/")
        with pytest.raises(FileNotFoundError):
            body_of(response)
        assert f"The bytes of file {text.uuid} are not in the upload storage." in caplog.text

    def test_nobody_but_readers_may_come(self, browser, group, kind):
        for method in ("POST", "PUT", "DELETE"):
            assert browser.generic(method, f"/{group.wire_id}/archive/{kind}/").status_code == 405
        assert browser.options(f"/{group.wire_id}/archive/{kind}/").status_code == 204


class TestTokens:
    """A project whose addresses are signed: spec/UPLOADCARE 7."""

    @pytest.fixture
    def secret(self, project):
        secret = signed_urls.make_secret(project=project, actor="a test")
        signed_urls.require(project=project, is_required=True, actor="a test")
        return secret

    def token(self, secret, acl):
        return signed_urls.sign_acl(secret=secret, acl=acl, expires_at=int(time.time()) + 60)

    @pytest.mark.parametrize("rest", ["", "nth/0/", "nth/1/name.txt", "archive/zip/"])
    def test_one_for_the_group_opens_all_of_it(self, browser, group, secret, rest):
        path = f"/{group.wire_id}/{rest}"
        assert browser.get(path).status_code == 403
        token = self.token(secret, f"/{group.wire_id}/*")
        response = browser.get(f"{path}?token={token}")
        assert response.status_code == 200
        assert response["Cache-Control"].startswith("private, max-age=")
        body_of(response)

    def test_the_list_hands_it_on_to_what_it_leads_to(self, browser, group, secret):
        token = self.token(secret, f"/{group.wire_id}/*")
        page = browser.get(f"/{group.wire_id}/?token={token}").content.decode()
        assert f'href="nth/0/?token={token}"' in page
        assert f'href="archive/tar/?token={token}"' in page

    def test_one_for_a_file_opens_no_group(self, browser, group, photo, secret):
        token = self.token(secret, f"/{photo.uuid}/*")
        for rest in ("", "nth/0/", "archive/zip/"):
            assert browser.get(f"/{group.wire_id}/{rest}?token={token}").status_code == 403


def test_the_limit_is_what_the_documentation_says():
    assert group_views.MAX_ARCHIVE_BYTES == 2_147_483_648


def test_a_thousand_files_cost_a_few_questions(browser, project, django_assert_max_num_queries):
    file = make_file(project)
    group = make_group(project, file)
    Group.objects.filter(pk=group.pk).update(n_files=1_000)
    GroupMember.objects.bulk_create(
        GroupMember(group=group, position=place, file=file) for place in range(1, 1_000)
    )
    for rest in ("", "nth/999/", "archive/zip/"):
        with django_assert_max_num_queries(6):
            response = browser.get(f"/{group.uuid}~1000/{rest}")
        assert response.status_code == 200
        body_of(response)
