"""What is no order is refused by every route that takes one, as its API says it (S044, S094)."""

import json

import pytest

from tests.api.conftest import ACCEPT
from tests.api.test_matrix import OWN, paths, unchanged

__all__ = ["paths", "unchanged"]

pytestmark = pytest.mark.django_db

# Routes that read no body; whatever is sent to them does not matter.
WITHOUT_BODY = {
    *(("file", "DELETE"), ("metadata_key", "DELETE"), ("group", "DELETE"), ("webhook", "DELETE")),
    *(("file_storage", method) for method in ("PUT", "POST", "DELETE")),
    *(("group_storage", "PUT"), ("custom_storage", "DELETE")),
    *(("video_status", "POST"), ("webhook_unsubscribe", "POST")),  # not here at all
    *(("webhook_delivery_again", "POST"), ("webhook_again", "POST"), ("webhook_test", "POST")),
    *(("job_cancel", "POST"), ("job_retry", "POST")),
    *((f"bulk_job_{verb}", "POST") for verb in ("start", "pause", "resume", "cancel")),
    *((f"backup_{verb}", "POST") for verb in ("pause", "resume", "turn_off", "turn_on", "runs")),
    *((f"restore_{verb}", "POST") for verb in ("cancel", "look_again", "thaw")),
    *((f"storage_{verb}", "POST") for verb in ("connect", "pause", "resume", "proof")),
}
WITH_BODY = [
    (route, method)
    for route, methods in OWN.items()
    for method in methods
    if method != "GET" and (route, method) not in WITHOUT_BODY
]
NO_ORDERS = {
    "malformed": b'{"source": ',
    "no UTF-8": b'"\xff"',
    "half a character": b'["\\ud800"]',
    "a key twice": b'{"source": 1, "source": 2}',
    "not a number": b'{"source": NaN}',
    "nested too deep": b'{"source":' * 50_000 + b"1" + b"}" * 50_000,
    "a huge number": b'{"source": ' + b"9" * 100_000 + b"}",
    "a number": b"1",
    "a truth": b"true",
    "a million items": b"[" + b"1," * 999_999 + b"1]",
}
# S044: fields that nobody may set from outside.
PROTECTED = json.dumps(
    {
        **dict.fromkeys(["id", "project", "project_id", "owner", "is_staff", "created"], 1),
        **dict.fromkeys(["secret_key", "state", "verified_at", "quota", "public_key"], "x"),
    }
).encode()


def without_times(facts):
    """As they are, but for when a row was last written: fields left out may still touch that."""
    if isinstance(facts, dict):
        return {name: value for name, value in facts.items() if name != "updated_at"}
    is_rows = isinstance(facts, list | tuple)
    return [without_times(one) for one in facts] if is_rows else facts


def assert_refused(answer, status):
    assert answer.status_code == status, answer.content[:300]
    said = answer.json()
    if answer.wsgi_request.path.startswith("/api/v1/"):
        assert answer["Content-Type"] == "application/problem+json"
        assert said["status"] == status
        assert said["code"]
        assert said["what"]
    else:
        assert answer["Content-Type"] == ACCEPT
        texts = (
            [said["detail"]]
            if "detail" in said
            else [one for all_ in said.values() for one in all_]
        )
        assert texts
        assert all(isinstance(text, str) and text for text in texts)


@pytest.mark.parametrize(("route", "method"), WITH_BODY)
def test_what_is_no_order_changes_nothing(rest, paths, unchanged, route, method):
    path, before = paths[route], without_times(unchanged())
    for body in NO_ORDERS.values():
        assert_refused(rest(method, path, body), 400)
    assert_refused(rest(method, path, b" " * 3_000_000), 413)
    assert_refused(rest(method, path, b"<xml/>", CONTENT_TYPE="application/xml"), 415)
    assert rest(method, path, PROTECTED).status_code in {200, 400}
    assert without_times(unchanged()) == before


@pytest.mark.parametrize(("route", "method"), sorted(WITHOUT_BODY))
def test_a_body_where_none_belongs_is_bounded_and_does_not_matter(rest, paths, route, method):
    assert_refused(rest(method, paths[route], b" " * 3_000_000), 413)
    answer = rest(method, paths[route], NO_ORDERS["malformed"])
    assert answer.status_code == OWN[route][method][0]


def test_no_route_is_called_without_a_body_that_is_not_there():
    assert {(route, method) for route, methods in OWN.items() for method in methods} > WITHOUT_BODY


class TestMethods:
    """S045: what is not safe is asked for by its own method only."""

    @pytest.mark.parametrize("route", sorted(OWN))
    def test_others_are_refused_and_the_right_ones_named(self, rest, paths, unchanged, route):
        path, before = paths[route], unchanged()
        named = ", ".join(
            sorted({*OWN[route], "OPTIONS"} | ({"HEAD"} if "GET" in OWN[route] else set()))
        )
        options = rest("OPTIONS", path)
        assert options.status_code == 200
        assert options["Allow"] == named
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(
            named.split(", ")
        ):
            answer = rest(method, path, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE")
            assert answer["Allow"] == named
            if method == "HEAD":  # which has no body to look at
                assert answer.status_code == 405
            else:
                assert_refused(answer, 405)
                said = answer.json().get("detail")
                assert said == f'Method "{method}" not allowed.'
        if "GET" in OWN[route]:
            for method in ("HEAD", "GET"):
                answer = rest(method, path, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE")
                assert answer.status_code == OWN[route]["GET"][0]
        assert unchanged() == before

    @pytest.mark.parametrize("route", sorted(OWN))
    def test_no_route_answers_without_its_last_slash(self, rest, paths, route):
        """Official clients follow no redirect, so there is none."""
        assert rest.get(paths[route].rstrip("/")).status_code == 404


class TestLists:
    """S099: what a list is asked for is bounded."""

    @pytest.mark.parametrize("path", ["/files/", "/groups/"])
    @pytest.mark.parametrize(
        "query",
        [
            *("limit=1000000000", "limit=0", "limit=-1", "limit=x", "limit=1&limit=2"),
            *("offset=1000000000", "offset=-1", "ordering=password", "ordering=%00"),
            *("from=%25%25%25%25", "from=9999999999999999", "to=x", "from=%00"),
        ],
    )
    def test_what_cannot_be_is_refused(self, rest, path, query):
        assert_refused(rest.get(f"{path}?{query}"), 400)

    @pytest.mark.parametrize("path", ["/files/", "/groups/"])
    def test_what_is_not_known_is_left_out(self, rest, path):
        assert rest.get(f"{path}?query_parameters=%7B%7D&project=1").status_code == 200
