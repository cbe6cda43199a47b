"""What the database counts while rows come, change and go, whoever writes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from storages_app.models import File, Group, Tally, counting
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


def counts(project):
    return tuple(Tally.objects.of(project).values())[:4]


def raw(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


class TestCounting:
    def test_a_new_project_has_nothing(self, project):
        assert Tally.objects.of(project) == {
            "n_stored": 0,
            "n_unstored": 0,
            "n_removed": 0,
            "n_groups": 0,
            "n_bytes": 0,
        }

    def test_files_and_groups_are_counted_by_what_they_are(self, project):
        file = make_file(project)
        make_file(project, stored_at=None)
        make_file(project, stored_at=None)
        make_file(project, stored_at=None, removed_at=timezone.now())
        make_group(project, file)
        assert counts(project) == (1, 2, 1, 1)

    def test_bytes_are_those_of_files_that_are_not_removed(self, project):
        def n_bytes():
            return Tally.objects.of(project)["n_bytes"]

        file = make_file(project, b"12345")
        make_file(project, b"123", stored_at=None)
        make_file(project, b"1", stored_at=None, removed_at=timezone.now())
        assert n_bytes() == 8
        File.objects.filter(pk=file.pk).update(size=50)
        assert n_bytes() == 53
        File.objects.filter(pk=file.pk).update(stored_at=None, removed_at=timezone.now())
        assert n_bytes() == 3

    def test_those_of_another_project_are_its_own(self, project):
        make_group(make_project(), make_file(make_project()))
        assert counts(project) == (0, 0, 0, 0)

    def test_many_at_once_are_counted_for_each_project(self, project):
        other = make_project()
        rows = [make_file(project), make_file(other), make_file(other)]
        File.objects.all().delete()
        assert (counts(project), counts(other)) == ((0, 0, 0, 0), (0, 0, 0, 0))
        File.objects.bulk_create(rows)
        assert (counts(project), counts(other)) == ((1, 0, 0, 0), (2, 0, 0, 0))

    def test_a_file_changes_its_column_when_it_is_stored_and_removed(self, project):
        file = make_file(project, stored_at=None)
        File.objects.filter(pk=file.pk).update(stored_at=timezone.now())
        assert counts(project) == (1, 0, 0, 0)
        File.objects.filter(pk=file.pk).update(stored_at=None, removed_at=timezone.now())
        assert counts(project) == (0, 0, 1, 0)

    def test_other_changes_count_nothing(self, project):
        file = make_file(project)
        n_rows = Tally.objects.count()
        file.save()
        File.objects.update(stored_at=timezone.now(), is_backup_ordered=True)
        assert counts(project) == (1, 0, 0, 0)
        assert Tally.objects.count() == n_rows

    def test_a_group_that_is_removed_counts_no_more(self, project):
        group = make_group(project, make_file(project))
        Group.objects.update(removed_at=timezone.now())
        assert counts(project) == (1, 0, 0, 0)
        group.delete()
        assert counts(project) == (1, 0, 0, 0)

    def test_an_operators_sql_is_counted_as_well(self, project):
        file = make_file(project)
        raw("UPDATE storages_app_file SET stored_at = NULL")
        assert counts(project) == (0, 1, 0, 0)
        raw("DELETE FROM storages_app_file WHERE uuid = %s", file.pk.hex)
        assert counts(project) == (0, 0, 0, 0)

    def test_what_is_rolled_back_was_never_counted(self, project):
        with transaction.atomic():
            make_file(project)
            transaction.set_rollback(True)
        assert counts(project) == (0, 0, 0, 0)

    def test_a_project_can_go_with_its_rows(self, project):
        make_file(project).delete()
        project.delete()
        assert not Tally.objects.filter(project=project.pk).exists()


class TestFolding:
    def test_makes_one_row_of_many_and_changes_no_count(self, project):
        make_file(project)
        Tally.objects.create(project=project, n_stored=2, n_removed=-1)
        Tally.objects.create(project=project, n_stored=-1, n_groups=3)
        before = counts(project)
        assert Tally.objects.fold() >= 3
        assert counts(project) == before == (2, 0, -1, 3)
        assert Tally.objects.filter(project=project).count() == 1
        assert Tally.objects.fold() == 0

    def test_takes_more_rows_than_one_transaction_does(self, project, monkeypatch):
        monkeypatch.setattr("storages_app.models.tallies._FOLDED_AT_ONCE", 3)
        Tally.objects.bulk_create(Tally(project=project, n_stored=1) for _ in range(10))
        Tally.objects.fold()
        assert Tally.objects.get().n_stored == 10

    def test_leaves_other_projects_alone(self, project):
        other = Tally.objects.create(project=make_project(), n_stored=5)
        Tally.objects.bulk_create(Tally(project=project) for _ in range(2))
        Tally.objects.fold()
        assert Tally.objects.get(pk=other.pk).n_stored == 5


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_uploads_and_folding_at_the_same_time_lose_no_count():
    project = make_project()

    def work(number):
        try:
            for n in range(20):
                make_file(project, stored_at=None if n % 2 else timezone.now())
                Tally.objects.fold()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counts(project) == (40, 40, 0, 0)


class TestTriggers:
    def test_are_laid_again_with_a_new_count_where_a_migration_lost_them(self, project):
        """SQLite makes a table anew to alter it, and drops its triggers."""
        counting.remove_triggers(connection)
        make_file(project)
        make_group(project)
        assert counts(project) == (0, 0, 0, 0)
        call_command("migrate", verbosity=0)
        assert counts(project) == (1, 0, 0, 1)
        make_file(project)
        assert counts(project) == (2, 0, 0, 1)

    def test_that_are_there_are_left_as_they_are(self, project):
        Tally.objects.create(project=project, n_stored=7)
        counting.lay_triggers()
        assert counts(project) == (7, 0, 0, 0)

    def test_are_not_laid_where_there_is_no_table_for_them(self, monkeypatch, project):
        counting.remove_triggers(connection)
        monkeypatch.setattr(counting, "_TALLY", "no_such_table")
        counting.lay_triggers()
        make_file(project)
        assert counts(project) == (0, 0, 0, 0)

    def test_are_not_needed_to_count_anew(self, project):
        make_group(project, make_file(project))
        Tally.objects.update(n_stored=100, n_groups=-3)
        counting.recount()
        assert counts(project) == (1, 0, 0, 1)
