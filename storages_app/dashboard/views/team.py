"""Who works in a project: members, invitations, and what each role may do."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.team import InviteForm, RoleForm
from storages_app.dashboard.frame import show
from storages_app.lib.errors import UcdashError
from storages_app.models import Invitation, Membership, Project
from storages_app.projects import invitations, members
from storages_app.projects.invitations import Sent
from storages_app.projects.roles import (
    ACTIONS_IN_WORDS,
    ROLES,
    Action,
    Role,
    is_within,
    permits,
    role_of,
)

_SECTION = "team"

managers_page = project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
managers_post = project_page(change=Action.MANAGE_PROJECT, only_post=True, step_up=True)


def link_of(token: str) -> str:
    """Where who was invited takes it up."""
    return f"{settings.DASHBOARD_URL}{reverse('dashboard:invitation', args=[token])}"


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    own = role_of(request.user, project) or Role.VIEWER
    manages = permits(own, Action.MANAGE_PROJECT)
    team = project.memberships.select_related("user").order_by("created_at", "pk")
    pending = Invitation.objects.pending().filter(project=project).select_related("invited_by")
    context = {
        "members": [(row, manages and is_within(row.role, own)) for row in team],
        "invitations": [(row, is_within(row.role, own)) for row in pending] if manages else [],
        "roles": ROLES,
        "table": [
            (words, [permits(role, action) for role in ROLES])
            for action, words in ACTIONS_IN_WORDS.items()
        ],
    }
    return show(request, "dashboard/team.html", project, context, section=_SECTION)


@managers_page
def invite(request: PageRequest, project: Project) -> HttpResponse:
    form = InviteForm(
        request.POST if request.method == "POST" else None, own=_own_role(request, project)
    )
    if form.is_valid():
        try:
            sent = invitations.invite(
                project=project, by=request.user, link_of=link_of, **form.cleaned_data
            )
        except UcdashError as error:
            form.refuse(error, "email")
        else:
            return _say_sent(request, project, sent)
    return show(request, "dashboard/team_invite.html", project, {"form": form}, section=_SECTION)


@managers_post
def send_again(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    try:
        sent = invitations.send_again(
            invitation=_invitation_of(project, pk), by=request.user, link_of=link_of
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:team", project.slug)
    return _say_sent(request, project, sent)


@managers_post
def take_back(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    invitation = _invitation_of(project, pk)
    try:
        invitations.take_back(invitation=invitation, by=request.user)
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, f"The link that {invitation.email} got opens nothing any more.")
    return redirect("dashboard:team", project.slug)


def _say_sent(request: PageRequest, project: Project, sent: Sent) -> HttpResponse:
    """A link that could not be mailed is shown in this one answer: no redirect could carry it."""
    if sent.link:
        context = {"invitation": sent.invitation, "secret": sent.link}
        return show(request, "dashboard/team_link.html", project, context, section=_SECTION)
    messages.success(request, f"An invitation is on its way to {sent.invitation.email}.")
    return redirect("dashboard:team", project.slug)


@managers_page
def member(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """Another role for one member, and the way out for them."""
    row = _member_of(project, pk)
    own = _own_role(request, project)
    if request.method == "POST":
        form = RoleForm(request.POST, own=own)
    else:
        form = RoleForm(initial={"role": row.role}, own=own)
    if form.is_valid():
        try:
            members.change_role(membership=row, role=form.cleaned_data["role"], by=request.user)
        except UcdashError as error:
            form.refuse(error, "role")
        else:
            role = Role(form.cleaned_data["role"]).label.lower()
            messages.success(request, f"{row.user.email} is {role} from now on.")
            return redirect("dashboard:team", project.slug)
    context = {
        "form": form,
        "member": row,
        "may_change": is_within(row.role, own),
        "is_oneself": row.user_id == request.user.pk,
    }
    return show(request, "dashboard/team_member.html", project, context, section=_SECTION)


@managers_post
def remove(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    row = _member_of(project, pk)
    try:
        members.remove(membership=row, by=request.user)
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:team_member", project.slug, pk)
    messages.success(request, f"{row.user.email} is no member of this project any more.")
    if row.user_id == request.user.pk:
        return redirect("dashboard:projects")
    return redirect("dashboard:team", project.slug)


@project_page(change=Action.VIEW)
def leave(request: PageRequest, project: Project) -> HttpResponse:
    """The one change that each member may make."""
    row = get_object_or_404(Membership, project=project, user=request.user)
    refused = None
    if request.method == "POST":
        try:
            members.leave(project=project, user=request.user)
        except UcdashError as error:
            refused = error
        else:
            messages.success(request, f"You have left “{project.name}”.")
            return redirect("dashboard:projects")
    context = {"member": row, "refused": refused}
    return show(request, "dashboard/team_leave.html", project, context, section=_SECTION)


def _own_role(request: PageRequest, project: Project) -> Role:
    return role_of(request.user, project) or Role.VIEWER


def _member_of(project: Project, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), project=project, pk=pk)


def _invitation_of(project: Project, pk: int) -> Invitation:
    return get_object_or_404(Invitation, project=project, pk=pk)
