"""Requests that were put together by hand: where they lead, whose mail it is, what they may set.

What another site can send is in test_who_sees_what.py (S102).
"""

import re
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from storages_app.models import CustomStorage, File, Invitation, Project, User
from storages_app.notifications import messages, sending
from tests.dashboard.conftest import client_of, new_client
from tests.dashboard.test_who_sees_what import PAGES, POST_ONLY, address_of
from tests.factories import make_file, make_incident, make_project, make_user

PASSWORD = "correct horse battery"
AWAY = [
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "https:///evil.example",
    "https://evil.example/",
    "http://localhost@evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "/%0d%0aLocation:https://evil.example/",
    "\t//evil.example/",
    "//evil%E3%80%82example/",
]
BROKEN = "Shop\r\nBcc: evil@example.com\r\n\r\nClick here"


@pytest.fixture
def person(db):
    return make_user("ada@example.com", password=PASSWORD)


class TestWhereTheyLead:
    """S082: no `next` of any page leads to another host."""

    def assert_stays(self, response):
        place = response.get("Location", "/")
        assert re.match(r"/(?![/\\])", place), place
        assert not re.search(r"[\r\n]", place)
        if response.status_code == 200:
            assert not re.search(r'(href|action)="[^"/?#]*(//|\\)?evil', response.text)
            assert not re.search(r'href="(javascript|data):', response.text)

    @pytest.mark.parametrize("away", AWAY)
    def test_signing_in(self, person, away):
        data = {"login": person.email, "password": PASSWORD, "next": away}
        address = f"{reverse('account_login')}?{urlencode({'next': away})}"
        self.assert_stays(new_client().get(address))
        self.assert_stays(new_client().post(address, data))
        self.assert_stays(client_of(person).get(address))

    @pytest.mark.parametrize("away", AWAY)
    def test_confirming_who_one_is_and_signing_out(self, person, away):
        client = client_of(person)
        query = urlencode({"next": away})
        data = {"password": PASSWORD, "next": away}
        for name in ("account_reauthenticate", "account_change_password", "account_logout"):
            address = f"{reverse(name)}?{query}"
            self.assert_stays(client.get(address))
            self.assert_stays(client.post(address, data))

    @pytest.mark.parametrize("away", AWAY)
    def test_colours_a_new_password_and_the_admin(self, person, away):
        client = client_of(make_user(is_staff=True, is_superuser=True))
        self.assert_stays(client.post(reverse("dashboard:theme"), {"next": away, "theme": "dark"}))
        address = f"{reverse('account_reset_password')}?{urlencode({'next': away})}"
        self.assert_stays(new_client().post(address, {"email": person.email, "next": away}))
        for page in ("/admin/login/", "/admin/logout/"):
            self.assert_stays(client.get(f"{page}?{urlencode({'next': away})}"))

    @pytest.mark.parametrize("name", [name for name in PAGES if PAGES[name][1] == POST_ONLY])
    def test_what_is_done_and_where_it_leads_back_to(self, name, everything, as_owner):
        data = dict.fromkeys(("next", "back", "return_to", "url", "page", "q"), AWAY[0])
        response = as_owner.post(
            address_of(name, everything), data, headers={"referer": "https://evil.example/x"}
        )
        place = response.get("Location", "/")
        assert re.match(r"/(?![/\\])", place), place


@pytest.fixture
def _no_pace_of_resets():
    """Other tests have asked for new passwords from the same address."""
    cache.clear()


class TestMails:
    @pytest.mark.parametrize("name", ["x-forwarded-host", "x-host", "forwarded", "x-original-url"])
    @pytest.mark.usefixtures("_no_pace_of_resets")
    def test_their_links_are_of_the_configured_host(self, everything, as_owner, name):
        """S083: of a new password, and of an invitation."""
        forged = {name: "host=evil.example" if name == "forwarded" else "evil.example"}
        asked = make_user(f"{name}@example.com")
        new_client().post("/accounts/password/reset/", {"email": asked.email}, headers=forged)
        data = {"email": "guest2@example.com", "role": "viewer"}
        as_owner.post(address_of("team_invite", everything), data, headers=forged)
        sent = [message.body for message in mail.outbox]
        assert len(sent) == 2
        for body in sent:
            links = re.findall(r"https?://\S+", body)
            assert links
            assert all(link.startswith(f"{django_settings.DASHBOARD_URL}/") for link in links)
            assert "evil" not in body

    def test_a_forged_host_gets_no_mail_out(self, person):
        """S083."""
        response = new_client().post(
            "/accounts/password/reset/", {"email": person.email}, headers={"host": "evil.example"}
        )
        assert response.status_code == 400
        assert mail.outbox == []

    def test_no_name_adds_a_line_to_a_head(self, project, owner, as_owner):
        """S086: the name of a project is in the subject of an invitation."""
        Project.objects.filter(pk=project.pk).update(name=BROKEN)
        User.objects.filter(pk=owner.pk).update(first_name=BROKEN)
        address = reverse("dashboard:team_invite", args=[project.slug])
        response = as_owner.post(address, {"email": "guest@example.com", "role": "viewer"})
        assert response.status_code == 302
        (message,) = mail.outbox
        assert "Bcc" not in message.message()
        assert message.recipients() == ["guest@example.com"]
        assert message.body.startswith("owner@example.com invites you to the project “Shop Bcc:")

    @pytest.mark.parametrize("page", ["project_settings", "project_new"])
    def test_no_page_takes_such_a_name(self, project, as_owner, page):
        """S086."""
        arguments = [project.slug] if page == "project_settings" else []
        as_owner.post(reverse(f"dashboard:{page}", args=arguments), {"name": BROKEN, "slug": "x"})
        assert not Project.objects.filter(name__contains="\n").exists()
        assert not Project.objects.filter(name__contains="\r").exists()

    @pytest.mark.parametrize("address", ["a@example.com\r\nBcc: evil@example.com", "a@b.c\n"])
    def test_no_address_has_a_second_line(self, project, as_owner, address):
        """S086."""
        form = {"email": address, "role": "viewer"}
        as_owner.post(reverse("dashboard:team_invite", args=[project.slug]), form)
        form = {"kind": "email", "address": address, "topics": "storage_broken"}
        as_owner.post(reverse("dashboard:notification_new", args=[project.slug]), form)
        new_client().post("/accounts/password/reset/", {"email": address})
        assert not any("\n" in invitation.email for invitation in Invitation.objects.all())
        for message in mail.outbox:
            assert all("evil" not in to and "\n" not in to for to in message.recipients())


