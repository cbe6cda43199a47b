"""Invitations: sent by mail, opened by who has the link, taken up once by the invited address.

Nothing here tells the inviter whether an address has an account; the link alone says it, to who
reads that address's mail.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.models import Event, Invitation, Membership, Project, User
from storages_app.models.hand_offs import digest_of
from storages_app.projects import members
from storages_app.projects.roles import IN_WORDS, Action, Role, is_within, may, role_of
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

log = logging.getLogger(__name__)

LinkOf = Callable[[str], str]

_MOST_IN_AN_HOUR = 30
_AGAIN_AFTER = timedelta(minutes=10)
_MAIL = """\
{inviter} invites you to the project “{project}” on ucdash, as {role}: {what}.

Open this link to join. It works once, until {until} UTC, and only for {email}:

{link}

If you did not expect this, do nothing: nobody joins without opening the link.
"""


@dataclass(frozen=True)
class Sent:
    """`link` is empty where it went by mail, and else for the inviter to hand over, this once."""

    invitation: Invitation
    link: str


def invite(*, project: Project, email: str, role: str, by: User, link_of: LinkOf) -> Sent:
    """Invite an address and send it the link; AlreadyMember and AlreadyInvited tell of this
    project alone."""
    try:
        with transaction.atomic():
            invitation, token = _write(project, email.strip().lower(), role, by)
    except IntegrityError as error:  # another member invites the same address at this moment
        raise AlreadyInvited from error
    return _send(invitation, link_of(token))


def send_again(*, invitation: Invitation, by: User, link_of: LinkOf) -> Sent:
    """A new link for a week; the one that was sent before ends."""
    with transaction.atomic():
        row = _held(invitation)
        _require_power(row.project, by, row.role)
        if row.sent_at > timezone.now() - _AGAIN_AFTER:
            raise SentJustNow
        _require_pace(by)
        token = row.new_token()
        row.invited_by = by
        row.save(update_fields=["token_digest", "sent_at", "expires_at", "invited_by"])
        _record("invitation.sent_again", row, by)
    return _send(row, link_of(token))


@transaction.atomic
def take_back(*, invitation: Invitation, by: User) -> None:
    """Its link opens nothing from now on."""
    row = _held(invitation)
    _require_power(row.project, by, row.role)
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    _record("invitation.taken_back", row, by)


def opened(*, token: str) -> Invitation:
    """What a link is for; InvitationGone if it was used, replaced, taken back or is too old."""
    found = Invitation.objects.open_().select_related("project", "invited_by")
    invitation = found.filter(token_digest=digest_of(token)).first()
    if invitation is None:
        raise InvitationGone
    return invitation


def has_account(invitation: Invitation) -> bool:
    return User.objects.filter(email__iexact=invitation.email).exists()


@transaction.atomic
def accept(*, token: str, user: User) -> Membership:
    """Make the signed-in person a member; who is one already keeps their role."""
    invitation = opened(token=token)
    if user.email.lower() != invitation.email:
        raise OtherAddress
    members.hold(invitation.project)
    n_taken = (
        Invitation.objects.open_()
        .filter(pk=invitation.pk, token_digest=invitation.token_digest)
        .update(accepted_at=timezone.now())
    )
    if not n_taken:
        raise InvitationGone
    membership, is_new = Membership.objects.get_or_create(
        project=invitation.project, user=user, defaults={"role": invitation.role}
    )
    if is_new:
        _record("member.joined", invitation, user)
    return membership


@transaction.atomic
def accept_with_new_account(*, token: str, name: str, password: str) -> User:
    """Make the invited address an account, and the account a member: both or neither.

    The password was checked by the form. The link proves the address, so no mail asks again.
    """
    invitation = opened(token=token)
    if has_account(invitation):
        raise HasAccount
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, first_name=name)
    except IntegrityError as error:  # the same form was sent twice
        raise HasAccount from error
    accept(token=token, user=user)
    return user


def _write(project: Project, email: str, role: str, by: User) -> tuple[Invitation, str]:
    members.hold(project)
    _require_power(project, by, role)
    if Membership.objects.filter(project=project, user__email__iexact=email).exists():
        raise AlreadyMember
    of_address = Invitation.objects.pending().filter(project=project, email=email)
    # One that grew too old would else be in the way of the next for ever.
    of_address.filter(expires_at__lte=timezone.now()).update(revoked_at=timezone.now())
    if of_address.exists():
        raise AlreadyInvited
    _require_pace(by)
    invitation = Invitation(project=project, email=email, role=Role(role), invited_by=by)
    token = invitation.new_token()
    invitation.save()
    _record("invitation.sent", invitation, by)
    return invitation, token


def _held(invitation: Invitation) -> Invitation:
    """The row as it is now, with its project held; InvitationGone if it ended meanwhile."""
    members.hold(invitation.project)
    rows = Invitation.objects.pending().select_related("project")
    row = rows.filter(pk=invitation.pk).first()
    if row is None:
        raise InvitationGone(hint="It was taken up or taken back. Reload the page.")
    return row


def _require_power(project: Project, by: User, role: str) -> None:
    own = role_of(by, project)
    if own is None or not may(by, project, Action.MANAGE_PROJECT) or not is_within(role, own):
        raise RoleTooHigh


def _require_pace(by: User) -> None:
    """Whoever may make projects could else send mail to the whole world."""
    since = timezone.now() - timedelta(hours=1)
    if Invitation.objects.filter(invited_by=by, sent_at__gt=since).count() >= _MOST_IN_AN_HOUR:
        raise TooManyInvitations


def _send(invitation: Invitation, link: str) -> Sent:
    project = " ".join(invitation.project.name.split())  # no name adds a line to a mail
    text = _MAIL.format(
        inviter=invitation.invited_by.email,
        project=project,
        role=invitation.get_role_display().lower(),
        what=IN_WORDS[Role(invitation.role)].lower(),
        until=f"{invitation.expires_at:%Y-%m-%d %H:%M}",
        email=invitation.email,
        link=link,
    )
    mail = EmailMessage(
        subject=f"Join “{project}” on ucdash",
        body=text,
        to=[invitation.email],
    )
    if settings.EMAIL_BY != "smtp":  # it would be read by the operator alone, if by anybody
        return Sent(invitation, link)
    try:
        mail.send()
    except OSError as error:  # smtplib's errors are of this family
        log.error("The mail server does not take mail: %s", type(error).__name__)
        return Sent(invitation, link)
    return Sent(invitation, "")


def _record(kind: str, invitation: Invitation, by: User) -> None:
    Event.objects.record(
        kind,
        project=invitation.project,
        actor=by.email,
        subject=invitation.email,
        subject_id=invitation.pk,
        data={"role": invitation.role},
    )
