"""The pages of a backup: set-up, settings, one run, its manifest, and what is told to whom."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from storages_app.backups import reading, services, tasks
from storages_app.copying import runner as copying
from storages_app.models import BackupPlan, BackupRun, Event
from storages_app.objectstores.errors import TimedOut
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
)
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]
ANSWERS = {"schedule": "0 */3 * * *", "keep_days": 0, "sample_size": 10}


def address(name, project, *args):
    return reverse(f"dashboard:{name}", args=[project.slug, *args])


@pytest.fixture
def plan(storage):
    return make_backup_plan(storage)


class TestSetUp:
    def test_takes_all_answers_and_begins_a_run_at_once(self, project, storage, as_owner):
        storage.provider = "aws"
        storage.save()
        answers = {
            "custom_storage": storage.pk,
            "schedule": "other",
            "cron": "30 2 * * 1-5",
            "keep_days": 90,
            "storage_class": "GLACIER_IR",
            "sample_size": 25,
            "ping_url": "https://hc.example.com/ping/1234",
        }
        assert as_owner.post(address("backup_connect", project), answers).status_code == 302
        plan = BackupPlan.objects.get()
        assert services.options_of(plan) == {
            "cron": "30 2 * * 1-5",
            "keep_days": 90,
            "storage_class": "GLACIER_IR",
            "sample_size": 25,
            "ping_url": "https://hc.example.com/ping/1234",
        }
        assert plan.runs.get().state == "waiting"

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ({"schedule": "other", "cron": "often"}, "is no schedule"),
            ({"schedule": "other", "cron": ""}, "is no schedule"),
            ({"schedule": "hourly"}, "“hourly” is not in the list"),
            ({"keep_days": -1}, "Enter a number from 0 to 3,650."),
            ({"sample_size": "many"}, "Enter a whole number"),
            ({"storage_class": "GLACIER"}, "“GLACIER” is not in the list"),
            ({"ping_url": "http://127.0.0.1:8000/"}, "not one that this instance talks to"),
            ({"ping_url": "https://user@x/"}, "not a plain http or https address"),
            ({"custom_storage": ""}, "Choose a storage."),
        ],
    )
    def test_refuses_what_cannot_be_and_keeps_what_was_typed(
        self, project, storage, as_owner, answer, said
    ):
        answers = {**ANSWERS, "custom_storage": storage.pk, **answer}
        page = as_owner.post(address("backup_connect", project), answers)
        assert page.status_code == 200
        assert said in page.text
        assert not BackupPlan.objects.exists()

    def test_warns_where_copies_and_backup_would_share_one_fate(self, project, storage, as_owner):
        page = address("backup_connect", project)
        warning = "Copies and backup in one place share one fate."
        assert warning not in as_owner.get(page).text
        make_custom_storage(project, bucket=storage.bucket, endpoint_url=storage.endpoint_url)
        assert as_owner.get(page).text.count(warning) == 2

    def test_says_of_a_storage_that_takes_no_copies_now_why(self, project, storage, as_owner):
        storage.circuit_opened_at = timezone.now()
        storage.save()
        page = as_owner.get(address("backup_connect", project)).text
        assert "Needs attention</span>: nothing is copied to it at the moment." in page

    def test_warns_of_a_storage_that_has_copies_or_auto_copy(self, project, storage, as_owner):
        make_copy_job(make_file(project), storage)
        page = address("backup_connect", project)
        assert "share one fate" in as_owner.get(page).text
        other = make_custom_storage(project, bucket="elsewhere", auto_copy=True)
        assert services.shares_fate(other)

    def test_shows_the_next_three_runs_without_javascript(self, project, storage, as_owner):
        answers = ANSWERS | {"do": "preview", "schedule": "other", "cron": "0 3 * * *"}
        page = as_owner.post(address("backup_connect", project), answers)
        assert page.text.count("03:00 UTC</time>") == 3
        assert not BackupPlan.objects.exists()

    def test_shows_them_live_right_or_wrong(self, project, as_owner):
        part = address("backup_schedule", project)
        shown = as_owner.post(part, {"schedule": "0 3 * * 0"}).text
        assert "Every Sunday at 03:00 UTC" in shown
        assert shown.count("<time") == 3
        assert (
            "is no schedule"
            in as_owner.post(part, {"schedule": "other", "cron": "61 * * * *"}).text
        )
        assert "Type a schedule" in as_owner.post(part, {"schedule": "other"}).text

    def test_offers_to_connect_a_storage_where_there_is_none(self, project, as_owner):
        assert "Connect S3 bucket" in as_owner.get(address("backup_connect", project)).text


class TestSettings:
    def test_show_what_is_set_and_change_it(self, project, plan, as_owner):
        plan.cron = "7 7 * * *"
        plan.seal_ping_url("https://hc.example.com/secret-uuid")
        plan.save()
        page = as_owner.get(address("backup_settings", project)).text
        assert "7 7 * * *" in page
        assert "secret-uuid" in page
        answers = ANSWERS | {
            "custom_storage": plan.custom_storage_id,
            "keep_days": 30,
            "ping_url": "https://hc.example.com/another-uuid",
        }
        assert as_owner.post(address("backup_settings", project), answers).status_code == 302
        plan.refresh_from_db()
        assert (plan.cron, plan.keep_days) == ("0 */3 * * *", 30)
        event = Event.objects.get(kind="backup.changed")
        assert event.data["changes"] == {
            "cron": {"before": "7 7 * * *", "after": "0 */3 * * *"},
            "keep_days": {"before": 0, "after": 30},
            "ping_url": "changed",
        }

    def test_move_the_backup_to_another_storage(self, project, plan, as_owner):
        other = make_custom_storage(project, name="other")
        answers = ANSWERS | {"custom_storage": other.pk}
        as_owner.post(address("backup_settings", project), answers)
        plan.refresh_from_db()
        assert plan.custom_storage == other
        assert plan.runs.get().state == "waiting"

    def test_of_a_backup_that_is_off_lead_to_the_set_up(self, project, plan, as_owner):
        BackupPlan.objects.update(is_on=False)
        page = as_owner.get(address("backup_settings", project))
        assert page["Location"] == address("backup_connect", project)


class TestSwitches:
    def test_pause_and_resume(self, project, plan, as_owner):
        services.request_run(plan=plan, asked_by="x")
        as_owner.post(address("backup_pause", project))
        plan.refresh_from_db()
        assert plan.paused_at
        assert plan.runs.get().state == "cancelled"
        page = as_owner.get(address("backup", project)).text
        assert "Paused since" in page
        assert "Run now" not in page
        as_owner.post(address("backup_resume", project))
        plan.refresh_from_db()
        assert plan.paused_at is None
        assert plan.runs.latest("pk").state == "waiting"

    def test_a_run_of_a_paused_backup_is_refused_in_words(self, project, plan, as_owner):
        BackupPlan.objects.update(paused_at=timezone.now())
        page = as_owner.post(address("backup_run_now", project), follow=True)
        assert "The backup is paused. Resume it first." in page.text

    def test_the_page_of_turning_off_says_what_stays(self, project, plan, as_owner):
        page = as_owner.get(address("backup_turn_off", project)).text
        assert "Files in the bucket stay. The next run is cancelled" in page


class TestRun:
    def test_tells_its_gaps_by_reason_with_their_copies(self, project, plan, file, as_owner):
        job = make_copy_job(file, plan.custom_storage, state="failed", reason="quota", evidence="")
        run = make_backup_run(
            plan,
            state="gaps",
            n_files=3,
            n_gaps=2,
            n_failed=2,
            gaps=[
                {
                    "state": "failed",
                    "reason": "quota",
                    "n": 2,
                    "files": [{"uuid": str(file.pk), "name": "c\u202eat.txt", "copy": job.pk}],
                },
                {"state": "pending", "reason": "", "n": 1, "files": []},
            ],
        )
        page = as_owner.get(address("backup_run", project, run.pk)).text
        assert "Done with gaps. 2 of 3 files are missing." in page
        assert "The account at the provider has reached its limit." in page
        assert address("copy", project, job.pk) in page
        assert "\u202e" not in page
        assert "the copy had not ended yet" in page

    def test_that_is_open_shows_how_far_it_is(self, project, plan, file, as_owner):
        make_copy_job(file, plan.custom_storage, is_backup=True)
        make_file(project)
        run = make_backup_run(
            plan, state="copying", finished_at=None, snapshot_at=timezone.now(), n_files=2
        )
        page = as_owner.get(address("backup_run", project, run.pk)).text
        assert "1 of 2 files are there" in page
        assert 'aria-busy="true"' in page
        part = address("backup_run_status", project, run.pk)
        first = as_owner.get(part)
        assert as_owner.get(part, {"seen": first.context["version"]}).status_code == 204

    def test_that_waits_says_how_many_are_before_it(self, project, plan, as_owner):
        for _ in range(2):
            other = make_backup_plan(make_custom_storage(make_project()))
            make_backup_run(other, state="waiting", finished_at=None)
        run = make_backup_run(plan, state="waiting", finished_at=None)
        page = as_owner.get(address("backup_run", project, run.pk)).text
        assert "Waiting for a free worker. 2 jobs are before it." in " ".join(page.split())

    def test_is_heard_at_its_start_at_each_quarter_and_at_its_end(
        self, project, plan, as_owner, monkeypatch
    ):
        run = make_backup_run(plan, state="copying", finished_at=None, snapshot_at=timezone.now())
        part = address("backup_run_status", project, run.pk)
        said, heard = "", []
        for n_there in range(0, 101, 10):
            far = services.Progress(100, n_there)
            monkeypatch.setattr(services, "progress", lambda run, far=far: far)
            answer = as_owner.get(part, {"said": said})
            said = answer.context["said"]
            found = re.search(r'hx-swap-oob="innerHTML">([^<]+)<', answer.text)
            heard += [found[1]] if found else []
        assert f"<title>100 % · Backup to photos · {project.name} · ucdash</title>" in answer.text
        monkeypatch.undo()
        BackupRun.objects.update(state="done", finished_at=timezone.now(), n_files=100, n_new=100)
        heard.append(as_owner.get(part, {"said": said}).context["spoken"])
        assert heard == [
            "The backup run has begun.",
            "25 % of the files are there.",
            "50 % of the files are there.",
            "75 % of the files are there.",
            "100 % of the files are there.",
            "Done. All 100 stored files are there: 100 new, 0 already there.",
        ]

    def test_of_another_project_is_not_found(self, project, as_owner):
        foreign = make_backup_run(make_backup_plan(make_custom_storage(make_project())))
        assert as_owner.get(address("backup_run", project, foreign.pk)).status_code == 404
        assert as_owner.get(address("backup_manifest", project, foreign.pk)).status_code == 404


class TestManifest:
    @pytest.fixture
    def run(self, project, bucket, monkeypatch):
        monkeypatch.setattr(reading, "open_store", lambda custom_storage: bucket)
        storage = make_custom_storage(project, name="vault", capabilities=PROVEN)
        for name in "abc":
            make_file(project, name=name)
        plan = services.connect(project=project, custom_storage=storage, actor="a test")
        for _ in range(2):
            BackupRun.objects.update(lease_until=None)
            tasks.drain()
            copying.drain()
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        return plan.runs.get()

    def test_is_handed_out_as_it_is_in_the_bucket(self, project, run, bucket, as_owner):
        answer = as_owner.get(address("backup_manifest", project, run.pk))
        assert b"".join(answer.streaming_content) == bucket.inner.objects[run.manifest_key].body
        assert "attachment" in answer["Content-Disposition"]

    def test_or_as_the_list_of_its_files(self, project, run, as_owner):
        answer = as_owner.get(address("backup_manifest", project, run.pk), {"files": ""})
        lines = b"".join(answer.streaming_content).splitlines()
        assert {json.loads(line)["original_filename"] for line in lines} == set("abc")

    def test_that_is_damaged_or_out_of_reach_is_told_on_the_page(
        self, project, run, bucket, as_owner
    ):
        page = address("backup_manifest", project, run.pk)
        bucket.fail("get", TimedOut())
        assert "did not answer in time" in as_owner.get(page, follow=True).text
        bucket.inner.delete(run.manifest_key)
        assert "is not in the bucket" in as_owner.get(page, follow=True).text

    def test_that_retention_deleted_is_told(self, project, run, as_owner):
        BackupRun.objects.update(manifest_key="")
        page = as_owner.get(address("backup_manifest", project, run.pk), follow=True).text
        assert "left no manifest" in page
        assert "deleted by retention" in page


def test_no_line_breaks_within_a_moment_of_the_big_sentence(project, plan, as_owner):
    BackupPlan.objects.update(paused_at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC))
    sentence = as_owner.get(address("backup", project)).text.partition('class="sentence">')[2]
    moment = '<time datetime="2026-11-23T20:00Z">2026-11-23 20:00 UTC</time>'
    assert sentence.startswith(f"Paused since {moment}. No file waits.</p>")


def test_a_project_without_a_backup_leads_to_the_manifest_of_another_instance(
    project, as_owner, as_viewer
):
    page = as_owner.get(address("backup", project)).text
    assert "No backup yet" in page
    assert "Read a manifest from a bucket" in page
    assert address("restore_new", project) in page
    assert address("restore_new", project) not in as_viewer.get(address("backup", project)).text


class TestTheEndOfTheFirstBackup:
    """Somebody looks at the page of the backup while its first run goes on, and hears the end."""

    def test_is_spoken_once(self, project, plan, file, as_owner):
        begun = timezone.now()
        run = make_backup_run(plan, state="copying", finished_at=None, snapshot_at=begun)
        make_copy_job(file, plan.custom_storage, is_backup=True)
        part = address("backup_runs", project)
        assert f'hx-get="{part}?' in as_owner.get(address("backup", project)).text
        answer = as_owner.get(part)
        assert "First backup: " in answer.text
        assert 'id="live"' not in answer.text
        BackupRun.objects.filter(pk=run.pk).update(state="done", finished_at=timezone.now())
        last = as_owner.get(part, {"seen": answer.context["version"]})
        spoken = re.findall(r'<div id="live" hx-swap-oob="innerHTML">([^<]+)</div>', last.text)
        assert len(spoken) == 1
        assert spoken[0].startswith("Backed up. The 1 stored file is in acme-photos as of ")
        assert last.status_code == 286  # nobody asks again
        assert "hx-get" not in last.text

    def test_is_not_spoken_to_who_comes_later(self, project, plan, as_owner):
        make_backup_run(plan, finished_at=timezone.now())
        page = as_owner.get(address("backup", project)).text
        assert "hx-swap-oob" not in page
        assert "hx-get" not in page

    def test_has_not_come_while_copies_of_the_run_go_on(self, project, plan, file, as_owner):
        ended = {"state": "gaps", "finished_at": timezone.now(), "snapshot_at": timezone.now()}
        make_backup_run(plan, **ended)
        make_copy_job(file, plan.custom_storage, is_backup=True, state="pending")
        answer = as_owner.get(address("backup_runs", project))
        assert "First backup: 0 of 1." in answer.text
        assert answer.status_code == 200
        assert 'id="live"' not in answer.text


def test_the_table_of_runs_has_the_figures_and_the_manifest_link(
    project, plan, as_owner, as_viewer
):
    run = make_backup_run(
        plan,
        n_new=1204,
        n_changed=3,
        n_sampled=10,
        n_sample_matches=9,
        manifest_key="k",
        manifest_sha256="s",
        finished_at=datetime(2026, 1, 1, 0, 4, tzinfo=UTC),
    )
    page = as_owner.get(address("backup", project)).text
    assert "1,204" in page
    assert "9 of 10 match" in page
    assert "4\u00a0min" in page
    link = address("backup_manifest", project, run.pk)
    assert link in page
    assert link not in as_viewer.get(address("backup", project)).text
