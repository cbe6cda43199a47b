"""A plan is its seed: the same each time, with as much in it as its form says."""

from collections import Counter

import pytest

from storages_app.models import copy_jobs
from tests.chaos import stage
from tests.chaos.plan import CI, FULL, Kind, Plan


class TestPlan:
    def test_the_same_seed_plans_the_same(self):
        first, second = Plan.of(7, CI), Plan.of(7, CI)
        assert first == second
        assert first.files[3].content() == second.files[3].content()
        assert first.files[0].content() == second.files[0].content()

    def test_another_seed_plans_something_else(self):
        first, second = Plan.of(7, CI), Plan.of(8, CI)
        assert first.incidents != second.incidents
        assert first.files[3].content() != second.files[3].content()

    @pytest.mark.parametrize("form", [CI, FULL], ids=["ci", "full"])
    def test_it_holds_what_its_form_says(self, form):
        plan = Plan.of(1, form)
        kinds = Counter(incident.kind for incident in plan.incidents)
        assert len(plan.files) == form.n_files
        n_blackouts = kinds[Kind.BLACKOUT]
        assert n_blackouts == 1
        assert kinds[Kind.KILL_CHILD] + kinds[Kind.KILL_WORKER] + n_blackouts == form.n_kills
        assert kinds[Kind.FREEZE] == form.n_freezes
        assert kinds[Kind.WIPE_BROKER] + n_blackouts == form.n_wipes
        assert kinds[Kind.RESTART_DATABASE] == form.n_restarts
        assert kinds[Kind.FULL_DISK] == form.n_full_disks
        assert sum(file.wants_variant for file in plan.files) == form.n_variants

    def test_the_sizes_are_those_of_the_goal(self):
        plain = [file.size for file in Plan.of(1, FULL).files if not file.is_image]
        share = [sum(low < size <= high for size in plain) / len(plain) for low, high in _CLASSES]
        assert share == pytest.approx([0.70, 0.20, 0.09, 0.01], abs=0.02)
        assert 0 in plain
        assert max(plain) <= 64 * 2**20
        assert sum(size > FULL.multipart_threshold for size in plain) / len(plain) > 0.09

    def test_incidents_come_in_order_while_files_are_still_uploaded(self):
        plan = Plan.of(1, FULL)
        at = [incident.after_files for incident in plan.incidents]
        assert at == sorted(at)
        assert at[-1] < len(plan.files) * 0.95
        assert plan.incidents[-1].kind == Kind.BLACKOUT

    def test_rivals_share_a_name_by_twos(self):
        names = Counter(file.name for file in Plan.of(1, CI).files if file.is_rival)
        assert set(names.values()) == {2}
        assert names.total() == CI.n_rivals

    def test_it_knows_how_many_deaths_make_a_copy_poison(self):
        assert stage.MAX_CRASHES == copy_jobs.MAX_CRASHES

    def test_a_plan_describes_itself(self):
        text = Plan.of(11, CI).describe()
        assert "Seed 11" in text
        assert text.count("SIGKILL") + 1 == CI.n_kills


_CLASSES = [(-1, 64 * 2**10), (64 * 2**10, 2**20), (2**20, 8 * 2**20), (8 * 2**20, 64 * 2**20)]
