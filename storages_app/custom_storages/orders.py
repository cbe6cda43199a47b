"""Connection tests into the ledger: what a page asks for, and what comes round by itself."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from storages_app.models import ConnectionTest, CustomStorage
from storages_app.models.fields import db_now
from ucdash.celery import wake

Kind, Trigger = ConnectionTest.Kind, ConnectionTest.Trigger

_RETEST_AFTER = timedelta(hours=6)
_RETEST_BROKEN_AFTER = timedelta(minutes=10)
_RETEST_DOUBTFUL_AFTER = timedelta(minutes=2)
_RETESTS_AT_ONCE = 50
_KEEP_REPEATS_FOR = timedelta(days=1)
_KEEP_TESTS_FOR = timedelta(days=90)


def waiting_test(
    *, custom_storage: CustomStorage, kind: ConnectionTest.Kind, again: str
) -> ConnectionTest | None:
    """A test that will answer the same question, and that no worker has begun.

    One from before the settings changed would be run, and then count for nothing.
    """
    tests = custom_storage.connection_tests.waiting().filter(
        access_change=None, kind=kind, created_at__gte=custom_storage.access_changed_at
    )
    return tests.filter(again__in=["", again]).first()


def order_test(
    *,
    custom_storage: CustomStorage,
    asked_by: str,
    kind: ConnectionTest.Kind,
    trigger: ConnectionTest.Trigger,
    again: str,
) -> ConnectionTest:
    test: ConnectionTest = ConnectionTest.objects.create(
        custom_storage=custom_storage, asked_by=asked_by, kind=kind, trigger=trigger, again=again
    )
    transaction.on_commit(partial(wake, "custom_storages.drain"))
    return test


@transaction.atomic
def order_retests() -> int:
    """Have those tested that were not for long: broken ones sooner, doubtful ones soonest."""
    due = list(_due_for_a_test()[:_RETESTS_AT_ONCE])
    for row in due:
        order_test(
            custom_storage=row,
            asked_by="schedule",
            kind=Kind.TEST,
            trigger=Trigger.SCHEDULE,
            again="",
        )
    return len(due)


def _due_for_a_test() -> "QuerySet[CustomStorage]":
    tests = ConnectionTest.objects.filter(
        custom_storage=OuterRef("pk"), kind=Kind.TEST, access_change=None
    ).order_by("-pk")
    rows = CustomStorage.objects.connected().annotate(
        tested_at=Subquery(tests.values("finished_at")[:1]),
        test_state=Subquery(tests.values("state")[:1]),
    )
    is_broken = Q(circuit_opened_at__isnull=False)
    is_doubtful = Q(test_state=ConnectionTest.State.FAILED) & ~is_broken
    due = rows.filter(paused_at=None).filter(
        Q(tested_at__lt=db_now() - _RETEST_AFTER)
        | is_broken & Q(tested_at__lt=db_now() - _RETEST_BROKEN_AFTER)
        | is_doubtful & Q(tested_at__lt=db_now() - _RETEST_DOUBTFUL_AFTER)
    )
    return due.order_by("tested_at")


def forget_old_tests() -> None:
    """Drop what no page shows any more, but never a storage's newest of a kind."""
    newest = ConnectionTest.objects.filter(
        custom_storage=OuterRef("custom_storage"), kind=OuterRef("kind")
    ).order_by("-pk")
    of_the_moment = Q(is_repeat=True) | Q(kind=Kind.CHECKLIST)
    old = ConnectionTest.objects.filter(
        of_the_moment & Q(finished_at__lt=db_now() - _KEEP_REPEATS_FOR)
        | Q(finished_at__lt=db_now() - _KEEP_TESTS_FOR)
    )
    old.exclude(pk=Subquery(newest.values("pk")[:1])).delete()
