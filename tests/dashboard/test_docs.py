"""The docs inside the product: every page, and every anchor that something links to."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from storages_app.custom_storages.probe import registry
from storages_app.dashboard import check_texts, handbook
from storages_app.objectstores.backends.s3.translation import PROVIDER_CODES
from storages_app.objectstores.providers import all_providers
from tests.dashboard.conftest import new_client
from tests.factories import make_connection_test

# What the row of a check can show: providers' codes, and ours where they give none.
FOUND_BY_WORDS = {
    "InvalidRequest",
    "AuthorizationHeaderMalformed",
    "KMS.DisabledException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
}
OF_BUCKETS = {*PROVIDER_CODES, *FOUND_BY_WORDS, *check_texts.refusals()}


def html_of(path):
    return new_client().get(handbook.address_of(path)).content.decode()


def text_of(page):
    return unescape(re.sub(r"<[^>]*>", "", page.html))


class Ids(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name == "id"]


class TestPages:
    @pytest.mark.django_db
    @pytest.mark.parametrize("path", handbook.sources())
    def test_are_served_to_strangers_with_each_id_once(self, path):
        answer = new_client().get(handbook.address_of(path))
        assert answer.status_code == 200
        ids = Ids(answer.content.decode()).found
        assert len(ids) == len(set(ids))
        assert handbook.page(path).anchors <= set(ids)

    @pytest.mark.django_db
    def test_keep_a_place_for_their_picture_before_it_comes(self):
        (overview,) = re.findall(r'<img[^>]* src="/docs/pictures/[^>]*>', html_of(""))
        assert 'width="1280"' in overview
        assert re.search(r'height="[1-9]\d+"', overview)

    @pytest.mark.django_db
    def test_show_their_reader_the_way_back(self, as_owner):
        assert "Sign out" in as_owner.get("/docs/").content.decode()
        assert "Sign in" in html_of("")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "path",
        [
            "../README",
            "..%2f..%2fREADME",
            "checks/../errors",
            "errors.md",
            "x",
            "/etc/passwd",
            "a" * 9000,
        ],
    )
    def test_that_are_none_are_not_found(self, path):
        assert new_client().get(f"/docs/{path}/").status_code == 404

    def test_that_are_none_are_not_remembered(self):
        known = handbook._made.cache_info().currsize
        for n in range(50):
            assert handbook.page(f"no/such/{n}") is None
        assert handbook._made.cache_info().currsize == known

    @pytest.mark.django_db
    def test_take_nothing(self):
        assert new_client().post("/docs/").status_code == 405

    def test_lead_to_the_reference_of_the_api(self):
        index = html_of("")
        assert '/api/docs/">Open the API reference</a>' in index
        assert "Open the API reference" not in html_of("errors")

    def test_link_only_to_what_is_there(self):
        for path in handbook.sources():
            for link in handbook.page(path).links:
                target, _hash, anchor = link.partition("#")
                assert not anchor or anchor in handbook.page(target).anchors, f"{path} → {link}"

    def test_name_only_files_that_are_there(self):
        for path, source in handbook.sources().items():
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", source.read_text()):
                assert (source.parent / target).exists(), f"docs/{path} links to {target}"


class TestPictures:
    @pytest.mark.django_db
    def test_of_a_page_are_served_to_strangers(self):
        found = re.findall(r'<img src="([^"]+)"', handbook.page("operations/crop").html)
        assert len(found) == 2
        for address in found:
            answer = new_client().get(address)
            assert answer.status_code == 200
            assert answer["Content-Type"] == "image/jpeg"
            assert answer.content[:2] == b"\xff\xd8"

    def test_of_every_page_are_there(self):
        for path, source in handbook.sources().items():
            n_named = len(re.findall(r"!\[[^\]]*\]\(", source.read_text()))
            assert handbook.page(path).html.count("<img ") == n_named, path

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "path", ["x.jpg", "operations/README.md", "../README.md", "..%2f..%2fmanage.py", "crop.jpg"]
    )
    def test_that_are_none_are_not_found(self, path):
        assert new_client().get(f"/docs/pictures/{path}").status_code == 404


class TestRendering:
    def test_shows_html_as_text(self, tmp_path, monkeypatch):
        monkeypatch.setattr(handbook, "sources", lambda: {"page": tmp_path / "page.md"})
        (tmp_path / "page.md").write_text(
            "# T\n\n<script>alert(1)</script> <img src=x onerror=a()>\n\n[a](javascript:alert(1)) "
            "[out](../../etc/passwd) ![far](https://example.com/x.png) ![odd](../page.md)\n\n"
            "```sh\necho '<b>'\n```\n\n| a |\n| --- |\n| `<i>` |\n"
        )
        html = handbook._made.__wrapped__("page").html
        assert "<script" not in html
        assert "<img" not in html
        assert "href=" not in html
        assert "echo &#x27;&lt;b&gt;&#x27;" in html
        assert 'data-copy="code-1"' in html
        assert "<code>&lt;i&gt;</code>" in html

    def test_finds_links_to_pages_beside_and_above(self):
        assert '<a href="/docs/providers/aws/">' in handbook.page("").html
        assert '<a href="/docs/">' in handbook.page("checks/input").html
        assert "README: what it is" in handbook.page("").html, "what is no page stays as text"

    def test_gives_each_code_of_a_heading_an_anchor(self):
        page = handbook.page("checks/write")
        assert {"accessdenied", "slowdown", "toomanyrequests", "timeout"} <= page.anchors
        assert page.html.index('id="accessdenied"') < page.html.index("We may not write")


class TestChecks:
    def test_have_a_page_each_and_no_page_is_left_over(self):
        pages = {path for path in handbook.sources() if path.startswith("checks/")}
        assert pages == {f"checks/{check.check_id}" for check in registry}
        index = handbook.page("checks").links
        assert pages <= index, "docs/checks/README.md lists every check"

    @pytest.mark.parametrize(
        "check",
        sorted(registry, key=lambda check: check.position),
        ids=lambda check: check.check_id,
    )
    def test_have_every_code_and_every_text_on_their_page(self, check):
        page = handbook.page(f"checks/{check.check_id}")
        missing = [code for code in check_texts.codes_of(check) if code.lower() not in page.anchors]
        assert not missing, f"docs/checks/{check.check_id}.md needs a heading with `{missing[0]}`"
        for advice in (
            *check.failures.values(),
            *check.refusals.values(),
            *check.notes.values(),
        ):
            title = check_texts.named(advice).title.replace("`", "")
            assert title in text_of(page), f"docs/checks/{check.check_id}.md: {title}"

    @pytest.mark.parametrize(
        "check",
        sorted(registry, key=lambda check: check.position),
        ids=lambda check: check.check_id,
    )
    def test_have_no_heading_for_a_code_that_there_is_not(self, check):
        source = handbook.sources()[f"checks/{check.check_id}"].read_text()
        known = {code.lower() for code in OF_BUCKETS} | check.refusals.keys() | check.notes.keys()
        for heading in re.findall(r"^##.*$", source, re.MULTILINE):
            for code in re.findall(r"`([^`]+)`", heading):
                assert code.lower() in known, f"docs/checks/{check.check_id}.md speaks of {code}"


class TestContents:
    def test_name_each_part_and_lead_to_it(self):
        page = handbook.page("checks/write")
        assert ("We may not write", "we-may-not-write-accessdenied") in [
            (heading.text, heading.anchor) for heading in page.contents
        ]
        errors = {heading.anchor: heading.text for heading in handbook.page("errors").contents}
        assert errors["bad_credentials"] == "bad_credentials", "a heading that is only a code"
        for path in handbook.sources():
            found = handbook.page(path)
            assert {heading.anchor for heading in found.contents} <= found.anchors


class TestErrors:
    def test_have_an_entry_for_every_code_of_the_product(self):
        anchors = handbook.page("errors").anchors
        missing = sorted(code for code in check_texts.refusals() if code not in anchors)
        assert not missing, f"docs/errors.md needs a heading with `{missing[0]}`"


class TestProviders:
    @pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.slug)
    def test_have_a_page_each_that_the_index_lists(self, provider):
        path = f"providers/{provider.slug}"
        assert handbook.page(path).title == provider.name
        assert path in handbook.page("").links

    @pytest.mark.django_db
    def test_are_linked_from_the_first_step_of_connecting(self, as_owner, project):
        html = as_owner.get(f"/projects/{project.slug}/storages/connect/").content.decode()
        assert 'href="/docs/providers/aws/"' in html


class TestHelp:
    @pytest.mark.django_db
    @pytest.mark.parametrize("page", ["/projects/", "/projects/{}/"])
    def test_is_a_click_away_on_every_page(self, as_owner, project, page):
        assert 'href="/docs/"' in as_owner.get(page.format(project.slug)).content.decode()

    @pytest.mark.django_db
    def test_is_linked_from_a_row_at_its_code(self, as_owner, storage):
        test = make_connection_test(
            storage, state="failed", findings=[("Write", "failed", "required")]
        )
        path = f"/projects/{storage.project.slug}/storages/{storage.pk}/tests/{test.pk}/"
        assert 'href="/docs/checks/write/#accessdenied"' in as_owner.get(path).content.decode()
