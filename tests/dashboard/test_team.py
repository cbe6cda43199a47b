"""The team's page, invitations by page, and the page behind an invitation's link."""

import re

import pytest
from django.contrib.messages import get_messages
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.models import Event, Invitation, Membership, User
from storages_app.projects.roles import ACTIONS_IN_WORDS
from tests.dashboard.conftest import client_of, new_client
from tests.factories import make_invitation, make_project, make_user

GUEST = "guest@example.com"
PASSWORD = "correct horse battery"


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def in_one_line(response):
    return " ".join(response.text.split())


def join(project, role, email=""):
    return Membership.objects.create(project=project, user=make_user(email), role=role)


@pytest.fixture
def admin(project):
    return join(project, "admin", "admin@example.com")


@pytest.fixture
def link(as_owner, project):
    """Of an invitation that was sent by mail."""
    data = {"email": GUEST, "role": "member"}
    as_owner.post(address("team_invite", project), data)
    return re.search(r"https?://\S+(/invitations/\S+)", mail.outbox[-1].body)[1]


class TestPage:
    def test_it_lists_members_with_their_role_and_what_each_may_do(self, as_viewer, project):
        page = in_one_line(as_viewer.get(address("team", project)))
        assert "owner@example.com" in page
        assert "viewer@example.com" in page
        for words in ACTIONS_IN_WORDS.values():
            assert words in page

    def test_invitations_are_for_who_manages_members(self, as_owner, as_viewer, project):
        make_invitation(project, GUEST)
        assert GUEST in as_owner.get(address("team", project)).text
        page = as_viewer.get(address("team", project)).text
        assert GUEST not in page
        assert "Invite…" not in page

    def test_it_takes_as_many_queries_for_thirty_as_for_three(self, as_owner, project):
        def queries():
            with CaptureQueriesContext(connection) as asked:
                assert as_owner.get(address("team", project)).status_code == 200
            return len(asked)

        for _ in range(3):
            join(project, "viewer")
            make_invitation(project)
        for_three = queries()
        for _ in range(27):
            join(project, "viewer")
            make_invitation(project)
        assert queries() == for_three

    def test_names_of_people_are_text(self, as_owner, project):
        person = join(project, "viewer").user
        person.first_name = "<script>alert(1)</script>"
        person.save()
        assert "<script>alert" not in as_owner.get(address("team", project)).text

    def test_an_admin_finds_no_button_at_an_owner(self, admin, project):
        page = client_of(admin.user).get(address("team", project)).text
        owner = Membership.objects.get(project=project, role="owner")
        assert address("team_member", project, owner.pk) not in page
        assert address("team_member", project, admin.pk) in page


class TestInviting:
    def test_the_invitation_goes_by_mail_and_waits_in_the_list(self, as_owner, project, link):
        assert mail.outbox[-1].to == [GUEST]
        page = in_one_line(as_owner.get(address("team", project)))
        assert GUEST in page
        assert "works once" in page

    def test_known_and_unknown_addresses_get_the_same_answer(self, as_owner, project):
        """S107."""
        make_user("known@example.com")
        answers = []
        for email in ("known@example.com", "unknown@example.com"):
            data = {"email": email, "role": "viewer"}
            response = as_owner.post(address("team_invite", project), data)
            *_, message = get_messages(response.wsgi_request)
            words = str(message).replace(email, "")
            answers.append((response.status_code, response["Location"], words))
        assert answers[0] == answers[1]

    def test_where_mail_cannot_be_sent_the_link_is_shown_once(self, as_owner, project, monkeypatch):
        def refused(*args, **kwargs):
            raise ConnectionRefusedError

        monkeypatch.setattr(EmailBackend, "send_messages", refused)
        data = {"email": GUEST, "role": "viewer"}
        page = as_owner.post(address("team_invite", project), data)
        shown = re.search(r"/invitations/([\w-]{43})/", page.text)[1]
        assert "no-store" in page["Cache-Control"]
        assert new_client().get(f"/invitations/{shown}/").status_code == 200
        assert shown not in as_owner.get(address("team", project)).text
        again = as_owner.post(address("team_invite", project), data)  # a reload of that page
        assert "This address is invited already." in again.text

    def test_an_admin_is_offered_no_role_above_their_own(self, admin, project):
        """S110: nor taken at their word when they send one."""
        client = client_of(admin.user)
        assert 'value="owner"' not in client.get(address("team_invite", project)).text
        data = {"email": GUEST, "role": "owner"}
        page = client.post(address("team_invite", project), data)
        assert 'role="alert"' in page.text
        assert not Invitation.objects.exists()

    def test_what_was_typed_stays_when_it_is_refused(self, as_owner, project):
        page = as_owner.post(address("team_invite", project), {"email": "no address"}).text
        assert 'value="no address"' in page

    def test_sent_again_the_old_link_ends(self, as_owner, project):
        invitation = make_invitation(project, GUEST)
        before = invitation.token_digest
        as_owner.post(address("team_invitation_send", project, invitation.pk))
        invitation.refresh_from_db()
        assert invitation.token_digest != before
        assert mail.outbox[-1].to == [GUEST]
        too_soon = as_owner.post(address("team_invitation_send", project, invitation.pk))
        assert "a few minutes ago" in said(too_soon)

    def test_taken_back_it_opens_nothing(self, as_owner, project, link):
        invitation = Invitation.objects.get()
        as_owner.post(address("team_invitation_take_back", project, invitation.pk))
        page = new_client().get(link)
        assert page.status_code == 410
        assert "This link has been used or is older than 168 hours" in page.text


