"""The public key, and the secret keys that programs use."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.keys import (
    DeleteKeyForm,
    KeyLabelForm,
    RollKeyForm,
    SecretKeyForm,
    SignatureForm,
)
from storages_app.dashboard.frame import show
from storages_app.dashboard.once import only_once
from storages_app.dashboard.snippets import snippets_of
from storages_app.lib.errors import UcdashError
from storages_app.models import Project, SecretKey
from storages_app.projects import services, upload_signatures
from storages_app.projects.roles import Action

_MOST_ENDED = 20
_WHAT = "that key"


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    return _show_keys(request, project, SignatureForm())


@project_page(change=Action.UPLOAD, only_post=True)
def sign(request: PageRequest, project: Project) -> HttpResponse:
    """A signature as a server of the project would make it; the secret stays here."""
    form = SignatureForm(request.POST)
    signed = None
    if form.is_valid():
        signed = upload_signatures.sign_upload(project=project, now=timezone.now(), life=form.life)
        if signed is None:
            form.add_error(None, "No secret key of this project signs. Make one with scope Full.")
    return _show_keys(request, project, form, signed=signed)


def _show_keys(
    request: PageRequest,
    project: Project,
    form: SignatureForm,
    *,
    signed: upload_signatures.UploadSignature | None = None,
) -> HttpResponse:
    keys = project.secret_keys.select_related("replaced_by")
    active = keys.active().order_by("-created_at")
    ended = keys.exclude(pk__in=project.secret_keys.active()).order_by("-created_at")
    context = {
        "secret_keys": active,
        "ended_keys": ended[:_MOST_ENDED],
        "snippets": snippets_of(project),
        "signature_form": form,
        "signed": signed,
        "upload_url": settings.UPLOAD_URL,
    }
    return show(request, "dashboard/keys.html", project, context, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
def new(request: PageRequest, project: Project) -> HttpResponse:
    """Make a key and show its secret in this one answer: no redirect could carry it safely."""
    form = SecretKeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in ("label", "scope")}
        actor = actor_of(request)
        try:
            made = only_once(
                request,
                project,
                form.cleaned_data["once"],
                lambda: services.create_secret_key(project=project, actor=actor, **values),
                what=_WHAT,
            )
        except UcdashError as error:
            form.refuse(error, "label")
        else:
            return _show_secret(request, project, made)
    return show(request, "dashboard/key_new.html", project, {"form": form}, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
def roll(request: PageRequest, project: Project, key_id: uuid.UUID) -> HttpResponse:
    """A new secret, shown in this one answer; the old one works on until the chosen time."""
    form = RollKeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        old_key: SecretKey | None = None

        def act() -> tuple[SecretKey, str]:
            """A key that has ended by the first sending is not looked for by the second."""
            nonlocal old_key
            old_key = _key_of(project, key_id)
            return services.roll_secret_key(
                key=old_key, works_on_for=form.works_on_for, actor=actor_of(request)
            )

        try:
            made = only_once(request, project, form.cleaned_data["once"], act, what=_WHAT)
        except UcdashError as error:
            form.refuse(error)
        else:
            return _show_secret(request, project, made, old_key=old_key)
    context = {"form": form, "key": _key_of(project, key_id)}
    return show(request, "dashboard/key_roll.html", project, context, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT)
def rename(request: PageRequest, project: Project, key_id: uuid.UUID) -> HttpResponse:
    key = _key_of(project, key_id)
    form = KeyLabelForm(request.POST if request.method == "POST" else None, initial=_label_of(key))
    if form.is_valid():
        try:
            services.rename_secret_key(
                key=key, label=form.cleaned_data["label"], actor=actor_of(request)
            )
        except UcdashError as error:
            form.refuse(error, "label")
        else:
            messages.success(request, f"The key is called “{key.label}” now.")
            return redirect("dashboard:keys", project.slug)
    context = {"form": form, "key": key}
    return show(request, "dashboard/key_rename.html", project, context, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
def delete(request: PageRequest, project: Project, key_id: uuid.UUID) -> HttpResponse:
    key = _key_of(project, key_id)
    form = DeleteKeyForm(request.POST if request.method == "POST" else None, key=key)
    if form.is_valid():
        services.revoke_secret_key(key=key, actor=actor_of(request))
        messages.success(request, f"“{key.label}” is deleted. Requests with it fail from now on.")
        return redirect("dashboard:keys", project.slug)
    context = {"form": form, "key": key}
    return show(request, "dashboard/key_delete.html", project, context, section="keys")


def _key_of(project: Project, key_id: uuid.UUID) -> SecretKey:
    return get_object_or_404(SecretKey.objects.active(), project=project, pk=key_id)


def _label_of(key: SecretKey) -> dict[str, str]:
    return {"label": key.label}


def _show_secret(
    request: PageRequest,
    project: Project,
    made: tuple[SecretKey, str] | None,
    *,
    old_key: SecretKey | None = None,
) -> HttpResponse:
    """In this one answer; a form that was sent again shows no secret a second time."""
    if made is None:
        return redirect("dashboard:keys", project.slug)
    key, secret = made
    context = {"key": key, "secret": secret, "old_key": old_key}
    return show(request, "dashboard/key_shown.html", project, context, section="keys")
