"""Who hears of what is wrong, what is wrong now, and what became of each message."""

import hashlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.notifications import ChannelForm, NewChannelForm, SecretForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.once import only_once
from storages_app.dashboard.pages import page_of, read_number
from storages_app.dashboard.polling import poll_answer
from storages_app.lib.errors import UcdashError
from storages_app.models import Incident, NotificationChannel, NotificationDelivery, Project
from storages_app.notifications import links, services
from storages_app.notifications.errors import LinkGone
from storages_app.projects.roles import Action, may

Kind, Moment, State = (
    NotificationChannel.Kind,
    NotificationDelivery.Moment,
    NotificationDelivery.State,
)
_SECTION = "notifications"
_PAGE_SIZE = 50
_MOST_OPEN = 50
_SHORT = {
    Incident.Kind.STORAGE: "storages",
    Incident.Kind.BACKUP: "backup",
    Incident.Kind.JOB: "jobs",
    Incident.Kind.KEY: "secret keys",
}

# Addresses of servers may hold a token: only who may change them sees more than their host.
managers_page = project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT)
secrets_page = project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
managers_post = project_page(change=Action.MANAGE_PROJECT, only_post=True)


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    told = Count("deliveries", filter=Q(deliveries__state__in=[State.DELIVERED, State.IN_DIGEST]))
    lost = Count("deliveries", filter=Q(deliveries__state=State.DEAD))
    incidents = Incident.objects.filter(project=project).annotate(n_told=told, n_lost=lost)
    context = {
        "channels": _channels(request, project),
        "open_incidents": incidents.open().order_by("-began_at")[:_MOST_OPEN],
        "page": page_of(
            incidents.exclude(ended_at=None),
            mark="pk",
            before=read_number(request.GET.get("before", "")),
            after=read_number(request.GET.get("after", "")),
            size=_PAGE_SIZE,
        ),
    }
    return show(request, "dashboard/notifications.html", project, context, section=_SECTION)


