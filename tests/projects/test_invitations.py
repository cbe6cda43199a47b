"""Invitations: who sends them, what their link opens, and how they end (S108)."""

from datetime import timedelta

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.models import Event, Invitation, Membership, User
from storages_app.projects import invitations, lifecycle
from storages_app.projects.roles import Role, role_of
from storages_app.projects.team_errors import (
    AlreadyInvited,
    AlreadyMember,
    HasAccount,
    InvitationGone,
    OtherAddress,
    RoleTooHigh,
    SentJustNow,
    TooManyInvitations,
)
from tests.copying.test_races import ROUNDS, race, tables
from tests.factories import make_project, make_user

__all__ = ["tables"]

pytestmark = pytest.mark.django_db

ADDRESS = "guest@example.com"


@pytest.fixture
def owner():
    return make_user("owner@example.com")


@pytest.fixture
def project(owner):
    return make_project("Shop", owner=owner)


@pytest.fixture
def links():
    """Tokens as they were given out, in their order."""
    return []


@pytest.fixture
def invite(project, owner, links):
    def send(email=ADDRESS, role="viewer", by=owner):
        return invitations.invite(
            project=project, email=email, role=role, by=by, link_of=keep(links)
        )

    return send


def keep(links):
    def link_of(token):
        links.append(token)
        return f"https://dash.example.com/invitations/{token}/"

    return link_of


def age(invitation, **ages):
    Invitation.objects.filter(pk=invitation.pk).update(
        **{name: timezone.now() - ago for name, ago in ages.items()}
    )


class TestSending:
    def test_the_mail_is_plain_text_with_the_link(self, invite, mailoutbox, links):
        sent = invite(email=" Guest@Example.com ")
        assert sent.link == ""
        (mail,) = mailoutbox
        assert mail.to == [ADDRESS]
        assert mail.subject == "Join “Shop” on ucdash"
        assert f"https://dash.example.com/invitations/{links[0]}/" in mail.body
        assert "owner@example.com invites you" in mail.body
        assert mail.content_subtype == "plain"

    def test_the_token_is_nowhere_but_in_the_mail(self, invite, links):
        invite()
        values = [*Invitation.objects.values_list()[0], *Event.objects.values_list()[0]]
        assert links[0] not in " ".join(map(str, values))

    def test_without_a_mail_server_the_inviter_gets_the_link(self, invite, links, monkeypatch):
        def refused(*args, **kwargs):
            raise ConnectionRefusedError

        monkeypatch.setattr(EmailBackend, "send_messages", refused)
        assert invite().link == f"https://dash.example.com/invitations/{links[0]}/"

    def test_nor_does_mail_go_where_only_the_operator_reads_it(self, invite, settings, mailoutbox):
        settings.EMAIL_BY = "console"
        assert invite().link
        assert not mailoutbox

    def test_known_and_unknown_addresses_look_the_same(self, invite, mailoutbox):
        """S107: the inviter learns of nobody's account, neither by words nor by queries."""
        make_user("known@example.com")
        asked = []
        for address in ("known@example.com", "nobody@example.com"):
            with CaptureQueriesContext(connection) as queries:
                assert invite(email=address).link == ""
            asked.append(len(queries))
        assert asked[0] == asked[1]
        bodies = [
            mail.body.replace(mail.to[0], "").rpartition("/invitations/")[0] for mail in mailoutbox
        ]
        assert bodies[0] == bodies[1]

    def test_an_admin_invites_no_owner(self, project, invite):
        """S110."""
        admin = make_user()
        Membership.objects.create(project=project, user=admin, role=Role.ADMIN)
        with pytest.raises(RoleTooHigh):
            invite(role="owner", by=admin)
        assert invite(role="admin", by=admin).invitation.pk

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER, None])
    def test_others_invite_nobody(self, project, invite, role):
        other = make_user()
        if role:
            Membership.objects.create(project=project, user=other, role=role)
        with pytest.raises(RoleTooHigh):
            invite(by=other)
        assert not Invitation.objects.exists()

    def test_a_member_and_somebody_invited_are_not_invited_again(self, invite, owner):
        invite()
        with pytest.raises(AlreadyInvited):
            invite(email=ADDRESS.upper())
        with pytest.raises(AlreadyMember):
            invite(email="Owner@example.com")

    def test_one_that_grew_too_old_is_in_nobodys_way(self, invite):
        age(invite().invitation, expires_at=timedelta(seconds=1))
        assert invite().invitation.pk

    def test_nobody_mails_the_whole_world(self, invite, owner):
        for number in range(30):
            invite(email=f"guest{number}@example.com")
        with pytest.raises(TooManyInvitations):
            invite()
        elsewhere = make_project(owner=owner)
        with pytest.raises(TooManyInvitations):
            invitations.invite(
                project=elsewhere, email=ADDRESS, role="viewer", by=owner, link_of=str
            )


