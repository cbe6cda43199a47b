"""What is said, in the same words by mail, to servers and to monitors."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from storages_app.models import Incident, NotificationChannel, Project

Kind = Incident.Kind
_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_EVENTS = {
    Kind.STORAGE: ("storage.broken", "storage.recovered"),
    Kind.BACKUP: ("backup.behind", "backup.whole"),
    Kind.JOB: ("job.failed", ""),
    Kind.KEY: ("key.ending", "key.ended"),
}


@dataclass(frozen=True)
class Message:
    """One message: what, the facts of it, what to do, and where. Kept as JSON with its delivery."""

    event: str
    subject: str
    what: str
    project: dict[str, str]
    facts: Sequence[str] = ()
    steps: Sequence[str] = ()
    url: str = ""
    button: str = "Open the page"
    is_problem: bool = False
    incident: dict[str, Any] | None = None
    is_test: bool = False
    items: Sequence[dict[str, str]] = field(default_factory=tuple)  # of a digest

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def began(
    incident: Incident, *, headline: str, facts: Sequence[str] = (), steps: Sequence[str] = ()
) -> Message:
    """`headline` is one line, without the project."""
    return Message(
        event=_EVENTS[Kind(incident.kind)][0],
        subject=_subject(incident.project, headline),
        what=headline,
        project=_project(incident.project),
        facts=[f"Since {utc(incident.began_at)}.", *facts],
        steps=list(steps),
        url=page(incident.path),
        is_problem=True,
        incident=_facts_of(incident),
    )


def ended(incident: Incident, *, headline: str, facts: Sequence[str] = ()) -> Message:
    until = incident.ended_at or incident.noticed_at
    return Message(
        event=_EVENTS[Kind(incident.kind)][1],
        subject=_subject(incident.project, headline),
        what=headline,
        project=_project(incident.project),
        facts=[f"It lasted from {utc(incident.began_at)} to {utc(until)}.", *facts],
        url=page(incident.path),
        incident=_facts_of(incident),
    )


def a_test(channel: NotificationChannel) -> Message:
    project = channel.project
    return Message(
        event="test",
        subject=_subject(project, "Test notification"),
        what="This is a test. Nothing is wrong.",
        project=_project(project),
        facts=[f"Notifications of the project “{project.name}” reach you here."],
        url=page(f"/projects/{project.slug}/notifications/"),
        button="Open Notifications",
        is_test=True,
    )


def confirmation(channel: NotificationChannel, *, link: str) -> Message:
    project = channel.project
    return Message(
        event="confirm",
        subject=_subject(project, "Confirm this address"),
        what=f"{channel.added_by} wants “{project.name}” to notify this address.",
        project=_project(project),
        facts=[
            "You would hear when a storage stops working, a backup is missed or a job fails.",
            "The link works for three days.",
            "If you do not want this, do nothing: nothing more is sent.",
        ],
        url=link,
        button="Confirm this address",
    )


def digest(project: Project, messages: Sequence[dict[str, Any]]) -> Message:
    """Several in one, oldest first."""
    n = len(messages)
    headline = "1 notification of the last day" if n == 1 else f"{n} notifications of the last day"
    return Message(
        event="digest",
        subject=_subject(project, headline),
        what=f"{headline} in the project “{project.name}”.",
        project=_project(project),
        url=page(f"/projects/{project.slug}/notifications/"),
        button="Open Notifications",
        items=[
            {"what": one["what"], "facts": " ".join(one["facts"]), "url": one["url"]}
            for one in messages
        ],
    )


def utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def page(path: str) -> str:
    return f"{settings.DASHBOARD_URL}{path}"


def _subject(project: Project, headline: str) -> str:
    """One line: names come from people, and a header must not be broken by one."""
    return _LINES.sub(" ", f"[{project.name}] {headline}").strip()[:300]


def _project(project: Project) -> dict[str, str]:
    return {"name": project.name, "slug": project.slug, "public_key": project.public_key}


def _facts_of(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.pk,
        "kind": incident.kind,
        "subject_id": incident.subject_id,
        "subject": incident.subject,
        "title": incident.title,
        "began_at": incident.began_at.isoformat(),
        "ended_at": incident.ended_at.isoformat() if incident.ended_at else None,
    }
