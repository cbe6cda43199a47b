"""Is this instance set up: the checklist of whoever runs it, which ticks itself."""

import math
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from time import monotonic

import urllib3
from celery import current_app
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import EmailMessage, get_connection
from django.db.models import Max

from storages_app.lib import outbound
from storages_app.models import Event, TimetableSlot, User, WorkerHeartbeat
from storages_app.models.fields import read_db_now
from storages_app.oversight import health
from storages_app.oversight.queue import WORKER_IS_FRESH

TICKS_WITHIN = timedelta(minutes=2)
START_A_WORKER = "celery -A ucdash worker"
MAIL_TRIED = "instance.mail_tried"
_HOLDS_S = 10.0
_CONNECT_S, _READ_S, _MAIL_S = 2, 3, 10
_CARRIED_BY_ALL = "x-uploadcare-request-id"  # every answer of ours has it, refusals too
_NEVER_OUR_BUSINESS = ("https://169.254.169.254/", "https://127.0.0.1/", "https://[::1]/")
_SAMPLES = ("django-insecure", "changeme", "change-me", "secret_key", "secretkey", "example")
_FEWEST_LETTERS = 10  # different ones; a random key of 40 has over 20


class State(StrEnum):
    """The words of the dashboard."""

    DONE = "Done"
    NEEDS_ATTENTION = "Needs attention"
    SKIPPED = "Skipped"  # optional, and not set up or not tried


@dataclass(frozen=True)
class Line:
    """One question to the instance, and its answer."""

    name: str
    title: str
    state: State
    says: str
    do: str = ""
    command: str = ""

    @property
    def is_red(self) -> bool:
        return self.state is State.NEEDS_ATTENTION

    def as_json(self) -> dict[str, str]:
        return asdict(self) | {"state": self.state.value.lower().replace(" ", "_")}


def check() -> list[Line]:
    """Every line. What asks others than the database is asked again after ten seconds."""
    lines = [_secret_key(), _database()]
    if not lines[-1].is_red:
        lines = [_admin_user(), *lines]
        quick = [_worker(), _beat()]
        mail = [_mail()]
    else:
        quick, mail = [], []  # nothing can be read
    broker, upload_storage, *reached = _held.lines()
    return [*lines, broker, *quick, upload_storage, *mail, *reached, _aws_identity(), _guard()]


def is_ready(lines: Sequence[Line]) -> bool:
    return not any(line.is_red for line in lines)


def _line(
    name: str, title: str, *, problem: str, well: str, do: str = "", command: str = ""
) -> Line:
    if problem:
        return Line(name, title, State.NEEDS_ATTENTION, problem, do, command)
    return Line(name, title, State.DONE, well)


# --- Asked of the settings and the database -----------------------------------------------------


def _admin_user() -> Line:
    operators = User.objects.filter(is_staff=True, is_superuser=True, is_active=True)
    return _line(
        "admin_user",
        "Admin user",
        problem="" if operators.exists() else "Nobody can open the admin.",
        well="Somebody can open the admin.",
        do="Make the first operator:",
        command="python manage.py createsuperuser",
    )