class TestMethods:
    """S045: what is asked with GET or HEAD changes nothing, whatever it calls itself."""

    @pytest.mark.parametrize("name", [name for name in PAGES if PAGES[name][1] == POST_ONLY])
    def test_an_order_is_a_post_and_nothing_else(self, name, everything, as_owner):
        address = address_of(name, everything)
        override = {"x-http-method-override": "POST", "x-method-override": "POST"}
        assert as_owner.head(address, headers=override).status_code == 405
        assert as_owner.get(f"{address}?_method=POST", headers=override).status_code == 405
        for method in ("put", "patch", "delete"):
            assert getattr(as_owner, method)(address, headers=override).status_code == 405


class TestTwoValues:
    """S046: the body alone is read, and of a field that is there twice the last one."""

    def test_the_query_of_a_form_is_not_read(self, project, as_owner):
        address = reverse("dashboard:project_settings", args=[project.slug])
        as_owner.post(f"{address}?name=FromTheQuery", {})
        project.refresh_from_db()
        assert project.name == "Shop"

    def test_of_two_values_the_last_one_counts_and_is_what_is_shown(self, project, as_owner):
        address = reverse("dashboard:project_settings", args=[project.slug])
        as_owner.post(address, {"name": ["First", "Second"]})
        project.refresh_from_db()
        assert project.name in {"Second", "Shop"}
        assert project.name != "First"

    def test_a_file_of_another_project_between_ones_own_is_left_alone(
        self, project, as_owner, everything
    ):
        """S034: in a list of a form."""
        foreign = make_file(make_project("Elsewhere"))
        own = make_file(project)
        as_owner.post(
            reverse("dashboard:files_selection", args=[project.slug]),
            {"action": "delete", "file": [str(own.pk), str(foreign.pk)], "confirmed": "yes"},
        )
        foreign.refresh_from_db()
        assert not foreign.is_removed


class TestFieldsNobodyMaySet:
    """S044: a form takes what it shows, whatever else is sent."""

    EXTRA = {
        "id": "1",
        "pk": "1",
        "project": "1",
        "owner": "1",
        "slug": "taken-over",
        "public_key": "0" * 20,
        "is_staff": "on",
        "is_superuser": "on",
        "state": "done",
        "verified_at": "2001-01-01",
        "quota_bytes": "1",
        "removed_at": "2001-01-01",
        "external_id": "chosen",
        "proved_at": "2001-01-01",
        "sealed_secret": "x",
        "created_at": "2001-01-01",
    }

    @pytest.mark.parametrize(
        "name",
        ["project_settings", "upload_settings", "storage_settings", "key_rename", "webhook"],
    )
    def test_no_form_of_a_project_takes_them(self, name, everything, as_owner):
        before = self.seen(everything)
        as_owner.post(address_of(name, everything), self.EXTRA | {"name": "Shop", "label": "key"})
        assert self.seen(everything) == before

    def test_nor_does_that_of_an_account(self, as_owner, owner):
        as_owner.post("/account/", self.EXTRA | {"theme": "dark", "time_zone": "UTC"})
        owner.refresh_from_db()
        assert not owner.is_staff
        assert not owner.is_superuser

    def seen(self, everything):
        columns = ("pk", "slug", "public_key", "removed_at", "created_at")
        return (
            Project.objects.filter(pk=everything.project.pk).values_list(*columns).get(),
            list(
                CustomStorage.objects.order_by("pk").values_list(
                    "pk", "project", "external_id", "proved_at", "sealed_secret", "removed_at"
                )
            ),
            File.objects.count(),
        )


class TestWhatIsKept:
    @pytest.mark.parametrize("name", ["overview", "files", "keys", "storages", "activity", "team"])
    def test_no_page_is_kept_for_another_person(self, name, everything, as_owner, as_viewer):
        """S041: one address, two people, no body that a cache would give to both."""
        address = address_of(name, everything)
        for client in (as_owner, as_viewer):
            response = client.get(address)
            kept = response.get("Cache-Control", "")
            assert "private" in kept or "no-store" in kept or "Cookie" in response.get("Vary", "")
            assert "public" not in kept
        assert as_owner.get(address).text != as_viewer.get(address).text


def test_a_mail_about_an_incident_has_no_line_and_no_tag_that_we_did_not_write(project):
    """S072, S086: names of projects, storages and files are in it too."""
    Project.objects.filter(pk=project.pk).update(name=BROKEN)
    project.refresh_from_db()
    attack = "<svg onload=alert(1)>{{7*7}}"
    incident = make_incident(project, subject=BROKEN + attack)
    message = messages.began(incident, headline=BROKEN + attack, facts=[attack], steps=[attack])
    sending.send(sending.Letter("email", "team@example.com", "1", message.as_json()))
    (sent,) = mail.outbox
    assert "Bcc" not in sent.message()
    ((html, _),) = sent.alternatives
    assert "<svg" not in html
    assert "{{7*7}}" in html
