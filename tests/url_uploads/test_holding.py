"""Who fetches what: claims, leases, fences, ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.models import UrlUpload
from storages_app.models.fields import db_now
from storages_app.url_uploads import holding, tasks
from storages_app.url_uploads.holding import LostFetch
from tests.factories import make_file, make_project, make_url_upload

pytestmark = pytest.mark.django_db
URL = "https://files.example/a.jpg?signature=t0ps3cret"


def claim(at_most=1):
    return [hold.url_upload for hold in holding.claim(at_most=at_most)]


def let_expire(row):
    UrlUpload.objects.filter(pk=row.pk).update(lease_until=db_now() - timedelta(seconds=1))


class TestClaim:
    def test_takes_what_is_due_once(self, project):
        row = make_url_upload(project)
        later = make_url_upload(project, run_after=timezone.now() + timedelta(hours=1))
        (mine,) = claim(5)
        assert mine == row
        assert (mine.state, mine.attempts, mine.fence, mine.run_after) == ("running", 1, 1, None)
        assert claim(5) == []
        later.refresh_from_db()
        assert later.state == "waiting"

    def test_takes_over_from_who_has_died(self, project):
        make_url_upload(project)
        (mine,) = claim()
        assert claim() == []
        let_expire(mine)
        (theirs,) = claim()
        assert theirs == mine
        assert (theirs.fence, theirs.attempts) == (2, 2)

    def test_gives_each_project_its_turn(self, settings):
        settings.FETCHES_OF_A_PROJECT = 3
        busy, quiet = make_project(), make_project()
        for _ in range(5):
            make_url_upload(busy)
        for _ in range(2):
            make_url_upload(quiet)
        assert [row.project for row in claim(4)] == [busy, quiet, busy, quiet]
        assert [row.project for row in claim(4)] == [busy]
        assert claim(4) == []

    def test_who_died_does_not_count_as_busy(self, project, settings):
        settings.FETCHES_OF_A_PROJECT = 1
        make_url_upload(project)
        make_url_upload(project)
        (first,) = claim(2)
        assert claim(2) == []
        let_expire(first)
        assert len(claim(2)) == 1

    def test_of_two_only_one_has_it(self, project, monkeypatch):
        """Another worker claims between this one's look and its claim."""
        row = make_url_upload(project)
        due = holding._due
        stolen = []

        def steal():
            if len(stolen) == 1:  # the second time it is asked for: in the claim itself
                UrlUpload.objects.filter(pk=row.pk).update(
                    state="running",
                    run_after=None,
                    lease_until=db_now() + timedelta(minutes=1),
                    fence=1,
                )
            stolen.append(row)
            return due()

        monkeypatch.setattr(holding, "_due", steal)
        assert claim(3) == []
        row.refresh_from_db()
        assert (row.fence, row.attempts) == (1, 0)


class TestRenew:
    def test_prolongs_and_tells(self, project, settings):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        let_expire(hold.url_upload)
        hold.count(1000)
        hold.n_total = 5000
        holding.renew([hold])
        row = UrlUpload.objects.get()
        assert (row.n_bytes_done, row.n_bytes_total) == (1000, 5000)
        assert row.lease_until > timezone.now() + settings.LEASE / 2
        assert not hold.is_lost

    def test_notes_what_is_lost_and_its_thread_hears_of_it(self, project):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        let_expire(hold.url_upload)
        (theirs,) = holding.claim(at_most=1)
        holding.renew([hold, theirs])
        assert hold.is_lost
        assert not theirs.is_lost
        theirs.count(1)
        with pytest.raises(LostFetch):
            hold.count(1)


class TestEnds:
    def test_a_failure_is_told_and_the_address_forgotten(self, project):
        make_url_upload(project, URL)
        (hold,) = holding.claim(at_most=1)
        holding.fail(hold, "DownloadFileError", "x" * 999)
        row = UrlUpload.objects.get()
        assert (row.state, row.error_code, row.error) == ("failed", "DownloadFileError", "x" * 300)
        assert (row.lease_until, row.run_after) == (None, None)
        assert row.finished_at
        assert (row.source_url, row.sealed_url) == ("//files.example", "")

    def test_a_file_ends_it(self, project):
        make_url_upload(project, URL)
        (hold,) = holding.claim(at_most=1)
        hold.count(10)
        file = make_file(project)
        holding.finish(hold, file)
        row = UrlUpload.objects.get()
        assert (row.state, row.file, row.n_bytes_done) == ("done", file, 10)
        assert (row.source_url, row.sealed_url) == ("//files.example", "")

    def test_who_has_lost_it_ends_nothing(self, project):
        make_url_upload(project, URL)
        (hold,) = holding.claim(at_most=1)
        let_expire(hold.url_upload)
        holding.claim(at_most=1)
        with pytest.raises(LostFetch):
            holding.fail(hold, "DownloadFileError", "x")
        with pytest.raises(LostFetch):
            holding.finish(hold, make_file(project))
        assert holding.try_later(hold)
        holding.give_back(hold)
        row = UrlUpload.objects.get()
        assert (row.state, row.fence, row.attempts) == ("running", 2, 2)
        assert row.unseal_url() == URL

    def test_what_is_given_back_was_no_attempt(self, project):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        holding.give_back(hold)
        row = UrlUpload.objects.get()
        assert (row.state, row.attempts, row.lease_until) == ("waiting", 0, None)
        assert claim() == [row]
        with pytest.raises(LostFetch):
            holding.fail(hold, "DownloadFileError", "of the past")

    def test_faults_of_ours_have_three_attempts(self, project):
        make_url_upload(project)
        for attempt in (1, 2, 3):
            UrlUpload.objects.filter(run_after__isnull=False).update(run_after=db_now())
            (hold,) = holding.claim(at_most=1)
            assert holding.try_later(hold) is (attempt < 3)
            if attempt < 3:
                assert claim() == [], "it waits before it is tried again"


class TestForget:
    def test_drops_what_is_old_and_keeps_what_duplicates_ask_for(self, project):
        before = timezone.now() - timedelta(days=7)
        old, young = before - timedelta(minutes=1), before + timedelta(minutes=1)
        ended = {"run_after": None, "finished_at": old}
        there, gone = make_file(project), make_file(project, removed_at=old, stored_at=None)
        make_url_upload(project, state="failed", **ended)
        make_url_upload(project, state="done", file=there, **ended)
        make_url_upload(project, state="done", file=gone, is_remembered=True, **ended)
        kept = {
            make_url_upload(project),
            make_url_upload(project, state="failed", **(ended | {"finished_at": young})),
            make_url_upload(project, state="done", file=there, is_remembered=True, **ended),
        }
        tasks.forget()
        assert set(UrlUpload.objects.all()) == kept