def _secret_key() -> Line:
    key = settings.SECRET_KEY.lower()
    is_sample = any(sample in key for sample in _SAMPLES) or len(set(key)) < _FEWEST_LETTERS
    problem = "UCDASH_SECRET_KEY looks like a sample. Whoever knows it can sign in as anybody."
    return _line(
        "secret_key",
        "Secret key",
        problem=problem if is_sample else "",
        well="UCDASH_SECRET_KEY is not a sample.",
        do="Put a new one into the environment and start everything anew; all sign in again:",
        command="python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    )


def _database() -> Line:
    problem = health.ready().failing.get("database", "")
    is_old = "migrate" in problem
    return _line(
        "database",
        "Database",
        problem=problem,
        well="It answers and has all tables.",
        do="Bring its tables up to date:" if is_old else "Start it, and look at DATABASE_URL.",
        command="python manage.py migrate" if is_old else "",
    )


def _worker() -> Line:
    seen_at = WorkerHeartbeat.objects.aggregate(at=Max("seen_at"))["at"]
    age = read_db_now() - seen_at if seen_at else None
    problem = ""
    if age is None:
        problem = "No worker has answered yet. Copies and backups will wait."
    elif age > WORKER_IS_FRESH:
        seconds = math.floor(age.total_seconds())
        problem = f"No worker has answered for {seconds} s. Copies and backups will wait."
    well = f"One answered {max(0, math.floor(age.total_seconds()))} s ago." if age else ""
    return _line(
        "worker",
        "Worker",
        problem=problem,
        well=well,
        do="Start one:",
        command=START_A_WORKER,
    )


def _beat() -> Line:
    ran_at = TimetableSlot.objects.aggregate(at=Max("ran_at"))["at"]
    age = read_db_now() - ran_at if ran_at else None
    problem = ""
    if age is None:
        problem = "The timetable has never ticked. Backups will not begin."
    elif age > TICKS_WITHIN:
        seconds = math.floor(age.total_seconds())
        problem = (
            f"The timetable has not ticked for {seconds} s. Backups and checks will not begin."
        )
    well = f"It ticked {max(0, math.floor(age.total_seconds()))} s ago." if age else ""
    return _line(
        "beat",
        "Timetable",
        problem=problem,
        well=well,
        do="Every worker ticks. Start one:",
        command=f"{START_A_WORKER} --beat",
    )


def _mail() -> Line:
    tries = Event.objects.filter(project=None, kind=MAIL_TRIED).order_by("-pk")
    newest = tries.only("data", "created_at").first()
    command = "python manage.py instance_check --mail you@example.com"
    if newest is None:
        says = f"Nobody has tried to send mail by {settings.EMAIL_HOST} yet."
        return Line("mail", "Mail", State.SKIPPED, says, "Send a test mail:", command)
    when = f"{newest.created_at:%Y-%m-%d %H:%M} UTC"
    problem = newest.data.get("problem", "")
    return _line(
        "mail",
        "Mail",
        problem=f"The test mail of {when} was not sent: {problem}." if problem else "",
        well=f"{settings.EMAIL_HOST} took a test mail at {when}.",
        do="Look at UCDASH_EMAIL_HOST and UCDASH_EMAIL_PORT, then send another test mail:",
        command=command,
    )


def _aws_identity() -> Line:
    named = {
        "UCDASH_AWS_PRINCIPAL_ARN": settings.AWS_PRINCIPAL_ARN,
        "UCDASH_AWS_ACCESS_KEY_ID": settings.AWS_ACCESS_KEY_ID,
        "UCDASH_AWS_SECRET_ACCESS_KEY": settings.AWS_SECRET_ACCESS_KEY,
    }
    title = "AWS identity (optional)"
    if not any(named.values()):
        says = "None: storages are connected by access key, not by role or bucket policy."
        return Line("aws_identity", title, State.SKIPPED, says)
    missing = ", ".join(name for name, value in named.items() if not value)
    return _line(
        "aws_identity",
        title,
        problem=f"Only part of it is set; {missing} is missing." if missing else "",
        well=f"Bucket policies and roles name {settings.AWS_PRINCIPAL_ARN}.",
        do="Set all three, or none.",
    )


def _guard() -> Line:
    """It is asked for addresses that no customer may have us call; nothing is connected to."""
    policy = outbound.current_policy()
    let_in = [url for url in _NEVER_OUR_BUSINESS if _lets_in(url, policy)]
    own = outbound.hosts_of(settings.BASE_URLS)
    problem = ""
    if let_in:
        problem = f"It would connect to {', '.join(let_in)} for anybody who asks."
    elif not own <= policy.own_hosts:
        problem = "It does not know the addresses of this instance."
    n_private = len(policy.allowed_private)
    named = f" {n_private} private addresses are let in by name." if n_private else ""
    return _line(
        "endpoint_guard",
        "Endpoint guard",
        problem=problem,
        well=f"Addresses of this machine and its network are refused.{named}",
        do="Take these addresses out of UCDASH_ALLOWED_PRIVATE_HOSTS and start everything anew.",
    )


def _lets_in(url: str, policy: outbound.Policy) -> bool:
    try:
        outbound.check(outbound.parse(url), policy)
    except outbound.OutboundError:
        return False
    return True


# --- Asked of others ---------------------------------------------------------------------------


def _broker() -> Line:
    problem = ""
    try:
        with current_app.connection_for_write(connect_timeout=_CONNECT_S) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT_S)
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own
        problem = f"It does not answer ({type(error).__name__}). Work begins up to 5 s later."
    return _line(
        "broker",
        "Broker",
        problem=problem,
        well="It answers.",
        do="Start it, and look at CELERY_BROKER_URL.",
    )


