"""Pages of long lists: what they ask the database, wherever they lie."""

import re
from datetime import UTC

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.models import Project
from tests.api.conftest import make_rest

pytestmark = pytest.mark.django_db

LISTS = {
    "/files/?": "file_list",
    "/files/?stored=true": "file_list_stored",
    "/files/?stored=false": "file_list_unstored",
    "/files/?removed=true": "file_list_removed",
    "/files/?removed=true&stored=false": "file_list_removed",
    "/groups/?": "group_list",
}
PLACES = ("", "&from={middle}", "&to={middle}", "&from={start}&to={end}", "&offset=300")


@pytest.fixture
def rest():
    """To a project with files of each kind, the oldest removed and the newest stored."""
    call_command("seed", files=4_000, removed=1_000, unstored=1_000, groups=1_000, verbosity=0)
    rest = make_rest(Project.objects.get())
    rest.get("/project/")  # the use of the key is noted now
    return rest


def addresses(rest, address):
    """The list's pages in both orders: the first, in the middle, between two times, with offset."""
    field = "datetime_created" if "groups" in address else "datetime_uploaded"
    everything = rest.get(f"{address}&limit=1000").json()["results"]
    first, middle, last = (everything[n][field] for n in (0, 500, -1))
    for order, start, end in (("", first, last), ("-", last, first)):
        for place in PLACES:
            query = place.format(middle=middle, start=start, end=end)
            yield f"{address}&ordering={order}{field}{query}"


def asked(rest, address):
    """The page, and the SQL that it took."""
    with CaptureQueriesContext(connection) as queries:
        page = rest.get(address).json()
    return page, [query["sql"] for query in queries]


def plan(sql):
    """How the database goes about it. PostgreSQL would rather read a table as small as this."""
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"{explain} {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize(("address", "index"), LISTS.items())
def test_every_page_is_read_from_the_lists_own_index_without_sorting(rest, address, index):
    for page_address in addresses(rest, address):
        page, queries = asked(rest, page_address)
        assert page["results"]
        pages = [sql for sql in queries if re.search(r'FROM "storages_app_(file|group)"', sql)]
        assert pages
        for sql in pages:
            assert "ORDER BY" in sql  # else PostgreSQL may walk through a table of any size
            assert re.search(rf"\b{index}\b", plan(sql)), (page_address, plan(sql))
            assert not re.search("sort|b-tree", plan(sql), re.IGNORECASE), (sql, plan(sql))


@pytest.mark.parametrize("address", LISTS)
def test_no_page_takes_more_queries_than_six(rest, address):
    for page_address in addresses(rest, address):
        for limit in (1, 100, 1000):
            _, queries = asked(rest, f"{page_address}&limit={limit}")
            assert len(queries) <= 6


def test_totals_are_read_and_not_counted(rest):
    page, queries = asked(rest, "/files/")
    assert (page["total"], page["totals"]["removed"]) == (3_000, 1_000)
    assert not any("COUNT(" in sql for sql in queries)


def test_nothing_is_removed_and_stored_so_nobody_looks(rest):
    page, queries = asked(rest, "/files/?removed=true&stored=true")
    assert (page["results"], page["total"], page["next"], page["previous"]) == ([], 0, None, None)
    assert not any('FROM "storages_app_file"' in sql for sql in queries)


def test_a_cursor_is_a_time_and_shows_nothing_of_another_project(rest):
    """Another project's cursor is only a moment: the page holds the asker's own files."""
    call_command("seed", files=3, verbosity=0)
    other = Project.objects.latest("pk")
    foreign = other.files.order_by("uploaded_at")
    moment = foreign[1].uploaded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found = set()
    for cursor in ("from", "to"):
        page = rest.get(f"/files/?{cursor}={moment}&limit=1000").json()
        assert page["total"] == 3_000
        found |= {item["uuid"] for item in page["results"]}
    assert found
    assert not found & {str(file.pk) for file in foreign}