class TestLinks:
    def test_who_has_an_account_joins_once(self, invite, links, project):
        guest = make_user(ADDRESS)
        invite(role="member")
        invitations.accept(token=links[0], user=guest)
        assert role_of(guest, project) == Role.MEMBER
        assert Event.objects.get(kind="member.joined").actor == ADDRESS
        with pytest.raises(InvitationGone):
            invitations.accept(token=links[0], user=guest)

    def test_who_has_none_gets_one(self, invite, links, project):
        invite()
        user = invitations.accept_with_new_account(
            token=links[0], name="Ada", password="a long enough password"
        )
        assert (user.email, user.first_name) == (ADDRESS, "Ada")
        assert user.check_password("a long enough password")
        assert not user.is_staff
        assert role_of(user, project) == Role.VIEWER

    def test_nobody_sets_a_password_of_an_account_that_is_there(self, invite, links):
        make_user(ADDRESS.title(), password="the first password")
        invite()
        with pytest.raises(HasAccount):
            invitations.accept_with_new_account(token=links[0], name="", password="another one")
        assert User.objects.get(email=ADDRESS).check_password("the first password")

    def test_the_link_is_for_one_address(self, invite, links, project):
        invite()
        stranger = make_user()
        with pytest.raises(OtherAddress):
            invitations.accept(token=links[0], user=stranger)
        assert role_of(stranger, project) is None
        assert invitations.opened(token=links[0])

    def test_an_account_that_changed_its_address_is_another(self, invite, links):
        guest = make_user(ADDRESS)
        invite()
        guest.email = "moved@example.com"
        guest.save()
        with pytest.raises(OtherAddress):
            invitations.accept(token=links[0], user=guest)

    def test_after_seven_days_it_opens_nothing(self, invite, links):
        sent = invite().invitation
        assert sent.expires_at - sent.sent_at == timedelta(days=7)
        age(sent, expires_at=timedelta(0))
        with pytest.raises(InvitationGone):
            invitations.opened(token=links[0])

    def test_who_joined_otherwise_keeps_their_role(self, invite, links, project):
        guest = make_user(ADDRESS)
        invite(role="viewer")
        Membership.objects.create(project=project, user=guest, role=Role.ADMIN)
        invitations.accept(token=links[0], user=guest)
        assert role_of(guest, project) == Role.ADMIN

    def test_a_removed_project_is_joined_by_nobody(self, invite, links, project):
        invite()
        lifecycle.remove(project=project, actor="a test")
        with pytest.raises(InvitationGone):
            invitations.opened(token=links[0])

    def test_one_that_was_taken_back_opens_nothing(self, invite, links, owner):
        sent = invite().invitation
        invitations.take_back(invitation=sent, by=owner)
        with pytest.raises(InvitationGone):
            invitations.opened(token=links[0])
        with pytest.raises(InvitationGone):
            invitations.take_back(invitation=sent, by=owner)

    def test_sent_again_the_new_link_works_and_the_old_one_does_not(
        self, invite, links, owner, mailoutbox
    ):
        sent = invite().invitation
        with pytest.raises(SentJustNow):
            invitations.send_again(invitation=sent, by=owner, link_of=keep(links))
        age(sent, sent_at=timedelta(minutes=11), expires_at=timedelta(days=1))
        invitations.send_again(invitation=sent, by=owner, link_of=keep(links))
        assert len(mailoutbox) == 2
        with pytest.raises(InvitationGone):
            invitations.opened(token=links[0])
        assert invitations.opened(token=links[1]) == sent

    def test_an_admin_neither_sends_nor_takes_back_an_owners(self, invite, project, links):
        sent = invite(role="owner").invitation
        admin = make_user()
        Membership.objects.create(project=project, user=admin, role=Role.ADMIN)
        with pytest.raises(RoleTooHigh):
            invitations.take_back(invitation=sent, by=admin)
        with pytest.raises(RoleTooHigh):
            invitations.send_again(invitation=sent, by=admin, link_of=keep(links))

    @pytest.mark.parametrize("token", ["", "x", "\0", "ü" * 50, "a" * 5_000])
    def test_a_guessed_token_opens_nothing(self, token):
        with pytest.raises(InvitationGone):
            invitations.opened(token=token)


@pytest.mark.real
@pytest.mark.timeout(300)
def test_s121_an_invitation_that_is_taken_up_and_sent_at_once_is_one(tables):
    found = race(tables, "one_invitation", rounds=ROUNDS // 4, workers=6)
    assert found["rounds"] == ROUNDS // 4
