"""An address is ordered; what can be told at once is told at once."""

import uuid

import pytest
from django.db import connection
from django.utils import timezone

from storages_app.library import services as library
from storages_app.models import File, UrlUpload
from storages_app.uploads.errors import MetadataKeyForbidden
from storages_app.url_uploads import errors, services
from tests.factories import make_file, make_project, make_url_upload

pytestmark = pytest.mark.django_db
URL = "https://files.example/a.jpg?token=t0ps3cret"


@pytest.fixture(autouse=True)
def _names(resolver):
    resolver["files.example"] = [["8.8.8.8"]]


def fetched(project, url=URL, *, remembered=True, **fields):
    """A fetch that has ended well, and its file."""
    file = fields.pop("file", None) or make_file(project)
    ordered = services.order(project=project, source_url=url, save_duplicates=remembered, **fields)
    UrlUpload.objects.filter(pk=ordered.pk).update(
        state="done", run_after=None, file=file, finished_at=timezone.now()
    )
    return file


class TestOrder:
    def test_puts_the_address_into_the_ledger_and_wakes_a_worker(
        self, project, monkeypatch, django_capture_on_commit_callbacks
    ):
        woken = []
        monkeypatch.setattr(services, "wake", woken.append)
        with django_capture_on_commit_callbacks(execute=True):
            ordered = services.order(
                project=project,
                source_url=f" {URL} ",
                store="1",
                filename="C:\\temp\\my photo.jpg",
                metadata={"pet": "cat"},
            )
        assert woken == ["url_uploads.drain"]
        row = UrlUpload.objects.get()
        assert row == ordered
        assert (row.state, row.attempts, row.file) == ("waiting", 0, None)
        assert row.unseal_url() == URL
        assert (row.store, row.original_filename) == ("1", "my photo.jpg")
        assert row.metadata == {"pet": "cat"}
        assert not row.is_remembered

    @pytest.mark.parametrize(
        ("url", "error"),
        [
            ("", errors.SourceUrlRequired),
            ("https://10.0.0.1/", errors.PrivateAddress),
            ("https://nowhere.example/", errors.HostUnknown),
            ("https://files.example:22/", errors.SourceForbidden),
        ],
    )
    def test_keeps_nothing_of_what_it_refuses(self, project, url, error):
        with pytest.raises(error):
            services.order(project=project, source_url=url)
        assert not UrlUpload.objects.exists()

    def test_refuses_bad_metadata_before_it_asks_anybody(self, project, monkeypatch):
        monkeypatch.setattr(services.addresses, "check", lambda address: pytest.fail("asked"))
        with pytest.raises(MetadataKeyForbidden):
            services.order(project=project, source_url=URL, metadata={"ä": "x"})

    def test_takes_only_so_many_of_a_project(self, project, settings):
        settings.FETCHES_WAITING = 2
        for _ in range(2):
            services.order(project=project, source_url=URL)
        with pytest.raises(errors.TooManyFetches):
            services.order(project=project, source_url=URL)
        services.order(project=make_project(), source_url=URL)
        UrlUpload.objects.filter(project=project).update(
            state="running", run_after=None, lease_until=timezone.now()
        )
        services.order(project=project, source_url=URL)

    def test_what_the_address_holds_waits_sealed(self, project):
        """S113: the host is readable, and all of it is what a worker fetches after a restart."""
        url = "https://files.example/t0ps3cret/a.jpg?token=t0ps3cret"
        services.order(project=project, source_url=url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM storages_app_urlupload")
            assert "t0ps3cret" not in repr(cursor.fetchall())
        row = UrlUpload.objects.get()
        assert (row.source_url, row.host) == ("//files.example", "files.example")
        assert row.unseal_url() == url

    def test_a_name_that_is_too_long_is_cut(self, project):
        ordered = services.order(
            project=project, source_url=URL, filename="n" * 999, store="x" * 99
        )
        ordered.refresh_from_db()
        assert (len(ordered.original_filename), len(ordered.store)) == (255, 10)


class TestDuplicates:
    def test_are_found_by_the_address(self, project):
        file = fetched(project)
        again = services.order(
            project=project,
            source_url="https://FILES.example:443/a.jpg?token=t0ps3cret",
            check_duplicates=True,
        )
        assert again == file

    def test_are_not_looked_for_unasked(self, project):
        fetched(project)
        assert isinstance(services.order(project=project, source_url=URL), UrlUpload)

    def test_are_those_of_the_same_project_that_were_remembered_and_are_there(self, project):
        def look(project=project, url=URL):
            return services.order(project=project, source_url=url, check_duplicates=True)

        fetched(project, remembered=False)
        assert isinstance(look(), UrlUpload)
        file = fetched(project)
        assert look() == file
        assert isinstance(look(url=f"{URL}x"), UrlUpload)
        assert isinstance(look(make_project()), UrlUpload)
        newer = fetched(project)
        assert look() == newer
        library.delete(file=newer, actor="a test")
        assert look() == file
        library.delete(file=file, actor="a test")
        assert isinstance(look(), UrlUpload)

    @pytest.mark.parametrize(
        ("check", "save", "remembered"),
        [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
    )
    def test_are_remembered_as_asked_or_as_they_were_looked_for(
        self, project, check, save, remembered
    ):
        ordered = services.order(
            project=project, source_url=URL, check_duplicates=check, save_duplicates=save
        )
        assert ordered.is_remembered is remembered

    @pytest.mark.parametrize(("store", "is_stored"), [("1", True), ("0", False), ("auto", False)])
    def test_are_kept_for_whoever_wants_to_keep_them(self, project, store, is_stored):
        file = make_file(project, stored_at=None)
        fetched(project, file=file)
        again = services.order(project=project, source_url=URL, check_duplicates=True, store=store)
        assert again == file
        assert again.is_stored is is_stored
        assert File.objects.get().is_stored is is_stored

    def test_are_not_looked_for_at_forbidden_addresses(self, project, resolver):
        fetched(project)
        resolver["files.example"] = [["10.0.0.1"]]
        with pytest.raises(errors.PrivateAddress):
            services.order(project=project, source_url=URL, check_duplicates=True)


class TestStatusOf:
    def test_knows_its_tokens(self, project):
        row = make_url_upload(project)
        assert services.status_of(token=row.token) == row
        assert services.status_of(token=uuid.uuid4()) is None
