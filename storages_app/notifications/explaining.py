"""Why a storage does not work and what to do, in the texts that its page has."""

from dataclasses import dataclass

from storages_app.models import ConnectionTest, CustomStorage, Finding
from storages_app.objectstores.backends.s3.translation import PROVIDER_CODES
from storages_app.objectstores.errors import by_code, sentence_of

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
    reason = storage.circuit_reason
    error = by_code().get(reason) or PROVIDER_CODES.get(reason)
    if error is None:
        return Explanation("its copies failed.", "", [_RUN_THE_TEST])
    steps = [step for step in (error.hint, _RUN_THE_TEST) if step]
    return Explanation(sentence_of(error), "", steps)
