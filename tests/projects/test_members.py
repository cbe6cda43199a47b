"""Members come, change and go; an owner always stays."""

import pytest

from storages_app.models import Event, Invitation, Membership
from storages_app.projects import invitations, members
from storages_app.projects.roles import Role, role_of
from storages_app.projects.team_errors import LastOwner, NotAMember, RoleTooHigh
from tests.copying.test_races import ROUNDS, race, tables
from tests.factories import make_project, make_user

__all__ = ["tables"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("owner@example.com")


@pytest.fixture
def project(owner):
    return make_project("Shop", owner=owner)


def join(project, role, **fields):
    return Membership.objects.create(project=project, user=make_user(**fields), role=role)


def own(project, user):
    return Membership.objects.get(project=project, user=user)


class TestChangeRole:
    def test_counts_at_once_and_is_written_down(self, project, owner):
        member = join(project, Role.VIEWER)
        members.change_role(membership=member, role="admin", by=owner)
        assert role_of(member.user, project) == Role.ADMIN
        event = Event.objects.get(kind="member.role_changed")
        assert (event.actor, event.subject) == (owner.email, member.user.email)
        assert event.data == {"before": "viewer", "after": "admin"}

    def test_to_the_same_role_is_no_event(self, project, owner):
        member = join(project, Role.VIEWER)
        members.change_role(membership=member, role="viewer", by=owner)
        assert not Event.objects.exists()

    def test_the_last_owner_stays_one(self, project, owner):
        with pytest.raises(LastOwner) as refused:
            members.change_role(membership=own(project, owner), role="admin", by=owner)
        assert refused.value.advice == "Make someone else owner first."
        assert role_of(owner, project) == Role.OWNER

    def test_an_owner_who_was_switched_off_is_not_the_other_one(self, project, owner):
        join(project, Role.OWNER, is_active=False)
        with pytest.raises(LastOwner):
            members.change_role(membership=own(project, owner), role="viewer", by=owner)

    def test_one_of_two_owners_may_become_less(self, project, owner):
        join(project, Role.OWNER)
        members.change_role(membership=own(project, owner), role="viewer", by=owner)
        assert role_of(owner, project) == Role.VIEWER

    @pytest.mark.parametrize(
        ("before", "after"), [(Role.VIEWER, Role.OWNER), (Role.OWNER, Role.VIEWER)]
    )
    def test_an_admin_gives_and_takes_no_owner(self, project, before, after):
        """S110."""
        admin, other = join(project, Role.ADMIN), join(project, before)
        with pytest.raises(RoleTooHigh):
            members.change_role(membership=other, role=after, by=admin.user)
        other.refresh_from_db()
        assert other.role == before

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
    def test_nobody_below_admin_changes_anybody_nor_themselves(self, project, role):
        """S110."""
        climber = join(project, role)
        for target in (climber, join(project, Role.VIEWER)):
            with pytest.raises(RoleTooHigh):
                members.change_role(membership=target, role="admin", by=climber.user)

    def test_an_admin_who_was_demoted_meanwhile_changes_nobody(self, project, owner):
        """The page was open before the demotion; what counts is the row."""
        admin, other = join(project, Role.ADMIN), join(project, Role.VIEWER)
        members.change_role(membership=admin, role="viewer", by=owner)
        with pytest.raises(RoleTooHigh):
            members.change_role(membership=other, role="member", by=admin.user)

    def test_a_member_who_left_meanwhile_is_told_as_such(self, project, owner):
        member = join(project, Role.VIEWER)
        members.leave(project=project, user=member.user)
        with pytest.raises(NotAMember):
            members.change_role(membership=member, role="admin", by=owner)

    def test_operators_manage_without_being_members(self, project):
        operator = make_user(is_staff=True)
        member = join(project, Role.VIEWER)
        members.change_role(membership=member, role="owner", by=operator)
        assert role_of(member.user, project) == Role.OWNER


class TestRemoveAndLeave:
    def test_who_was_removed_may_nothing_any_more(self, project, owner):
        """S040."""
        member = join(project, Role.ADMIN)
        members.remove(membership=member, by=owner)
        assert role_of(member.user, project) is None
        assert Event.objects.get(kind="member.removed").data == {"role": "admin"}

    def test_an_admin_removes_no_owner(self, project, owner):
        admin = join(project, Role.ADMIN)
        with pytest.raises(RoleTooHigh):
            members.remove(membership=own(project, owner), by=admin.user)

    def test_anybody_may_leave(self, project):
        for role in (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER):
            member = join(project, role)
            members.leave(project=project, user=member.user)
            assert role_of(member.user, project) is None

    def test_the_last_owner_cannot_leave_nor_be_removed(self, project, owner):
        join(project, Role.ADMIN)
        with pytest.raises(LastOwner):
            members.leave(project=project, user=owner)
        with pytest.raises(LastOwner):
            members.remove(membership=own(project, owner), by=make_user(is_staff=True))
        assert role_of(owner, project) == Role.OWNER

    def test_who_is_no_member_cannot_leave(self, project):
        with pytest.raises(NotAMember):
            members.leave(project=project, user=make_user())

    def test_their_invitations_end_with_them(self, project, owner):
        """S108: nobody comes back by a link that they sent to themselves before."""
        admin = join(project, Role.ADMIN)
        sent = invite(project, admin.user, "spare@example.com")
        members.remove(membership=admin, by=owner)
        sent.refresh_from_db()
        assert sent.revoked_at


def invite(project, by, email, role="admin"):
    return invitations.invite(
        project=project, email=email, role=role, by=by, link_of=lambda token: token
    ).invitation


def test_invitations_that_a_demoted_member_could_not_send_any_more_end(project, owner):
    """S108."""
    other = join(project, Role.OWNER)
    for role in ("owner", "viewer"):
        invite(project, other.user, f"new-{role}@example.com", role)
    members.change_role(membership=other, role="admin", by=owner)
    assert [row.role for row in Invitation.objects.pending()] == ["viewer"]
    members.change_role(membership=other, role="member", by=owner)
    assert not Invitation.objects.pending().exists()


class TestHandOver:
    def test_the_other_becomes_owner_and_one_stays_as_admin(self, project, owner):
        heir = join(project, Role.VIEWER)
        members.hand_over(membership=heir, by=owner)
        assert role_of(heir.user, project) == Role.OWNER
        assert role_of(owner, project) == Role.ADMIN
        assert Event.objects.get(kind="project.handed_over").subject == heir.user.email

    def test_only_owners_do_it(self, project):
        admin = join(project, Role.ADMIN)
        with pytest.raises(RoleTooHigh):
            members.hand_over(membership=admin, by=admin.user)

    def test_not_to_oneself(self, project, owner):
        with pytest.raises(NotAMember):
            members.hand_over(membership=own(project, owner), by=owner)

    def test_not_to_somebody_who_cannot_sign_in(self, project, owner):
        with pytest.raises(LastOwner):
            members.hand_over(membership=join(project, Role.ADMIN, is_active=False), by=owner)
        assert role_of(owner, project) == Role.OWNER


@pytest.mark.real
@pytest.mark.timeout(300)
def test_s121_of_owners_who_leave_at_once_one_stays(tables):
    found = race(tables, "leaving_owners", rounds=ROUNDS // 4, workers=4)
    assert found["rounds"] == ROUNDS // 4