def _upload_storage() -> Line:
    folder = settings.DATA_DIR / "uploads"
    here = f"Let the user of this process write to {folder}, and make room."
    there = "Look at UCDASH_UPLOADS_S3_BUCKET and its keys."
    return _line(
        "upload_storage",
        "Upload storage",
        problem=_trial_of_upload_storage(),
        well="It can write, read and delete.",
        do=there if settings.UPLOADS_BUCKET else here,
    )


def _trial_of_upload_storage() -> str:
    upload_storage, content = storages["uploads"], uuid.uuid4().hex.encode()
    doing, name = "write", f"instance-check/{uuid.uuid4()}"
    try:
        name = upload_storage.save(name, ContentFile(content))
        doing = "read"
        with upload_storage.open(name) as kept:
            is_same = kept.read() == content
        doing = "delete"
        upload_storage.delete(name)
    except Exception as error:  # noqa: BLE001 - a bucket has other errors than a disk
        if doing == "read":
            with suppress(Exception):
                upload_storage.delete(name)
        return f"It cannot {doing} ({type(error).__name__})."
    return "" if is_same else "What was read is not what was written."


def _base_urls() -> list[Line]:
    """Each address once, side by side; by the guard, which is told that these are ours."""
    asked = {"upload": settings.UPLOAD_URL, "API": settings.API_URL, "CDN": settings.CDN_URL}
    with ThreadPoolExecutor(len(asked)) as threads:
        problems = list(threads.map(_problem_of, asked.values()))
    return [
        _line(
            f"{what.lower()}_url",
            f"Address of the {'uploads' if what == 'upload' else what}",
            problem=f"{url} {problem}" if problem else "",
            well=f"{url} leads here.",
            do=f"Look at UCDASH_{what.upper()}_URL, at the name server, and at the proxy in front.",
        )
        for (what, url), problem in zip(asked.items(), problems, strict=True)
    ]


def _problem_of(url: str) -> str:
    """In a thread of its own, which knows no database."""
    address = outbound.parse(f"{url}/health/live")
    ours = outbound.Policy(
        allowed_private=frozenset({(address.host, address.port)}), allow_http=True
    )
    pool = outbound.GuardedPoolManager(
        ours, connect_timeout=_CONNECT_S, read_timeout=_READ_S, maxsize=1
    )
    try:
        answer = pool.send("GET", address)
        answer.close()
    except (outbound.OutboundError, urllib3.exceptions.HTTPError, OSError) as error:
        return f"cannot be reached from here ({type(error).__name__})."
    else:
        is_ours = _CARRIED_BY_ALL in answer.headers
        return "" if is_ours else f"is answered by something else (HTTP {answer.status})."
    finally:
        pool.clear()


class _Held:
    """The answers of others, asked for again when they are old; by one thread at a time."""

    def __init__(self, ask: Callable[[], list[Line]]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._lines: list[Line] = []
        self._good_until = float("-inf")

    def lines(self) -> list[Line]:
        with self._lock:
            if monotonic() >= self._good_until:
                self._lines = self._ask()
                self._good_until = monotonic() + _HOLDS_S
            return self._lines

    def forget(self) -> None:
        with self._lock:
            self._good_until = float("-inf")


def _ask_others() -> list[Line]:
    return [_broker(), _upload_storage(), *_base_urls()]


_held = _Held(_ask_others)


def forget() -> None:
    """Ask everything anew: somebody has just put something right."""
    _held.forget()


# --- The test mail ------------------------------------------------------------------------------


def send_test_mail(*, to: str, actor: str) -> Line:
    """Send it now, and remember whether the server took it."""
    problem = ""
    message = EmailMessage(
        subject="Test mail of ucdash",
        body=f"This instance can send mail.\n\n{settings.DASHBOARD_URL}\n",
        to=[to],
        connection=get_connection(timeout=_MAIL_S),
    )
    try:
        message.send()
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told
        problem = type(error).__name__
    Event.objects.record(MAIL_TRIED, actor=actor, subject=to, data={"problem": problem})
    return _mail()
