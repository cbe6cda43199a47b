"""Wait until every part of the installation answers; then say where it is and what to type."""

import json
import os
import shlex
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from storages_app.management.base import seconds
from storages_app.management.commands.bootstrap import DEMO_SLUG, OPERATOR, write_private
from storages_app.models import Project, WorkerHeartbeat
from storages_app.objectstores.backends.s3 import open_store
from storages_app.objectstores.base import Location
from storages_app.objectstores.errors import ObjectStoreError
from ucdash import demo_s3

_SCREEN = """
  ucdash is ready.

  Dashboard    {dashboard_url}/
  Operator     {operator_email}   password in {operator_path}
  Admin        {dashboard_url}/admin/
  File host    {cdn_url}/

  Project      {project}
  Public key   {public_key}
  Secret key   {secret_key}

  Demo bucket  {bucket}   region {region}
  Endpoint     {endpoint_url}
  Access key   {access_key_id}
  Secret       {secret_access_key}

  For scripts  {json_path}, and `. {env_path}` for a shell

  Next: sign in and connect the demo bucket, or upload a file:

    curl -F UPLOADCARE_PUB_KEY={public_key} -F file=@README.md {upload_url}/base/

  Ctrl-C stops everything; `make run` starts it again with the same data.
"""


class Command(BaseCommand):
    help = "Wait for web, file host, demo bucket and worker; then write demo.json and say so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--timeout",
            type=seconds,
            default=90,
            metavar="SECONDS",
            help="How long to wait for all of them; else %(default)s.",
        )

    def handle(self, *args: Any, timeout: float, **options: Any) -> None:
        parent, deadline = os.getppid(), time.monotonic() + timeout
        waiting_for = _parts()
        while waiting_for:
            waiting_for = {name: answers for name, answers in waiting_for.items() if not answers()}
            if os.getppid() != parent:
                return  # the processes were stopped before they were ready
            if waiting_for and time.monotonic() > deadline:
                raise CommandError(
                    f"No answer within {timeout:g} s from: {', '.join(waiting_for)}. "
                    "Look at the lines above; Ctrl-C stops the rest."
                )
            if waiting_for:
                time.sleep(0.2)
        self._announce()

    def _announce(self) -> None:
        facts = _facts()
        path = settings.DATA_DIR / "demo.json"
        write_private(settings.DATA_DIR / "demo.env", _exports(facts))
        write_private(path, json.dumps(facts, indent=2) + "\n")
        self.stdout.write(
            _SCREEN.format(
                **facts,
                **facts["s3"],
                operator_path=_short(settings.DATA_DIR / "operator.txt"),
                json_path=_short(path),
                env_path=_short(path.with_suffix(".env")),
            )
        )


def _short(path: Path) -> str:
    """As one would type it in the folder of the product."""
    inside = path.is_relative_to(settings.BASE_DIR)
    return str(path.relative_to(settings.BASE_DIR) if inside else path)


def _parts() -> dict[str, Callable[[], bool]]:
    return {
        "the dashboard": lambda: _answers(settings.DASHBOARD_URL),
        "the file host": lambda: _answers(settings.CDN_URL),
        "the demo bucket": _bucket_is_there,
        "the worker": _worker_is_alive,
    }


def _answers(url: str) -> bool:
    """Whether an HTTP server speaks there; 404 or 403 at the root is an answer too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def _bucket_is_there() -> bool:
    """The server answers a moment before it has made the bucket."""
    demo = _demo_s3()
    location = Location(
        bucket=demo["bucket"],
        region=demo["region"],
        access_key_id=demo["access_key_id"],
        secret_access_key=demo["secret_access_key"],
        endpoint_url=demo["endpoint_url"],
        path_style=True,
    )
    try:
        next(open_store(location).list_objects(), None)
    except ObjectStoreError:
        return False
    return True


def _worker_is_alive() -> bool:
    since = timezone.now() - timedelta(seconds=2 * settings.HEARTBEAT_EVERY_S)
    return WorkerHeartbeat.objects.filter(seen_at__gte=since).exists()


def _facts() -> dict[str, Any]:
    """What a newcomer or a script needs to know; the keys are a contract with scripts."""
    project = Project.objects.get(slug=DEMO_SLUG)
    key = project.secret_keys.active().first()
    return {
        "dashboard_url": settings.DASHBOARD_URL,
        "api_url": settings.API_URL,
        "upload_url": settings.UPLOAD_URL,
        "cdn_url": settings.CDN_URL,
        "project": project.name,
        "public_key": project.public_key,
        "secret_key": key.unseal_secret() if key else "",
        "operator_email": OPERATOR,
        "operator_password": _operator_password(),
        "s3": _demo_s3(),
    }


def _demo_s3() -> dict[str, str]:
    return {
        "endpoint_url": f"http://127.0.0.1:{settings.DEMO_S3_PORT}",
        "region": "us-east-1",
        "bucket": demo_s3.BUCKET,
        "access_key_id": settings.DEMO_S3_ACCESS_KEY_ID,
        "secret_access_key": settings.DEMO_S3_SECRET_ACCESS_KEY,
    }


def _exports(facts: dict[str, Any]) -> str:
    """The names that pyuploadcare, boto3, the aws command and our own commands read."""
    values = {
        "UCDASH_DATA_DIR": str(settings.DATA_DIR),
        "UCDASH_PORT": str(settings.PORT),
        "UCDASH_FILES_PORT": str(settings.FILES_PORT),
        "UCDASH_DEMO_S3_PORT": str(settings.DEMO_S3_PORT),
        "UPLOADCARE_PUBLIC_KEY": facts["public_key"],
        "UPLOADCARE_SECRET_KEY": facts["secret_key"],
        "UPLOADCARE_API_BASE": f"{facts['api_url']}/",
        "UPLOADCARE_UPLOAD_BASE": f"{facts['upload_url']}/",
        "UPLOADCARE_CDN_BASE": f"{facts['cdn_url']}/",
        "AWS_ENDPOINT_URL_S3": facts["s3"]["endpoint_url"],
        "AWS_DEFAULT_REGION": facts["s3"]["region"],
        "AWS_ACCESS_KEY_ID": facts["s3"]["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": facts["s3"]["secret_access_key"],
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def _operator_password() -> str:
    """The password that was made for the first operator; empty when its file was removed."""
    path = settings.DATA_DIR / "operator.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    return lines[1] if len(lines) > 1 else ""
