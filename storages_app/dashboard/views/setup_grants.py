"""The grant of a draft: as files, merged with what the bucket has, and handed to a colleague."""

from typing import Any

from django.conf import settings as installation
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from storages_app.custom_storages import grants, hand_offs
from storages_app.custom_storages.errors import PolicyRefused
from storages_app.custom_storages.granting import wanted_for
from storages_app.dashboard.access import PageRequest, actor_of
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import show
from storages_app.dashboard.granting import as_file, file_of, shown
from storages_app.dashboard.once import only_once
from storages_app.dashboard.setup_frame import ACCESS, setup_page, show_step, to_step
from storages_app.lib.errors import UcdashError
from storages_app.models import CustomStorage, Project


def grant_context(
    storage: CustomStorage, *, pasted: str = "", merged: grants.Merged | None = None
) -> dict[str, Any]:
    """What `_grant.html` needs; `merged` is what the pasted policy became with ours in it."""
    wanted = wanted_for(storage)
    ours = wanted.bucket_policy
    if merged:
        wanted = wanted_for(storage, merged=merged.policy)
    args = [storage.project.slug, storage.pk]
    file_url = reverse("dashboard:setup_grant_file", args=[*args, "name"]).removesuffix("name")
    return {
        "grant": shown(wanted, file_url="" if merged else file_url),
        "can_merge": ours is not None and wanted.provider.has_bucket_policy,
        "merged": merged,
        "pasted": pasted,
    }


@setup_page(ACCESS)
def grant_file(
    request: PageRequest, project: Project, storage: CustomStorage, filename: str
) -> HttpResponse:
    return file_of(wanted_for(storage), filename)


@setup_page(ACCESS, only_post=True)
def merge(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """The pasted policy with our statements in it; nothing is kept."""
    from storages_app.dashboard.views.setup import access_context

    wanted, pasted = wanted_for(storage), request.POST.get("policy", "")
    if wanted.bucket_policy is None:
        return to_step(ACCESS, storage, "grant")
    context = access_context(storage)
    try:
        merged = grants.merge(pasted, wanted.bucket_policy)
    except PolicyRefused as error:
        context |= {"pasted": pasted, "merge_error": message_of(error)}
    else:
        if request.POST.get("do") == "download":
            return as_file(merged.text, f"{wanted.name}-bucket-policy.json")
        context |= grant_context(storage, pasted=pasted, merged=merged)
    return show_step(request, project, ACCESS, storage, context)


@setup_page(ACCESS, only_post=True)
def hand_off(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """Make a link for a colleague and show it in this one answer, or end the one there is."""
    if request.POST.get("do") == "end":
        hand_offs.revoke(custom_storage=storage)
        messages.success(request, "The link for your colleague works no more.")
        return to_step(ACCESS, storage, "hand-off")
    form, actor = request.POST.get("once", ""), actor_of(request)
    try:
        made = only_once(
            request,
            project,
            form if form.isalnum() and form.isascii() else "",
            lambda: hand_offs.make(custom_storage=storage, actor=actor),
            what="that link",
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
        return to_step(ACCESS, storage, "hand-off")
    if made is None:
        return to_step(ACCESS, storage, "hand-off")
    row, token = made
    address = installation.DASHBOARD_URL + reverse("dashboard:hand_off", args=[token])
    context = {"storage": storage, "hand_off": row, "address": address}
    return show(request, "dashboard/setup_handed_off.html", project, context, section="storages")
