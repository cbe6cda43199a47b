"""The connection test of settings that are not kept: no row is written, no project is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storages_app.custom_storages import conclusions
from storages_app.custom_storages.asking import ask_all
from storages_app.custom_storages.checks import Feature, what_was_found
from storages_app.custom_storages.connect import forget_role, open_outside_store, open_probe_store
from storages_app.custom_storages.probe import Probe, checks_for
from storages_app.models import ConnectionTest, CustomStorage, Finding


@dataclass(frozen=True)
class Outcome:
    """What was found, and what follows."""

    state: ConnectionTest.State
    findings: list[Finding]
    works: list[Feature]
    capabilities: dict[str, Any]

    @property
    def has_passed(self) -> bool:
        return self.state != ConnectionTest.State.FAILED


def run(
    custom_storage: CustomStorage,
    *,
    kind: ConnectionTest.Kind = ConnectionTest.Kind.TEST,
    on_answer: Callable[[Finding], None] = lambda finding: None,
) -> Outcome:
    """Ask what the connection test asks, of a storage in memory (`services.sketch`)."""
    forget_role(custom_storage)
    probe = Probe.of(custom_storage, open_probe_store, open_outside_store)
    asked = checks_for(custom_storage, kind)
    rows = {
        found.check_id: Finding(
            check_id=found.check_id, name=found.name, level=level, position=found.position
        )
        for found, level in asked
    }

    def keep(finding: Finding) -> None:
        if finding.state != Finding.State.RUNNING:
            on_answer(finding)

    ask_all(asked, rows, probe, keep)
    findings = list(rows.values())
    return Outcome(
        conclusions.verdict(findings),
        findings,
        what_was_found(custom_storage, rows),
        probe.capabilities,
    )
