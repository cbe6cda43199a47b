"""A program that lost an answer asks again under the same key, and it happens once.

The key is claimed first, in a transaction of its own. What is done then and the answer that is kept
are one transaction: a process that dies leaves neither, and its claim runs out. Refusals are not
kept: what was refused was not done, and may be asked again when it has been put right.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import F

from storages_app.models import IdempotencyKey, Project
from storages_app.models.fields import db_now
from storages_app.models.idempotency_keys import LONGEST_KEY
from storages_app.projects.errors import (
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    IdempotencyKeyTakenOver,
    IdempotencyKeyUnderWay,
)

LEASE = timedelta(minutes=5)  # longer than a web server lets any request last
_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
_LONGEST_ROUTE = 255


@dataclass(frozen=True)
class Answer:
    """What was told; a repetition is told the same."""

    status: int
    data: Any
    location: str = ""


@dataclass(frozen=True)
class Claim:
    """This process answers the request of this row, as long as nobody took it over."""

    pk: int
    fence: int

    def keep(self, answer: Answer) -> None:
        """Write the answer down, in the transaction of what was done.

        IdempotencyKeyTakenOver if another has the request by now: what was done is taken back.
        """
        held = IdempotencyKey.objects.filter(pk=self.pk, fence=self.fence, status=None)
        n_kept = held.update(
            status=answer.status,
            answer=json.dumps(answer.data, cls=DjangoJSONEncoder),
            location=answer.location[:255],
            lease_until=None,
        )
        if not n_kept:
            raise IdempotencyKeyTakenOver

    def give_up(self) -> None:
        """It was refused or failed: nothing was done, and it may be asked again at once."""
        IdempotencyKey.objects.filter(pk=self.pk, fence=self.fence, status=None).delete()


def begin(*, project: Project, route: str, key: str, content: bytes) -> Claim | Answer:
    """A claim to do it, or the answer that was given before.

    IdempotencyKeyUnderWay while another process does it, IdempotencyKeyReused if something else was
    asked under this key.
    """
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    digest = hashlib.sha256(content).hexdigest()
    scope = {"project": project, "route": route[:_LONGEST_ROUTE], "key": key}
    IdempotencyKey.objects.old().filter(**scope).delete()
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(
                **scope, body_digest=digest, lease_until=db_now() + LEASE
            )
        return Claim(row.pk, row.fence)
    except IntegrityError:
        return _as_before(IdempotencyKey.objects.filter(**scope).first(), digest)


def _as_before(row: IdempotencyKey | None, digest: str) -> Claim | Answer:
    if row is None:  # given up at this moment
        raise IdempotencyKeyUnderWay
    if row.body_digest != digest:
        raise IdempotencyKeyReused
    if row.status is not None:
        return Answer(row.status, json.loads(row.answer), row.location)
    lapsed = IdempotencyKey.objects.filter(
        pk=row.pk, fence=row.fence, status=None, lease_until__lt=db_now()
    )
    if not lapsed.update(fence=F("fence") + 1, lease_until=db_now() + LEASE):
        raise IdempotencyKeyUnderWay
    return Claim(row.pk, row.fence + 1)


def forget() -> int:
    """Drop the keys of yesterday; how many there were."""
    n_dropped, _ = IdempotencyKey.objects.old().delete()
    return n_dropped