def _channels(request: PageRequest, project: Project) -> list[dict[str, Any]]:
    """What the list shows of each, with its newest message."""
    newest = NotificationDelivery.objects.filter(channel=OuterRef("pk")).order_by("-pk")
    rows = NotificationChannel.objects.kept().filter(project=project)
    rows = rows.annotate(
        last_state=Subquery(newest.values("state")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
    )
    is_manager = may(request.user, project, Action.MANAGE_PROJECT)
    of_members = _mailboxes_of_members(project) if is_manager else set()
    return [
        {
            "channel": channel,
            "address": channel.shown_address if is_manager else channel.masked_address,
            "topics": _words_for(channel),
            "is_strange": is_manager
            and channel.kind == Kind.EMAIL
            and channel.address not in of_members,
            "word": State(channel.last_state).label if channel.last_state else "",
        }
        for channel in cast("Iterable[Any]", rows)
    ]


def _mailboxes_of_members(project: Project) -> set[str]:
    emails = project.memberships.order_by().values_list("user__email", flat=True)
    return {email.lower() for email in emails}


def _words_for(channel: NotificationChannel) -> str:
    if set(channel.topics) >= set(services.topics_of(channel.kind)):
        return "everything"
    return ", ".join(word for kind, word in _SHORT.items() if kind in channel.topics)


@secrets_page
def new(request: PageRequest, project: Project) -> HttpResponse:
    form = NewChannelForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            channel, secret = _add(request, project, **form.cleaned_data)
        except UcdashError as error:
            form.refuse_field(error)
        else:
            if secret:
                return _show_secret(request, channel, secret)
            messages.success(request, _what_was_added(channel))
            return redirect("dashboard:notification_channel", project.slug, channel.pk)
    context = {"form": form}
    return show(request, "dashboard/notification_new.html", project, context, section=_SECTION)


@transaction.atomic
def _add(
    request: PageRequest, project: Project, *, is_signed: bool, **values: Any
) -> tuple[NotificationChannel, str]:
    """The channel, and the secret of one that signs."""
    channel = services.add(project=project, actor=actor_of(request), **values)
    if not is_signed or channel.kind != Kind.WEBHOOK:
        return channel, ""
    return channel, services.sign(channel=channel, actor=actor_of(request))


def _show_secret(request: PageRequest, channel: NotificationChannel, secret: str) -> HttpResponse:
    """In this one answer: no redirect could carry it safely."""
    context = {"channel": channel, "secret": secret}
    template = "dashboard/notification_secret_shown.html"
    return show(request, template, channel.project, context, section=_SECTION)


def _what_was_added(channel: NotificationChannel) -> str:
    if channel.confirmed_at:
        return "The channel is added. Send a test to see that it arrives."
    return f"A link was sent to {channel.address}. Once it is opened, notifications come."


@managers_page
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """Its settings and its messages; a POST changes the settings."""
    channel = _channel_of(project, pk)
    form = ChannelForm(request.POST if request.method == "POST" else None, channel=channel)
    if form.is_bound and form.is_valid():
        try:
            services.change(
                channel=channel,
                topics=form.cleaned_data["topics"],
                is_daily=form.cleaned_data.get("is_daily", False),
                is_active=form.cleaned_data["is_active"],
                actor=actor_of(request),
            )
        except UcdashError as error:
            form.refuse_field(error)
        else:
            messages.success(request, "Saved.")
            return redirect("dashboard:notification_channel", project.slug, pk)
    has_old = channel.old_secret_until and channel.old_secret_until > timezone.now()
    context = {"form": form, "has_old_secret": has_old} | _deliveries_context(request, channel)
    return show(request, "dashboard/notification_channel.html", project, context, section=_SECTION)


@managers_page
def deliveries(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The list alone, asked for while some of it waits or runs."""
    context = _deliveries_context(request, _channel_of(project, pk)) | {"project": project}
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(
            request, "dashboard/_notification_deliveries.html", context, status=status
        ),
    )


def _deliveries_context(request: PageRequest, channel: NotificationChannel) -> dict[str, Any]:
    listed = page_of(
        channel.deliveries.all(),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=_PAGE_SIZE,
    )
    under_way = (State.PENDING, State.LEASED, State.RETRY_WAIT)
    return {
        "channel": channel,
        "page": listed,
        "deliveries": [(row, State(row.state).label) for row in listed.rows],
        "is_busy": any(row.state in under_way for row in listed.rows),
        "version": _version_of(listed.rows),
    }


def _version_of(rows: Iterable[NotificationDelivery]) -> str:
    """Changes when the list would look different."""
    parts = (f"{row.pk}:{row.state}:{row.attempts}:{row.run_after}" for row in rows)
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


@managers_post
def send_test(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    try:
        services.send_test(channel=_channel_of(project, pk), actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.info(request, "The test is on its way. Its answer stands below.")
    return redirect("dashboard:notification_channel", project.slug, pk)


@managers_post
def ask_again(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    channel = _channel_of(project, pk)
    try:
        services.ask_again(channel=channel, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.info(request, f"The link was sent to {channel.address} again.")
    return redirect("dashboard:notification_channel", project.slug, pk)


@secrets_page
def secret(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """What signs its messages: a new one, made or entered, or none any more."""
    channel = _channel_of(project, pk)
    if channel.kind != Kind.WEBHOOK:
        raise Http404
    if request.POST.get("do") == "stop":
        services.stop_signing(channel=channel, actor=actor_of(request))
        messages.success(request, "Messages are not signed any more.")
        return redirect("dashboard:notification_channel", project.slug, pk)
    form = SecretForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            return _make_secret(request, channel, form)
        except UcdashError as error:
            form.refuse(error, "secret")
    context = {"form": form, "channel": channel}
    return show(request, "dashboard/notification_secret.html", project, context, section=_SECTION)


def _make_secret(
    request: PageRequest, channel: NotificationChannel, form: SecretForm
) -> HttpResponse:
    """One of ours is shown; whoever has entered one knows it."""
    entered, actor = form.cleaned_data["secret"], actor_of(request)
    made = only_once(
        request,
        channel.project,
        form.cleaned_data["once"],
        lambda: services.sign(channel=channel, actor=actor, secret=entered),
        what="that secret",
    )
    if made and not entered:
        return _show_secret(request, channel, made)
    if made:
        messages.success(request, "Messages are signed with your secret from now on.")
    return redirect("dashboard:notification_channel", channel.project.slug, channel.pk)


@managers_page
def remove(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    channel = _channel_of(project, pk)
    if request.method != "POST":
        context = {"channel": channel}
        template = "dashboard/notification_remove.html"
        return show(request, template, project, context, section=_SECTION)
    services.remove(channel=channel, actor=actor_of(request))
    messages.success(request, f"Nothing is sent to {channel.shown_address} any more.")
    return redirect("dashboard:notifications", project.slug)


def _channel_of(project: Project, pk: int) -> NotificationChannel:
    kept = NotificationChannel.objects.kept().select_related("project")
    return get_object_or_404(kept, project=project, pk=pk)


# --- For whoever has the link of a mail --------------------------------------------------------


def _by_mail(view: Callable[[HttpRequest, str], HttpResponse]) -> Any:
    """No cookie is read: a forged request would need the link, and mail programs send none.

    A GET changes nothing, because programs that look for viruses open each link of a mail.
    """

    @csrf_exempt
    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except LinkGone as error:
            context = {"error": error}
            response = render(request, "dashboard/notification_gone.html", context, status=404)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded


@_by_mail
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Yes to mails."""
    if request.method == "POST":
        channel = services.confirm(token=token)
    else:
        channel = links.channel_of(links.CONFIRM, token)
    is_done = request.method == "POST" or channel.confirmed_at is not None
    context = {"channel": channel, "is_done": is_done}
    return render(request, "dashboard/notification_confirm.html", context)


@_by_mail
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """No more mails."""
    if request.method == "POST":
        channel = services.stop(token=token)
    else:
        channel = links.channel_of(links.STOP, token)
    is_done = request.method == "POST" or channel.confirmed_at is None
    context = {"channel": channel, "is_done": is_done}
    return render(request, "dashboard/notification_stop.html", context)
