"""Why a storage does not work and what to do, in the texts that its page has."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc

from storages_app.models import ConnectionTest, CustomStorage, Finding
from storages_app.objectstores.backends.s3.translation import PROVIDER_CODES
from storages_app.objectstores.errors import ObjectStoreError

_RUN_THE_TEST = "Open the storage and run its test: it says what to do."


@dataclass(frozen=True)
class Explanation:
    title: str
    why: str
    steps: list[str]


def explain(storage: CustomStorage) -> Explanation:
    """By the first required check that failed in its last test; else by what its copies met."""
    tests = ConnectionTest.objects.of_current_settings(storage).over()
    test = tests.order_by("-pk").first()
    if test and not test.has_passed:
        failed = test.findings.filter(state=Finding.State.FAILED, level=Finding.Level.REQUIRED)
        if row := failed.order_by("position").first():
            return Explanation(row.title, row.why, list(row.fix))
    error = _error_of(storage.circuit_reason)
    if error is None:
        return Explanation("its copies failed.", "", [_RUN_THE_TEST])
    title = (getdoc(error) or "").splitlines()[0]
    return Explanation(title, "", [step for step in (error.hint, _RUN_THE_TEST) if step])


def _error_of(code: str) -> type[ObjectStoreError] | None:
    # Of several under one code the first is the general one.
    by_code = {error.code: error for error in reversed(list(_family(ObjectStoreError)))}
    return by_code.get(code) or PROVIDER_CODES.get(code)


def _family(error: type[ObjectStoreError]) -> Iterator[type[ObjectStoreError]]:
    yield error
    for child in error.__subclasses__():
        yield from _family(child)
