"""Why a change of a project's team, or of the project itself, was refused."""

from storages_app.lib.errors import UcdashError


class TeamRefused(UcdashError):
    """The team was not changed."""

    code = "team_refused"


class LastOwner(TeamRefused):
    """A project keeps at least one owner."""

    code = "last_owner"
    hint = "Make someone else owner first."


class RoleTooHigh(TeamRefused):
    """Nobody gives or takes a role that is higher than their own."""

    code = "role_too_high"
    hint = "Ask an owner of the project."


class NotAMember(TeamRefused):
    """This person is no member of the project any more."""

    code = "not_a_member"
    hint = "Reload the page to see who is."


class AlreadyMember(TeamRefused):
    """This person is a member of the project already."""

    code = "already_member"
    hint = "Change their role on the team's page."


class AlreadyInvited(TeamRefused):
    """This address is invited already."""

    code = "already_invited"
    hint = "Send that invitation again, or take it back first."


class TooManyInvitations(TeamRefused):
    """You have sent many invitations in the last hour."""

    code = "too_many_invitations"
    hint = "Send the next ones later."


class SentJustNow(TooManyInvitations):
    """This invitation was sent a few minutes ago."""

    hint = "Mail may take a while. Send it again in ten minutes."


class InvitationGone(TeamRefused):
    """This link has been used or is too old."""

    code = "invitation_gone"
    hint = "Ask whoever invited you for a new one."


class OtherAddress(TeamRefused):
    """The invitation is for another address."""

    code = "invitation_for_other_address"
    hint = "Sign in with the address that was invited."


class HasAccount(TeamRefused):
    """There is an account with this address."""

    code = "invitation_has_account"
    hint = "Sign in with it, then open the link again."


class CannotComeBack(UcdashError):
    """This project cannot be brought back any more."""

    code = "project_gone"
    hint = "Its files are removed. Restore them from a backup into a new project."
