"""The live test: its rows, one of them again, and the watch that ends green."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from storages_app.custom_storages import circuit, services
from storages_app.models import ConnectionTest
from tests.factories import make_connection_test, make_custom_storage

HTMX = {"HX-Request": "true"}
FAILED = (("Identity", "failed", "required"), ("Write", "skipped", "required"))


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def words(page):
    return " ".join(page.text.split())


@pytest.fixture
def failed(storage):
    """A test that failed a minute ago."""
    test = make_connection_test(storage, state="failed", findings=FAILED)
    ConnectionTest.objects.update(finished_at=timezone.now() - timedelta(minutes=1))
    return test


class TestPage:
    def test_says_what_failed_why_and_what_to_do(self, project, storage, failed, as_owner):
        failed.findings.update(why="The policy is missing.", said="Access Denied", operation="X")
        page = as_owner.get(address("storage_test", project, storage.pk, failed.pk))
        for text in (
            "Not working as it should. 1 required check failed.",
            "Start with “Identity”; the others may depend on it.",
            "Identity was asked",
            "The policy is missing.",
            "Do this",
            "Paste the policy.",
            'href="/docs/checks/identity/#accessdenied"',
            "Code: AccessDenied HTTP status: 403 Operation: X Request id: REQ-1 Time: ",
            "The provider said: Access Denied",
            'data-copy="details-identity"',
            "12 ms",
            "Run again",
            "Checking again every 10 s while this page is open.",
            "Change the bucket in another tab; this page will notice.",
            "Stop",
            "What works now",
        ):
            assert text in words(page)

    @pytest.mark.parametrize(
        ("state", "banner"),
        [
            ("passed", "Ready to connect. 1 of 1 checks passed."),
            ("failed", "Not connected yet. 1 required check failed."),
        ],
    )
    def test_a_draft_is_never_called_connected(self, state, banner, project, draft, as_owner):
        findings = [("Identity", state, "required")]
        test = make_connection_test(draft, state=state, findings=findings)
        page = words(as_owner.get(address("storage_test", project, draft.pk, test.pk)))
        assert banner in page
        assert "Connected. " not in page
        assert "Not working" not in page

    def test_what_the_provider_said_cannot_be_html(self, project, storage, failed, as_owner):
        failed.findings.update(said="<script>alert()</script>", title="<b>x</b>")
        page = as_owner.get(address("storage_test", project, storage.pk, failed.pk)).text
        assert "<script>alert" not in page
        assert "<b>x" not in page

    @pytest.mark.parametrize(
        ("code", "step", "leads"),
        [
            ("AccessDenied", "Look around.", True),
            ("AccessControlListNotSupported", "Use a bucket policy (statement below).", True),
            ("NoSuchBucket", "Check the spelling.", False),
        ],
    )
    def test_a_step_that_speaks_of_a_policy_leads_to_it(
        self, code, step, leads, project, storage, failed, as_owner
    ):
        failed.findings.update(code=code, fix=[step])
        page = as_owner.get(address("storage_test", project, storage.pk, failed.pk))
        assert ("The policy as it should be" in page.text) is leads

    def test_what_worked_before_stays_with_its_time_while_a_test_runs(
        self, project, storage, as_owner
    ):
        make_connection_test(storage)
        ConnectionTest.objects.update(finished_at=timezone.now() - timedelta(minutes=7))
        test = make_connection_test(storage, state="running")
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        works = page.partition('id="works"')[2]
        assert "as of" in works.partition("</h3>")[0]
        assert "7\u00a0min ago" in page or "7 min ago" in works
        assert "Works" in works

    def test_without_an_earlier_test_nothing_is_known_to_work(self, project, storage, as_owner):
        test = make_connection_test(storage, state="running")
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        assert "What works now" not in page

    def test_a_test_that_outlived_no_worker_says_so(self, project, storage, as_owner):
        test = make_connection_test(
            storage, state="failed", findings=[("Write", "running", "required")]
        )
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        assert "The test was broken off and says nothing. Run it again." in page
        assert 'id="check-write" data-state="skipped"' in page
        assert "Not answered" in page

    def test_polls_while_it_runs_and_says_how_without_a_script(self, project, storage, as_owner):
        test = make_connection_test(
            storage, state="running", findings=[("Identity", "running", "required")]
        )
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        assert 'hx-trigger="every 1s"' in page
        assert "Reload to see the newest state" in page
        assert "Checking… 0 of 1 checks are over." in page
        assert "data-watch" not in page

    def test_a_waiting_test_shows_what_it_will_ask(self, project, storage, as_owner):
        test = services.request_test(custom_storage=storage, asked_by="somebody")
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        assert "Waiting for a free worker." in page
        assert 'id="check-write" data-state="waiting"' in page

    def test_a_row_that_waits_to_be_run_again_leaves_the_others_as_they_were(
        self, project, storage, failed, as_owner
    ):
        test = services.request_test(custom_storage=storage, asked_by="somebody", again="write")
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        assert 'id="check-write" data-state="waiting"' in page
        assert 'id="check-identity" data-state="failed"' in page

    def test_rows_answer_204_until_something_changes_and_286_at_the_end(
        self, project, storage, as_owner
    ):
        test = make_connection_test(
            storage, state="running", findings=[("Identity", "running", "required")]
        )
        rows = address("storage_test_rows", project, storage.pk, test.pk)
        first = as_owner.get(rows)
        assert first.status_code == 200
        assert 'id="live"' not in first.text
        seen = first.text.partition("?seen=")[2].partition("&amp;")[0]
        assert as_owner.get(rows, {"seen": seen}).status_code == 204
        test.findings.update(state="passed")
        assert as_owner.get(rows, {"seen": seen}).status_code == 200
        ConnectionTest.objects.update(state="passed", finished_at=test.created_at)
        last = as_owner.get(rows, {"seen": seen})
        assert last.status_code == 286
        assert last["HX-Trigger"] == "test-over"
        assert "every 1s" not in last.text
        assert "Connected. 1 of 1 checks passed." in last.text.partition('id="live"')[2]

    @pytest.mark.parametrize(
        ("uses", "mode", "missing"),
        [
            (["verify"], "private", "verify, restore"),
            (["verify", "remove"], "policy", "public links, verify, restore, deletion sync"),
        ],
    )
    def test_a_test_with_limits_names_what_is_missed(
        self, uses, mode, missing, project, storage, as_owner
    ):
        storage.uses, storage.public_mode = uses, mode
        storage.access_changed_at = datetime(2020, 1, 1, tzinfo=UTC)
        storage.save()
        findings = [("Read", "failed", "advised")]
        if mode == "policy":
            findings += [("Public", "failed", "advised"), ("Delete", "failed", "advised")]
        test = make_connection_test(storage, state="limited", findings=findings)
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        checks = "1 check" if len(findings) == 1 else "3 checks"
        banner = f"Copies go through; {missing} will not until you fix {checks}."
        assert f"Works, with limits. {banner}" in page

    def test_of_settings_that_were_changed_since_is_not_shown_as_the_state(
        self, project, storage, as_owner
    ):
        make_connection_test(storage)
        storage.access_changed_at = timezone.now()
        storage.save()
        page = as_owner.get(address("storage", project, storage.pk)).text
        assert "Connected. 1 of 1 checks passed." not in page
        assert "Not run yet. Run the test" in page

    def test_a_green_test_is_not_watched(self, project, storage, as_owner):
        test = make_connection_test(storage)
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        assert "Connected. 1 of 1 checks passed." in page
        assert "every" not in page.partition('id="test"')[2]

    def test_an_older_test_is_neither_watched_nor_run_again(
        self, project, storage, failed, as_owner
    ):
        make_connection_test(storage)
        page = as_owner.get(address("storage_test", project, storage.pk, failed.pk)).text
        assert "This is an older test." in page
        assert "Run again" not in page
        assert "data-watch" not in page

    def test_repeats_do_not_make_it_old(self, project, storage, failed, as_owner):
        repeat = make_connection_test(storage, state="failed", findings=FAILED)
        ConnectionTest.objects.filter(pk=repeat.pk).update(is_repeat=True)
        page = words(as_owner.get(address("storage_test", project, storage.pk, failed.pk)))
        assert "This is an older test." not in page
        assert "with the same result." in page
        assert f'name="last" value="{repeat.pk}"' in page

    def test_a_viewer_may_read_and_nothing_else(self, project, storage, failed, as_viewer):
        page = as_viewer.get(address("storage_test", project, storage.pk, failed.pk)).text
        assert "Paste the policy." in page
        assert "Run again" not in page
        assert "data-watch" not in page

    def test_the_test_of_another_storage_is_not_found(self, project, storage, as_owner):
        test = make_connection_test(make_custom_storage(project))
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk))
        assert page.status_code == 404

    def test_a_reading_of_the_checklist_is_no_test(self, project, storage, as_owner):
        test = make_connection_test(storage)
        ConnectionTest.objects.update(kind="checklist")
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk))
        assert page.status_code == 404


class TestAgain:
    def test_runs_one_row_again(self, project, storage, failed, as_owner):
        response = as_owner.post(
            address("storage_test_start", project, storage.pk), {"again": "write"}
        )
        test = ConnectionTest.objects.first()
        assert (test.again, test.asked_by) == ("write", "owner@example.com")
        assert response["Location"] == address("storage_test", project, storage.pk, test.pk)

    def test_with_a_script_the_rows_change_in_their_place(self, project, storage, failed, as_owner):
        part = as_owner.post(
            address("storage_test_start", project, storage.pk), {"again": "write"}, headers=HTMX
        )
        assert part.status_code == 200
        assert "<html" not in part.text
        assert 'hx-trigger="every 1s"' in part.text
        assert 'aria-disabled="true"' in part.text

    def test_who_has_stopped_the_watch_is_not_watched_again(
        self, project, storage, failed, as_owner
    ):
        for told, goes_on in (("off", "watch=off"), ("on", "watch=on")):
            part = as_owner.post(
                address("storage_test_start", project, storage.pk),
                {"again": "write", "watch": told},
                headers=HTMX,
            )
            assert goes_on in part.text

    def test_a_check_that_is_unknown_is_simply_the_whole_test(self, project, storage, as_owner):
        response = as_owner.post(
            address("storage_test_start", project, storage.pk), {"again": "<script>" * 9}
        )
        assert response.status_code == 302

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_too_many_tests_are_told_calmly(
        self, headers, project, storage, failed, as_owner, monkeypatch
    ):
        monkeypatch.setattr(services, "_MAX_TESTS_OF_PROJECT", 1)
        response = as_owner.post(
            address("storage_test_start", project, storage.pk), headers=headers
        )
        text = response.text or str(list(get_messages(response.wsgi_request)))
        assert "asked for very many tests" in text
        assert "again in 10 min." in text
        assert "data-watch" not in text
        assert 'role="alert"' not in text


class TestWatch:
    def ask(self, client, project, storage, test, *, on="storage_test", **data):
        where = address("storage_test_watch", project, storage.pk, test.pk)
        args = [storage.pk] if on == "storage" else [storage.pk, test.pk]
        page = f"http://localhost:8000{address(on, project, *args)}"
        return client.post(where, data, headers=HTMX | {"HX-Current-URL": page})

    def test_orders_a_test_when_the_last_is_ten_seconds_old(
        self, project, storage, failed, as_owner
    ):
        answer = self.ask(as_owner, project, storage, failed, last=failed.pk)
        assert answer.status_code == 204
        ordered = ConnectionTest.objects.first()
        assert ordered.pk != failed.pk
        assert (ordered.trigger, ordered.state) == ("watch", "waiting")

    def test_waits_for_the_test_that_is_under_way(self, project, storage, failed, as_owner):
        for _ in range(3):
            answer = self.ask(as_owner, project, storage, failed, last=failed.pk)
            assert answer.status_code == 204
        assert ConnectionTest.objects.count() == 2

    def test_many_pages_make_no_more_tests(self, project, storage, failed, as_owner):
        ConnectionTest.objects.update(finished_at=timezone.now() - timedelta(seconds=9))
        for _ in range(3):
            answer = self.ask(as_owner, project, storage, failed, last=failed.pk)
            assert answer.status_code == 204
        assert ConnectionTest.objects.count() == 1

    def test_the_page_turns_green_when_a_test_passed(self, project, storage, failed, as_owner):
        passed = make_connection_test(storage)
        answer = self.ask(as_owner, project, storage, failed)
        assert answer.status_code == 200
        assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#test", "outerHTML")
        assert answer["HX-Trigger"] == "test-over"
        here = address("storage_test", project, storage.pk, passed.pk)
        assert answer["HX-Replace-Url"] == here
        assert "Connected. 1 of 1 checks passed." in answer.text.partition('id="live"')[2]
        assert "data-watch" not in answer.text

    def test_all_that_the_page_says_of_the_storage_turns_green_with_it(
        self, project, storage, failed, as_owner
    ):
        circuit.open_(storage, reason="AccessDenied")
        make_connection_test(storage, state="failed")
        broken = words(self.ask(as_owner, project, storage, failed, on="storage"))
        assert "has failed its check since" in broken.partition('id="broken" hx-swap-oob="true"')[2]
        assert "Parked since" in broken.partition('id="standing"')[2]
        circuit.close(storage, why="a test")
        make_connection_test(storage)
        green = words(self.ask(as_owner, project, storage, failed, on="storage"))
        assert "has failed its check" not in green
        assert "Parked since" not in green
        assert "Connected" in green.partition(f'id="state-{storage.pk}"')[2]

    def test_a_page_without_those_parts_gets_none_of_them(self, project, storage, failed, as_owner):
        """A part without a place would be an error in the browser's console."""
        make_connection_test(storage)
        green = self.ask(as_owner, project, storage, failed).text
        assert 'id="test"' in green
        assert f'id="state-{storage.pk}"' not in green
        assert 'id="standing"' not in green

    def test_another_page_keeps_its_address(self, project, storage, failed, as_owner):
        make_connection_test(storage)
        where = address("storage_test_watch", project, storage.pk, failed.pk)
        page = f"http://localhost:8000{address('storage', project, storage.pk)}"
        answer = as_owner.post(where, headers=HTMX | {"HX-Current-URL": page})
        assert "HX-Replace-Url" not in answer

    def test_another_failure_is_news_too(self, project, storage, failed, as_owner):
        found = (("Identity", "passed", "required"), ("Write", "failed", "required"))
        make_connection_test(storage, state="failed", findings=found)
        answer = self.ask(as_owner, project, storage, failed)
        assert "Start with “Write”" in answer.text.partition('id="live"')[2]
        assert "data-watch" in answer.text

    def test_the_same_failure_changes_only_the_time(self, project, storage, failed, as_owner):
        same = make_connection_test(storage, state="failed", findings=FAILED)
        ConnectionTest.objects.filter(pk=same.pk).update(is_repeat=True, finished_at=timezone.now())
        answer = self.ask(as_owner, project, storage, failed, last=failed.pk)
        assert answer.status_code == 200
        assert "HX-Retarget" not in answer
        assert "with the same result." in words(answer)
        assert 'id="live"' not in answer.text
        assert self.ask(as_owner, project, storage, failed, last=same.pk).status_code == 204

    def test_too_many_tests_end_it_calmly(self, project, storage, failed, as_owner, monkeypatch):
        monkeypatch.setattr(services, "_MAX_TESTS_OF_PROJECT", 1)
        ConnectionTest.objects.update(created_at=timezone.now())
        answer = self.ask(as_owner, project, storage, failed)
        assert answer["HX-Retarget"] == "#test"
        assert "Run the test again in 10 min." in words(answer)
        assert "data-watch" not in answer.text

    def test_stop_ends_it_and_it_can_begin_again(self, project, storage, failed, as_owner):
        page = address("storage_test", project, storage.pk, failed.pk)
        rows = address("storage_test_rows", project, storage.pk, failed.pk)
        for where in (page, rows):
            stopped = as_owner.get(where, {"watch": "off"}).text
            assert "data-watch" not in stopped
            assert "Check again every 10 s" in stopped
            assert "data-watch" in as_owner.get(where, {"watch": "on"}).text

    def test_the_health_of_a_storage_that_works_with_limits_is_watched_only_if_asked(
        self, project, storage, as_owner
    ):
        make_connection_test(storage, state="limited", findings=[("Read", "failed", "advised")])
        page = address("storage", project, storage.pk)
        assert "data-watch" not in as_owner.get(page).text
        assert "data-watch" in as_owner.get(page, {"watch": "on"}).text

    def test_a_storage_that_is_gone_is_not_watched(self, project, storage, failed, as_owner):
        services.disconnect(custom_storage=storage, actor="somebody")
        assert self.ask(as_owner, project, storage, failed).status_code == 404
