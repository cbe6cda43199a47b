"""Lists that a link or a filter loads anew in their place, and that are pages without scripts."""

import re

import pytest
from django.utils import timezone

from storages_app.models import Difference, Event
from tests.dashboard.test_who_sees_what import address_of
from tests.factories import make_incident

pytestmark = pytest.mark.django_db

LATER, MANY = "2100-01-01T00:00:00+00:00", "999999999"
LISTS = {
    "files": ("list", LATER),
    "activity": ("list", MANY),
    "jobs": ("jobs", f"{LATER}~0~1"),
    "copies": ("copies", MANY),
    "storage_copies": ("list", MANY),
    "storage_check": ("list", MANY),
    "webhook": ("deliveries", LATER),
    "notification_channel": ("deliveries", MANY),
    "notifications": ("list", MANY),
}
every_list = pytest.mark.parametrize("name", LISTS)


@pytest.fixture
def page(everything, as_owner):
    """A list on which something newer is said to be, so that it has links to other pages."""
    make_incident(everything.project, ended_at=timezone.now())
    Event.objects.record("file.stored", project=everything.project, actor="a test", subject="a.txt")
    Difference.objects.create(
        reconciliation=everything.reconciliation, key="a.txt", kind=Difference.Kind.MISSING
    )

    def get(name):
        answer = as_owner.get(address_of(name, everything), {"before": LISTS[name][1]})
        assert answer.status_code == 200
        return answer.text

    return get


def links_in(page):
    """The attributes of each link of the pager."""
    pager = re.search(r'<nav class="pager".*?</nav>', page, re.DOTALL)
    assert pager, page
    return [
        dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<a [^>]*>", pager[0])
    ]


@every_list
def test_a_link_to_another_page_loads_the_list_alone_where_scripts_run(name, page):
    part = LISTS[name][0]
    (link,) = links_in(page(name))
    assert link["href"] == link["hx-get"]
    assert "after=" in link["href"]
    assert link["hx-target"] == link["hx-select"] == f"#{part}"
    assert link["hx-push-url"] == "true"


@every_list
def test_such_a_list_can_have_the_focus_has_a_name_and_grey_rows_for_the_while(name, page):
    part, text = LISTS[name][0], page(name)
    found = re.search(rf'<section id="{part}"(.*?)<div class="grey-rows"', text, re.DOTALL)
    assert found, text
    assert 'class="card loads"' in found[1]
    assert 'tabindex="-1"' in found[1]
    named_by = re.search(r'aria-labelledby="([^"]+)"', found[1])
    assert "aria-label=" in found[1] or (named_by and f'id="{named_by[1]}"' in text)


@pytest.mark.parametrize(
    ("name", "part"), [("files", "list"), ("activity", "list"), ("copies", "copies")]
)
def test_a_filter_loads_the_list_alone_with_all_that_depends_on_it(name, part, page):
    text = page(name)
    (tag,) = re.findall(rf'<form method="get"[^>]*hx-target="#{part}"[^>]*>', text)
    form = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    assert form["hx-select"] == f"#{part}"
    assert form["hx-push-url"] == "true"
    assert form["hx-get"].endswith(f"/{name}/")
    for beside in ("list-actions", "list-clear"):
        assert f"#{beside}:innerHTML" in form["hx-select-oob"]
        assert f'id="{beside}"' in text


@pytest.mark.parametrize("view", ["", "grid"])
def test_table_and_grid_load_the_list_alone_and_keep_what_was_asked(view, everything, as_owner):
    asked = {"q": everything.file.original_filename[:3]} | ({"view": view} if view else {})
    text = as_owner.get(address_of("files", everything), asked).text
    views = re.search(r'<div class="card-head views">.*?</div>', text, re.DOTALL)[0]
    links = [
        dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<a [^>]*>", views)
    ]
    for link, is_grid in zip(links, (False, True), strict=True):
        assert link["href"] == link["hx-get"]
        assert link["href"].startswith(address_of("files", everything))
        assert "q=" in link["href"]
        assert ("view=grid" in link["href"]) is is_grid
        assert ("aria-current" in link) is (is_grid == (view == "grid"))
    clear = re.search(r'<span id="list-clear">.*?</span>', text, re.DOTALL)[0]
    assert ('name="view" value="grid"' in clear) is (view == "grid")  # a filter keeps the view


def test_no_page_of_a_list_is_kept_by_the_browser(everything, as_owner):
    """htmx would keep what was seen, with names of files; it asks the server anew instead."""
    config = re.search(r"name=\"htmx-config\"\s+content='([^']+)'", as_owner.get("/docs/").text)
    assert '"historyCacheSize": 0' in config[1]
    assert '"refreshOnHistoryMiss": true' in config[1]
