"""The page of signed URLs: a secret shown once, a switch, and previews that go on working."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from storages_app.models import Event, Project
from storages_app.projects import signed_urls
from tests.factories import make_file

SECRET = re.compile(r"[0-9a-f]{64}")


@pytest.fixture
def address(project):
    return reverse("dashboard:signed_urls", args=[project.slug])


@pytest.fixture
def secret_address(project):
    return reverse("dashboard:url_secret", args=[project.slug])


def make_secret(client, address):
    form = client.get(address).context["form"]
    return client.post(address, {"once": form["once"].value()})


class TestSecret:
    def test_is_shown_once(self, as_owner, project, address, secret_address):
        response = make_secret(as_owner, secret_address)
        (shown,) = set(SECRET.findall(response.text))
        assert Project.objects.get(pk=project.pk).unseal_url_secret() == shown
        for again in (address, secret_address):
            assert not SECRET.search(as_owner.get(again).text)
        event = Event.objects.get(kind="project.url_secret_made")
        assert event.actor == "owner@example.com"
        assert shown not in str(event.data)

    def test_a_reload_makes_no_second_one(self, as_owner, project, secret_address):
        form = {"once": as_owner.get(secret_address).context["form"]["once"].value()}
        as_owner.post(secret_address, form)
        made = Project.objects.get(pk=project.pk).sealed_url_secret
        response = as_owner.post(secret_address, form, follow=True)
        assert "no second was made" in response.text
        assert Project.objects.get(pk=project.pk).sealed_url_secret == made

    def test_a_new_one_ends_the_former(self, as_owner, project, secret_address):
        make_secret(as_owner, secret_address)
        made = Project.objects.get(pk=project.pk).sealed_url_secret
        assert "stop working" in as_owner.get(secret_address).text
        make_secret(as_owner, secret_address)
        assert Project.objects.get(pk=project.pk).sealed_url_secret != made

    @pytest.mark.parametrize("once", ["", "nonsense"])
    def test_a_form_without_its_mark_makes_none(self, as_owner, project, secret_address, once):
        assert as_owner.post(secret_address, {"once": once}).status_code == 200
        assert not Project.objects.get(pk=project.pk).sealed_url_secret


class TestSwitch:
    def test_is_refused_without_a_secret(self, as_owner, project, address):
        response = as_owner.post(address, {"is_required": "on"})
        assert "Make a secret first." in response.text
        assert not Project.objects.get(pk=project.pk).requires_signed_urls

    def test_goes_on_and_off_with_a_line_in_the_activity(self, as_owner, project, address):
        signed_urls.make_secret(project=project, actor="a test")
        for form, is_on in (({"is_required": "on"}, True), ({}, False)):
            response = as_owner.post(address, form, follow=True)
            assert "Saved. Files are served" in response.text
            assert Project.objects.get(pk=project.pk).requires_signed_urls is is_on
        kinds = Event.objects.order_by("pk").values_list("kind", flat=True)
        assert list(kinds)[1:] == [
            "project.signed_urls_required",
            "project.signed_urls_not_required",
        ]

    def test_what_is_so_already_is_no_event(self, as_owner, address):
        as_owner.post(address, {})
        assert not Event.objects.exists()

    def test_a_viewer_sees_it_without_buttons(self, as_viewer, address):
        text = as_viewer.get(address).text
        assert "Serve files only by signed URLs" in text
        assert "Make a secret" not in text


class TestPreviews:
    @pytest.fixture
    def photo(self, project):
        return make_file(project, name="cat.jpg", detected_type="image/jpeg")

    def links(self, as_owner, project, photo):
        pages = [
            as_owner.get(reverse("dashboard:files", args=[project.slug])),
            as_owner.get(reverse("dashboard:file", args=[project.slug, photo.pk])),
        ]
        named = re.compile(rf'(?:src|href)="(http[^"]*/{photo.pk}/[^"]*)"')
        return [link for page in pages for link in named.findall(page.text)]

    def test_are_plain_addresses_by_default(self, as_owner, project, photo):
        links = self.links(as_owner, project, photo)
        assert len(links) == 3
        assert not [link for link in links if "token" in link]

    def test_carry_tokens_that_the_file_host_takes(self, as_owner, project, photo):
        signed_urls.make_secret(project=project, actor="a test")
        signed_urls.require(project=project, is_required=True, actor="a test")
        links = self.links(as_owner, project, photo)
        assert len(links) == 3
        stranger = Client(headers={"host": urlsplit(links[0]).netloc})
        for link in links:
            parts = urlsplit(link)
            assert stranger.head(parts.path).status_code == 403
            # A text is no picture: the host looks at the bytes only after it has let one in.
            assert stranger.head(f"{parts.path}?{parts.query}").status_code in {200, 400}
