"""The page for a colleague who has rights at the provider, and no account here.

Whoever has the link sees the grant, and may say that it is done: nothing else of the project, and
no secret. The token has 256 bits and is looked up by its digest, so guesses need no throttle.

No cookie is read or set. A forged request would need the link, and who has that needs no forgery;
Django's token would refuse everybody, since browsers send no Origin from a page without referrer.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from storages_app.custom_storages import hand_offs
from storages_app.custom_storages.errors import AlreadyConnected, HandOffGone
from storages_app.custom_storages.granting import wanted_for
from storages_app.dashboard import checklists
from storages_app.dashboard.forms.setup import RoleForm
from storages_app.dashboard.granting import file_of, shown
from storages_app.dashboard.setup_frame import service_name
from storages_app.lib.errors import UcdashError
from storages_app.models import CustomStorage, HandOff
from storages_app.models.hand_offs import digest_of

View = Callable[..., HttpResponse]


def _for_whom_has_the_link(*methods: str) -> Callable[[View], View]:
    """Nothing of the page is kept by browsers, found by searches, or told to other sites."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @never_cache
        @require_http_methods([*methods])
        @wraps(view)
        def guarded(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
            try:
                response = view(request, token, **kwargs)
            except HandOffGone as error:
                response = _gone(request, token, error)
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        return guarded

    return decorate


def _gone(request: HttpRequest, token: str, error: HandOffGone) -> HttpResponse:
    """410 where there was such a link once, so that nobody looks for a typing error."""
    was_there = HandOff.objects.filter(token_digest=digest_of(token)).exists()
    context = {"was_there": was_there, "error": error}
    return render(
        request, "dashboard/hand_off_gone.html", context, status=410 if was_there else 404
    )


@_for_whom_has_the_link("GET", "HEAD", "POST")
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The grant and its steps; by POST, what the colleague reports."""
    hand_off = hand_offs.opened(token=token)
    storage = hand_off.custom_storage
    needs_role = storage.identity == CustomStorage.Identity.ROLE
    form = RoleForm(request.POST if request.method == "POST" else None, storage=storage)
    if request.method == "POST" and (not needs_role or form.is_valid()):
        role_arn = form.cleaned_data["role_arn"] if needs_role else ""
        try:
            hand_offs.report(token=token, role_arn=role_arn)
        except AlreadyConnected as error:
            form.refuse(error)
        except HandOffGone:
            raise
        except UcdashError as error:
            form.refuse(error, "role_arn" if needs_role else None)
        else:
            return redirect(f"{reverse('dashboard:hand_off', args=[token])}#reported")
    file_url = reverse("dashboard:hand_off_file", args=[token, "name"]).removesuffix("name")
    context = {
        "hand_off": hand_off,
        "storage": storage,
        "service": service_name(storage.provider),
        "needs_role": needs_role,
        "form": form,
        "proof": checklists.proof_of(storage) if storage.identity == "principal" else None,
        "grant": shown(wanted_for(storage), file_url=file_url),
    }
    return render(request, "dashboard/hand_off.html", context)


@_for_whom_has_the_link("GET", "HEAD")
def grant_file(request: HttpRequest, token: str, filename: str) -> HttpResponse:
    return file_of(wanted_for(hand_offs.opened(token=token).custom_storage), filename)
