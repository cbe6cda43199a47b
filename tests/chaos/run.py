"""One run from its plan to its report."""

import json
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.customers import Customers, Told
from tests.chaos.incidents import Incidents
from tests.chaos.oracle import Job, Remains, Verdict, judge
from tests.chaos.plan import FAULTS, Kind, Plan
from tests.chaos.stage import BUCKETS, MAIN, RIVALS, Stage
from tests.rig.processes import came_true, say

_N_CUSTOMERS = 6
_KILLS = (Kind.KILL_CHILD, Kind.KILL_WORKER, Kind.BLACKOUT)
_LATER_H = 48  # after which nobody takes an open upload for one that is still being made
_CHECKED_WITHIN_S = 30
_CHECK_STORAGES = """
from storages_app.models import CustomStorage
from storages_app.reconciliation import services
for custom_storage in CustomStorage.objects.all():
    services.request(custom_storage=custom_storage, kind="light", asked_by="chaos")
"""


@dataclass
class Report:
    """What a run has shown."""

    plan: Plan
    verdict: Verdict
    happened: Counter[Kind]
    tally: dict[str, Any]
    told: Told
    n_idle_kills: int
    seconds: float
    mutation: str = ""
    states: Counter[str] = field(default_factory=Counter)
    undone: list[str] = field(default_factory=list)  # what did not happen although it was planned

    @property
    def is_green(self) -> bool:
        return not (any(self.verdict.counts.values()) or self.undone)

    def as_json(self) -> str:
        counts, happened = self.verdict.counts, self.happened
        return json.dumps(
            {
                "files": len(self.told.uploads),
                **{name: counts[name] for name in counts},
                "kills": sum(happened[kind] for kind in _KILLS),
                "freezes": happened[Kind.FREEZE],
                "wipes": happened[Kind.WIPE_BROKER] + happened[Kind.BLACKOUT],
                "restarts": happened[Kind.RESTART_DATABASE],
                "full_disks": happened[Kind.FULL_DISK],
                "variants": len(self.told.variants),
                "calls": self.tally["n_calls"],
                "faults_injected": self.tally["n_injected"],
                "seconds": round(self.seconds, 1),
                "seed": self.plan.seed,
                "form": self.plan.form.name,
                "mutation": self.mutation,
            }
        )


def run(plan: Plan, folder: Path, *, on_services: bool, mutation: str = "") -> Report:
    """Let it all happen in `folder`, and judge what is left; every process is ended."""
    began = time.monotonic()
    stage = Stage(
        folder, seed=plan.seed, form=plan.form, on_services=on_services, mutation=mutation
    )
    try:
        stage.start()
        projects = {
            False: stage.create_project(MAIN),
            True: stage.create_project(RIVALS, "--pattern", "${filename}${ext}"),
        }
        say(f"Everything runs after {time.monotonic() - began:.0f} s.")
        stage.bucket.faults_on(rate=plan.form.fault_rate, codes=FAULTS)
        customers = Customers(stage.installation.url, plan.files, projects, n_threads=_N_CUSTOMERS)
        try:
            incidents = _let_it_happen(plan, stage, customers)
        except BaseException:
            customers.give_up()
            raise
        tally = stage.bucket.tally()
        stage.bucket.faults_off()
        say(f"All files are uploaded after {time.monotonic() - began:.0f} s; faults have stopped.")
        _drain(stage, within=plan.form.drain_s)
        _sweep(stage)
        say(f"What can be drained is, after {time.monotonic() - began:.0f} s.")
        remains = remains_of(stage, customers.told)
        report = Report(
            plan=plan,
            verdict=judge(remains),
            happened=incidents.happened,
            tally=tally,
            told=customers.told,
            n_idle_kills=incidents.n_idle,
            seconds=time.monotonic() - began,
            mutation=mutation,
            states=Counter(job.state for job in remains.jobs),
        )
        report.undone = list(_undone(report))
        if not report.is_green:
            say(stage.logs())
        return report
    finally:
        stage.stop()


def _let_it_happen(plan: Plan, stage: Stage, customers: Customers) -> Incidents:
    incidents = Incidents(stage, customers, plan.form)
    for incident in plan.incidents:
        customers.let(incident.after_files + 2 * _N_CUSTOMERS)
        customers.wait_for(incident.after_files)
        incidents.let_happen(incident)
    return incidents


def _drain(stage: Stage, *, within: float) -> None:
    """Until nothing waits any more, or it takes too long, which the verdict will tell."""
    came_true(lambda: not stage.n_waiting(), within=within)


def _sweep(stage: Stage) -> None:
    """Time goes by, and the hourly check of each storage comes: what nobody completes has to go."""
    stage.bucket.let_hours_pass(_LATER_H)
    stage.installation.manage("shell", "--command", _CHECK_STORAGES)
    waiting = "SELECT count(*) FROM storages_app_reconciliation WHERE finished_at IS NULL"
    came_true(lambda: stage.query(waiting) == [(0,)], within=_CHECKED_WITHIN_S)


def remains_of(stage: Stage, told: Told | None = None) -> Remains:
    """All that is left of a run; without customers, what the ledger itself says was promised."""
    told = told or Told()
    jobs = stage.query(
        "SELECT j.id, j.file_id, s.name, j.effects, j.key, j.state, j.reason, j.sha256, j.evidence "
        "FROM storages_app_copyjob j JOIN storages_app_customstorage s "
        "ON s.id = j.custom_storage_id"
    )
    files = stage.query("SELECT uuid, sha256 FROM storages_app_file")
    failures = stage.query("SELECT subject_id FROM storages_app_event WHERE kind = 'copy.failed'")
    return Remains(
        uploads=told.uploads,
        variants=told.variants,
        stored={_hex(uuid): sha256 for uuid, sha256 in files},
        jobs=[Job(pk, _hex(uuid), *rest) for pk, uuid, *rest in jobs],
        rewrites=[tuple(row) for row in stage.query("SELECT job, was, became FROM chaos_rewrite")],
        told_failures=frozenset(int(pk) for (pk,) in failures),
        buckets={name: stage.bucket.contents(bucket) for name, bucket in BUCKETS.items()},
        violations=_violations(stage),
        secrets=stage.secrets(),
        texts=stage.texts(),
    )


def _hex(uuid: object) -> str:
    return str(uuid).replace("-", "")


def _violations(stage: Stage) -> list[str]:
    """What the product's own doctor says."""
    answer: subprocess.CompletedProcess[str] = stage.installation.manage(
        "doctor", "--json", "--deep", "--grace", "0", check=False
    )
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return [f"The doctor did not answer: {answer.stderr[-500:]}"]
    return [
        f"{line['code']} {line['what']} {line['subject']}"
        for line in lines
        if line["kind"] == "violation"
    ]


def _undone(report: Report) -> list[str]:
    """A run that was easier than planned proves less."""
    planned = Counter(incident.kind for incident in report.plan.incidents)
    missing = [
        f"{kind}: {report.happened[kind]} of {count}"
        for kind, count in planned.items()
        if report.happened[kind] < count
    ]
    rate = report.tally["n_injected"] / max(1, report.tally["n_calls"])
    if rate < report.plan.form.fault_rate * 0.75:
        missing.append(f"only {rate:.0%} of the calls were faulty")
    if report.n_idle_kills > 0.2 * len(report.plan.incidents):
        missing.append(f"{report.n_idle_kills} incidents met nobody at work")
    if report.tally["failures"]:
        missing.append(f"the bucket itself made mistakes: {report.tally['failures'][:3]}")
    return missing