class TestMember:
    def test_their_role_is_changed(self, as_owner, project, admin):
        as_owner.post(address("team_member", project, admin.pk), {"role": "viewer"})
        admin.refresh_from_db()
        assert admin.role == "viewer"

    def test_the_last_owner_stays_owner_and_the_page_says_what_to_do(self, as_owner, project):
        owner = Membership.objects.get(project=project, role="owner")
        page = as_owner.post(address("team_member", project, owner.pk), {"role": "viewer"})
        assert "Make someone else owner first." in page.text
        owner.refresh_from_db()
        assert owner.role == "owner"

    def test_they_are_removed(self, as_owner, project, admin):
        as_owner.post(address("team_member_remove", project, admin.pk))
        assert not Membership.objects.filter(pk=admin.pk).exists()
        assert client_of(admin.user).get(address("team", project)).status_code == 404

    def test_an_admin_changes_no_owner(self, admin, project):
        client, owner = client_of(admin.user), Membership.objects.get(project=project, role="owner")
        page = client.get(address("team_member", project, owner.pk))
        assert "Remove this member" not in page.text
        client.post(address("team_member", project, owner.pk), {"role": "viewer"})
        client.post(address("team_member_remove", project, owner.pk))
        owner.refresh_from_db()
        assert owner.role == "owner"

    def test_a_viewer_leaves_and_the_last_owner_does_not(self, as_viewer, as_owner, project):
        assert as_viewer.post(address("team_leave", project)).status_code == 302
        assert as_viewer.get(address("team", project)).status_code == 404
        page = as_owner.post(address("team_leave", project))
        assert "Make someone else owner first." in page.text
        assert as_owner.get(address("team", project)).status_code == 200


class TestLink:
    def test_who_has_no_account_chooses_a_password_and_is_in(self, project, link):
        client = new_client()
        page = client.get(link)
        assert page["Referrer-Policy"] == "same-origin"
        assert "no-store" in page["Cache-Control"]
        response = client.post(link, {"name": "Ada", "password": PASSWORD})
        assert response["Location"] == address("overview", project)
        user = User.objects.get(email=GUEST)
        assert user.check_password(PASSWORD)
        assert Membership.objects.get(user=user).role == "member"
        assert client.get(address("overview", project)).status_code == 200
        assert new_client().get(link).status_code == 410

    @pytest.mark.parametrize("password", ["short", "password1234", GUEST, ""])
    def test_a_weak_password_makes_no_account(self, link, password):
        """S112."""
        page = new_client().post(link, {"name": "Ada", "password": password})
        assert page.status_code == 200
        assert 'role="alert"' in page.text
        field = re.search(r"<input[^>]*type=.password[^>]*>", page.text)[0]
        assert "value=" not in field
        assert not User.objects.filter(email=GUEST).exists()

    def test_nothing_sent_along_makes_more_of_the_account(self, link):
        """S110."""
        more = {"role": "owner", "is_staff": "1", "is_superuser": "1", "email": "x@example.com"}
        new_client().post(link, {"name": "Ada", "password": PASSWORD} | more)
        user = User.objects.get(email=GUEST)
        assert not user.is_staff
        assert not user.is_superuser
        assert Membership.objects.get(user=user).role == "member"

    def test_who_has_an_account_signs_in_and_joins_by_one_button(self, link, project):
        guest = make_user(GUEST)
        page = new_client().get(link)
        assert f"{reverse('account_login')}?next={link.replace('/', '%2F')}" in page.text
        assert new_client().post(link, {"name": "x", "password": PASSWORD}).status_code == 200
        assert not guest.check_password(PASSWORD)
        client = client_of(guest)
        assert not Membership.objects.filter(user=guest).exists()
        assert client.get(link).status_code == 200
        assert client.post(link)["Location"] == address("overview", project)
        assert Event.objects.get(kind="member.joined").address == "127.0.0.1"

    def test_somebody_else_who_is_signed_in_does_not_join(self, link, as_neighbour):
        page = as_neighbour.get(link)
        assert "The invitation is for another address." in page.text
        assert as_neighbour.post(link).status_code == 403
        assert not Membership.objects.filter(user__email="neighbour@example.com").exclude(
            project__name="Another"
        )

    def test_a_form_of_another_site_joins_nothing(self, link):
        """S102."""
        client = new_client(enforce_csrf_checks=True)
        assert client.post(link, {"name": "x", "password": PASSWORD}).status_code == 403
        client.force_login(make_user(GUEST))
        assert client.post(link).status_code == 403

    def test_a_link_that_never_was_is_not_found(self, db):
        page = new_client().get("/invitations/none/")
        assert page.status_code == 404
        assert "There is no such link" in page.text

    def test_the_name_of_a_project_is_text(self, db):
        project = make_project("<img src=x onerror=alert(1)>", owner=make_user())
        invitation = make_invitation(project)
        token = invitation.new_token()
        invitation.save()
        page = new_client().get(reverse("dashboard:invitation", args=[token])).text
        assert "<img src=x" not in page

    def test_of_a_removed_project_it_opens_nothing(self, link, project):
        project.removed_at = timezone.now()
        project.save()
        assert new_client().get(link).status_code == 410
