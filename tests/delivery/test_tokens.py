"""A project that signs its URLs: nothing is seen without a token, and no shared cache keeps it."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.models import File, Project
from storages_app.projects import signed_urls
from tests import pictures
from tests.delivery.conftest import assert_harmless, body_of
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db

RESTS = ["", "cat.jpg", "-/resize/10x/", "-/resize/10x/cat.jpg", "-/json/", "-/jsonp/"]


@pytest.fixture
def secret(photo):
    made = signed_urls.make_secret(project=photo.project, actor="a test")
    signed_urls.require(project=photo.project, is_required=True, actor="a test")
    return made


def token(secret, acl, *, lives=300):
    return signed_urls.sign_acl(secret=secret, acl=acl, expires_at=int(time.time()) + lives)


class TestWithoutToken:
    @pytest.mark.parametrize("rest", RESTS)
    @pytest.mark.parametrize("query", ["", "?token=", "?token=x", "?Token=x&x=token=1"])
    def test_nothing_is_seen(self, browser, photo, secret, rest, query):
        response = browser.get(f"/{photo.uuid}/{rest}{query}")
        assert response.status_code == 403
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert response["Cache-Control"] == "no-store"
        assert b"token" in response.content
        assert "ETag" not in response
        assert_harmless(response)

    def test_a_head_and_a_condition_tell_nothing_either(self, browser, photo, secret):
        address = f"/{photo.uuid}/"
        assert browser.head(address).status_code == 403
        has_it = {"if-none-match": f'"{photo.sha256}"'}
        assert browser.get(address, headers=has_it).status_code == 403
        assert browser.get(address, headers={"range": "bytes=999999-"}).status_code == 403

    def test_groups_of_the_project_are_closed_too(self, browser, photo, secret):
        group = make_group(photo.project, photo)
        for rest in ("", "nth/0/", "nth/0/-/resize/10x/", "archive/zip/", "archive/tar/x.tar"):
            assert browser.get(f"/{group.pk}~1/{rest}").status_code == 403

    def test_other_projects_are_open_as_before(self, browser, secret):
        other = make_file(make_project(), b"open")
        assert body_of(browser.get(f"/{other.uuid}/")) == b"open"
        ignored = browser.get(f"/{other.uuid}/?token=nonsense")
        assert body_of(ignored) == b"open"
        assert ignored["Cache-Control"].startswith("public")

    def test_a_preflight_needs_none(self, browser, photo, secret):
        assert browser.options(f"/{photo.uuid}/").status_code == 204


class TestWithToken:
    @pytest.mark.parametrize("rest", RESTS)
    def test_a_star_opens_all_forms_for_a_private_cache(self, browser, photo, secret, rest):
        response = browser.get(f"/{photo.uuid}/{rest}?token={token(secret, f'/{photo.uuid}/*')}")
        body_of(response)
        assert response.status_code == 200
        kept, age = response["Cache-Control"].split(", max-age=")
        assert kept == "private"
        assert 290 <= int(age) <= 300
        assert_harmless(response)

    def test_without_a_star_it_opens_the_one_address(self, browser, photo, secret):
        query = f"?token={token(secret, f'/{photo.uuid}/')}"
        assert body_of(browser.get(f"/{photo.uuid}/{query}")) == pictures.camera_jpeg()
        assert browser.get(f"/{photo.uuid}/-/preview/{query}").status_code == 403

    def test_a_condition_and_a_range_are_private_too(self, browser, photo, secret):
        address = f"/{photo.uuid}/?token={token(secret, f'/{photo.uuid}/*')}"
        unchanged = browser.get(address, headers={"if-none-match": f'"{photo.sha256}"'})
        assert unchanged.status_code == 304
        assert unchanged["Cache-Control"].startswith("private")
        part = browser.get(address, headers={"range": "bytes=0-1"})
        assert body_of(part) == pictures.camera_jpeg()[:2]
        assert part["Cache-Control"].startswith("private")

    def test_an_expired_one_says_so(self, browser, photo, secret):
        response = browser.get(
            f"/{photo.uuid}/?token={token(secret, f'/{photo.uuid}/*', lives=-1)}"
        )
        assert response.status_code == 403
        assert b"expired" in response.content

    def test_of_another_file_or_project_opens_nothing(self, browser, photo, secret):
        """S038."""
        other = make_file(photo.project, b"other")
        of_other = token(secret, f"/{other.uuid}/*")
        assert browser.get(f"/{photo.uuid}/?token={of_other}").status_code == 403
        neighbour = signed_urls.make_secret(project=make_project(), actor="a test")
        of_neighbour = token(neighbour, f"/{photo.uuid}/*")
        assert browser.get(f"/{photo.uuid}/?token={of_neighbour}").status_code == 403

    def test_a_redirect_to_the_slash_keeps_it(self, browser, photo, secret):
        query = f"token={token(secret, f'/{photo.uuid}/*')}"
        response = browser.get(f"/{photo.uuid}?{query}")
        assert response.status_code == 301
        assert response["Location"] == f"/{photo.uuid}/?{query}"
        assert body_of(browser.get(response["Location"])) == pictures.camera_jpeg()

    def test_a_group_opens_with_its_own_and_not_with_a_files(self, browser, photo, secret):
        group = make_group(photo.project, photo)
        of_group = f"?token={token(secret, f'/{group.pk}~1/*')}"
        for rest in ("", "nth/0/", "nth/0/-/resize/10x/", "archive/tar/"):
            response = browser.get(f"/{group.pk}~1/{rest}{of_group}")
            body_of(response)
            assert response.status_code == 200
            assert response["Cache-Control"].startswith("private")
        assert browser.get(f"/{photo.uuid}/{of_group}").status_code == 403
        of_file = f"?token={token(secret, f'/{photo.uuid}/*')}"
        assert browser.get(f"/{group.pk}~1/nth/0/{of_file}").status_code == 403

    def test_bound_to_an_address_it_is_for_who_has_that(self, browser, photo, secret, settings):
        settings.BEHIND_PROXY = True
        bound = signed_urls.sign_acl(
            secret=secret, acl=f"/{photo.uuid}/*", expires_at=int(time.time()) + 60
        )
        said = f"ip=192.0.2.1~{bound.partition('~hmac=')[0]}"
        address = f"/{photo.uuid}/?token={said}~hmac={signed_urls._sign(secret, said)}"
        for forwarded_for, status in (("192.0.2.1", 200), ("192.0.2.1, 192.0.2.2", 403)):
            response = browser.get(address, headers={"x-forwarded-for": forwarded_for})
            response.close()
            assert response.status_code == status

    def test_an_unstored_file_is_kept_only_until_it_expires(self, browser, photo, secret):
        soon = timezone.now() + timedelta(seconds=30)
        File.objects.filter(pk=photo.pk).update(stored_at=None, expires_at=soon)
        response = browser.get(f"/{photo.uuid}/?token={token(secret, f'/{photo.uuid}/*')}")
        response.close()
        assert int(response["Cache-Control"].removeprefix("private, max-age=")) <= 30


def test_switched_off_everything_is_open_again(browser, photo, secret):
    signed_urls.require(project=photo.project, is_required=False, actor="a test")
    assert body_of(browser.get(f"/{photo.uuid}/")) == pictures.camera_jpeg()


def test_a_file_that_is_not_there_is_404_with_or_without_a_token(browser, photo, secret):
    Project.objects.filter(pk=photo.project_id).update(removed_at="2026-01-01T00:00Z")
    query = f"?token={token(secret, f'/{photo.uuid}/*')}"
    for address in (f"/{photo.uuid}/", f"/{photo.uuid}/{query}"):
        assert browser.get(address).status_code == 404


class TestFilesLaidOverAnother:
    """`overlay` shows a second file: a token has to name both."""

    @pytest.fixture
    def logo(self, photo):
        return make_file(photo.project, pictures.png(40, 20), detected_type="image/png")

    def address(self, photo, logo) -> str:
        return f"/{photo.uuid}/-/overlay/{logo.uuid}/"

    @pytest.mark.parametrize("rest", ["", "-/json/", "-/resize/9x/name.png"])
    def test_a_star_after_the_first_does_not_open_the_second(
        self, browser, photo, logo, secret, rest
    ):
        opened = token(secret, f"/{photo.uuid}/*")
        response = browser.get(f"{self.address(photo, logo)}{rest}?token={opened}")
        assert response.status_code == 403
        assert_harmless(response)
        plain = browser.get(f"/{photo.uuid}/-/resize/9x/?token={opened}")
        assert (plain.status_code, len(body_of(plain)) > 0) == (200, True)

    @pytest.mark.parametrize("star", ["", "*"])
    def test_a_token_that_names_both_opens_it(self, browser, photo, logo, secret, star):
        address = self.address(photo, logo)
        response = browser.get(f"{address}?token={token(secret, address + star)}")
        assert (response.status_code, len(body_of(response)) > 0) == (200, True)

    def test_the_original_itself_needs_no_second_name(self, browser, photo, secret):
        opened = token(secret, f"/{photo.uuid}/*")
        response = browser.get(f"/{photo.uuid}/-/overlay/self/9px9p/?token={opened}")
        assert (response.status_code, len(body_of(response)) > 0) == (200, True)

    def test_an_address_of_ours_has_a_token_that_fits(self, browser, photo, logo, secret):
        photo.project.refresh_from_db()
        path = f"{photo.uuid}/-/overlay/{logo.uuid}/10px10p/"
        response = browser.get(signed_urls.address(project=photo.project, file_path=path))
        assert (response.status_code, len(body_of(response)) > 0) == (200, True)

    def test_a_token_of_a_group_opens_what_is_in_it_and_nothing_laid_over(
        self, browser, photo, logo, secret
    ):
        group = make_group(photo.project, photo)
        group.members.update(effects=f"overlay/{logo.uuid}/")
        opened = token(secret, f"/{group.pk}%7e1/*")
        assert browser.get(f"/{group.pk}~1/nth/0/?token={opened}").status_code == 403
