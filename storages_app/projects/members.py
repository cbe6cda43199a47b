"""Who works in a project: roles change, members leave, and one owner always stays.

Whatever takes an owner away holds the project's row until it is committed. So of two owners who
leave at the same moment the second finds out that it is the last.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from storages_app.models import Event, Invitation, Membership, Project, User
from storages_app.projects.roles import Action, Role, is_within, may, role_of
from storages_app.projects.team_errors import LastOwner, NotAMember, RoleTooHigh


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: User) -> Membership:
    """Give a member another role; invitations that they sent end with what they may."""
    member = _held(membership)
    before = member.role
    if role == before:
        return member
    _require_power(member.project, by, before, role)
    if before == Role.OWNER:
        _require_another_owner(member)
    member.role = Role(role)
    member.save(update_fields=["role"])
    _end_invitations(member)
    _record("member.role_changed", member, by, before=before, after=role)
    return member


@transaction.atomic
def remove(*, membership: Membership, by: User) -> None:
    """From the next request on the member sees nothing of the project."""
    member = _held(membership)
    _require_power(member.project, by, member.role)
    _take_out(member, "member.removed", by)


@transaction.atomic
def leave(*, project: Project, user: User) -> None:
    """Go by oneself, whatever one's role; LastOwner if nobody else could decide then."""
    own = Membership.objects.filter(project=project, user=user).first()
    if own is None:
        raise NotAMember
    _take_out(_held(own), "member.left", user)


@transaction.atomic
def hand_over(*, membership: Membership, by: User) -> None:
    """Make another member the owner in one's own place; who handed it over stays as admin."""
    heir = _held(membership)
    project = heir.project
    if not may(by, project, Action.DELETE_PROJECT):
        raise RoleTooHigh
    if heir.user_id == by.pk:
        raise NotAMember("Choose another member than yourself.")
    before = heir.role
    heir.role = Role.OWNER
    heir.save(update_fields=["role"])
    own = Membership.objects.filter(project=project, user=by, role=Role.OWNER).first()
    if own:
        _require_another_owner(own)
        own.role = Role.ADMIN
        own.save(update_fields=["role"])
        _end_invitations(own)
    _record("project.handed_over", heir, by, before=before, after=Role.OWNER)


def hold(project: Project) -> None:
    """Nobody else changes this project's team until the transaction ends."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _held(membership: Membership) -> Membership:
    """The row as it is now, with its project held; NotAMember if it went meanwhile."""
    hold(membership.project)
    rows = Membership.objects.select_related("project", "user")
    member = rows.filter(pk=membership.pk).first()
    if member is None:
        raise NotAMember
    return member


def _require_power(project: Project, by: User, *roles: str) -> None:
    """`by` manages members, and none of `roles` is above their own."""
    own = role_of(by, project)
    if own is None or not may(by, project, Action.MANAGE_PROJECT):
        raise RoleTooHigh
    if not all(is_within(role, own) for role in roles):
        raise RoleTooHigh


def deciding_owners(project: Project) -> QuerySet[Membership]:
    """Owners who can sign in: somebody who was switched off decides nothing."""
    return Membership.objects.filter(project=project, role=Role.OWNER, user__is_active=True)


def projects_without_owner(user: User) -> list[Project]:
    """What is left to nobody, now that this owner cannot sign in any more."""
    if user.is_active:
        return []
    owned = Project.objects.live().filter(memberships__user=user, memberships__role=Role.OWNER)
    return [project for project in owned if not deciding_owners(project).exists()]


def _require_another_owner(member: Membership) -> None:
    if not deciding_owners(member.project).exclude(pk=member.pk).exists():
        raise LastOwner


def _take_out(member: Membership, kind: str, by: User) -> None:
    if member.role == Role.OWNER:
        _require_another_owner(member)
    role = member.role
    pending = Invitation.objects.pending().filter(project=member.project)
    now = timezone.now()
    pending.filter(invited_by=member.user).update(revoked_at=now)
    pending.filter(email=member.user.email.lower()).update(revoked_at=now)
    _record(kind, member, by, role=role)
    Membership.objects.filter(pk=member.pk).delete()


def _end_invitations(member: Membership) -> None:
    """Those that `member` sent and could not send any more."""
    sent = Invitation.objects.pending().filter(project=member.project, invited_by=member.user)
    own = role_of(member.user, member.project)
    may_invite = may(member.user, member.project, Action.MANAGE_PROJECT)
    still = [role for role in Role if own and may_invite and is_within(role, own)]
    sent.exclude(role__in=still).update(revoked_at=timezone.now())


def _record(kind: str, member: Membership, by: User, **data: str) -> None:
    Event.objects.record(
        kind,
        project=member.project,
        actor=by.email,
        subject=member.user.email,
        subject_id=member.user_id,
        data=data,
    )
