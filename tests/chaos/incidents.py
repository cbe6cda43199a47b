"""How each incident of a plan is brought about, and what of it really happened."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.chaos.customers import Customers
from tests.chaos.plan import FAULTS, Form, Incident, Kind
from tests.chaos.stage import LEASE_S, Stage
from tests.rig.processes import came_true

_WORK_WITHIN_S = 16.0
_MORE_WORK = 8  # files
_SPACE_AGAIN_AFTER_S = 15.0
_TAKEN_OVER_WITHIN_S = 12.0
_HEARD_WITHIN_S = 10.0
_FREEZES_AT_MOST = 6
_AWAKE_S = 1.5
_NO_POISON_WITHIN_S = 40.0


class Incidents:
    """Lets things happen to a stage; `happened` counts what did."""

    def __init__(self, stage: Stage, customers: Customers, form: Form) -> None:
        self._stage, self._customers, self._form = stage, customers, form
        self.happened: Counter[Kind] = Counter()
        self.n_idle = 0  # kills that met nobody at work
        self._how: dict[Kind, Callable[[], bool | None]] = {
            Kind.KILL_CHILD: self._kill_child,
            Kind.KILL_WORKER: self._kill_worker,
            Kind.FREEZE: self._freeze,
            Kind.WIPE_BROKER: stage.broker.wipe,
            Kind.RESTART_DATABASE: self._restart_database,
            Kind.FULL_DISK: self._fill_disk,
            Kind.BLACKOUT: self._black_out,
        }

    def let_happen(self, incident: Incident) -> None:
        time.sleep(incident.delay_s)
        if self._how[incident.kind]() is not False:
            self.happened[incident.kind] += 1

    def _somebody_at_work(self) -> int:
        pid = self._stage.wait_for_busy_process(within=_WORK_WITHIN_S / 4)
        if not pid:  # all was copied before this came: customers bring more
            self._customers.let_more(_MORE_WORK)
            pid = self._stage.wait_for_busy_process(within=_WORK_WITHIN_S)
        self.n_idle += not pid
        return pid

    def _seized(self, members_of: Callable[[int], set[int]]) -> int:
        """Somebody at work; these members of it are stopped now. 0 if nobody is."""
        deadline = time.monotonic() + _NO_POISON_WITHIN_S
        while time.monotonic() < deadline and (pid := self._somebody_at_work()):
            if self._stage.seize(members_of(pid)):
                return pid
            time.sleep(0.1)
        return 0

    def _kill_child(self) -> None:
        pid = self._seized(lambda pid: {pid})
        if not pid:
            self._stage.kill_worker(0)
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _kill_worker(self) -> None:
        stage = self._stage
        pid = self._seized(lambda pid: stage.members_of(stage.worker_of(pid)))
        stage.kill_worker(stage.worker_of(pid))

    def _freeze(self) -> bool:
        """A machine sleeps until what it held has ended elsewhere, and then goes on as before.

        Only one that still has something to say of such a copy shows what fences are for. One that
        fell asleep while it wrote keeps others out of SQLite: it ends that before it sleeps again.
        """
        for _ in range(_FREEZES_AT_MOST):
            if self._freeze_somebody():
                return True
            time.sleep(_AWAKE_S)
        return False

    def _freeze_somebody(self) -> bool:
        """Whether it spoke, when it was awake again, of a copy that had ended without it."""
        pid = self._seized(lambda pid: {pid})
        if not pid:
            return False
        stage = self._stage
        try:
            held = stage.held_by(pid)
            time.sleep(LEASE_S)
            came_true(lambda: stage.have_ended(held), within=_TAKEN_OVER_WITHIN_S)
            before = stage.endings_of(held)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return bool(before) and came_true(
            lambda: stage.endings_of([*before]) != before, within=_HEARD_WITHIN_S
        )

    def _restart_database(self) -> None:
        self._somebody_at_work()
        assert self._stage.database
        self._stage.database.restart_immediately()

    def _fill_disk(self) -> None:
        """Until somebody has been turned away for it."""
        told, before = self._customers.told, self._customers.told.n_refused_for_space
        self._stage.full_disk_file.touch()
        self._customers.let_more(10)
        deadline = time.monotonic() + _SPACE_AGAIN_AFTER_S
        while told.n_refused_for_space == before and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stage.full_disk_file.unlink()
        assert told.n_refused_for_space > before, "The full disk refused nobody."

    def _black_out(self) -> None:
        """What is uploaded meanwhile cannot be copied, and whoever was to be woken is not."""
        stage, form = self._stage, self._form
        stage.bucket.faults_on(rate=1, codes=["ServiceUnavailable"])
        self._customers.let(form.n_files)
        self._customers.wait()
        for number in range(len(stage.workers)):
            while not stage.seize(stage.members_of(number)):
                time.sleep(0.1)
            stage.stop_worker(number)
        assert stage.n_waiting(), "The blackout left no work."
        stage.broker.wipe()
        stage.bucket.faults_on(rate=form.fault_rate, codes=FAULTS)
        for number in range(len(stage.workers)):
            stage.start_worker(number)
        stage.wait_for_workers()
