"""The API's own description, for programs and as a page."""

import io
import json
import re

from django.core.management import call_command
from django.test import Client


def test_openapi_is_served_and_read_once():
    answer = Client().get("/api/openapi.json")
    described = json.loads(answer.content)
    assert described["openapi"].startswith("3.")
    assert {"/files/", "/base/", "/webhooks/", "/api/v1/jobs/"} <= set(described["paths"])
    again = Client().get("/api/openapi.json", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().post("/api/openapi.json").status_code == 405


def test_no_schema_is_described_by_the_docstring_of_a_base_class():
    schemas = Client().get("/api/openapi.json").json()["components"]["schemas"]

    assert "description" not in schemas["Detail"]
    assert schemas["Problem"]["description"].startswith("RFC 9457")
    assert not any("never used" in one.get("description", "") for one in schemas.values())


def test_openapi_is_made_without_a_warning():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_the_page_has_everything_from_this_host_and_nothing_inline(settings):
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"  # none were collected
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}
    answer = Client().get("/api/docs/")
    text = answer.content.decode()
    assert answer.status_code == 200
    sources = re.findall(
        r'<(?:script|link|img|button)[^>]* (?:src|href|data-style)="([^"]+)"', text
    )
    assert len(sources) > 7
    assert all(source.startswith("/") and not source.startswith("//") for source in sources)
    inline = r"<script(?![^>]* src=)|<style|<[^>]* (?:style|on\w+)="
    assert re.findall(inline, text) == []
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_its_script_names_our_description():
    script = Client().get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/openapi.json" in script.content


def test_a_projects_public_key_is_filled_in_where_requests_name_one():
    described = Client().get("/api/openapi.json?public_key=demo1234").json()
    [named] = [
        parameter
        for parameter in described["paths"]["/info/"]["get"]["parameters"]
        if parameter["name"] == "pub_key"
    ]
    assert named["schema"]["default"] == "demo1234"
    form = described["components"]["schemas"]["UploadForm"]["properties"]
    assert form["UPLOADCARE_PUB_KEY"]["default"] == "demo1234"
    schemes = described["components"]["securitySchemes"]
    assert "demo1234:<secret key>" in schemes["Uploadcare.Simple"]["description"]
    script = Client().get("/api/docs/?public_key=demo1234&script=").content
    assert b"public_key" in script
    assert b"demo1234" in script
    assert b"demo1234" not in Client().get("/api/openapi.json").content


def test_what_is_no_public_key_reaches_no_page():
    for key in ("<script>", "x" * 41, "a b", "'"):
        query = {"public_key": key, "script": ""}
        assert b"public_key" not in Client().get("/api/docs/", query).content
        assert "default" not in str(
            Client().get("/api/openapi.json", query).json()["components"]["schemas"]["UploadForm"]
        )


def test_no_line_of_the_list_shows_a_backtick():
    """Neither our list nor Swagger UI makes code of them there."""
    described = Client().get("/api/openapi.json").json()
    summaries = [
        operation["summary"]
        for operations in described["paths"].values()
        for operation in operations.values()
    ]
    assert any("only=gaps" in summary for summary in summaries)
    assert not any("`" in summary for summary in summaries)
