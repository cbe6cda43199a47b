"""Every way to be let in, and every text for those who are not (S062, S063, S064, S071)."""

import ast
import json
import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

import storages_app
from storages_app.api.authentication import raw_uri
from storages_app.models import Event, SecretKey
from storages_app.projects import services as projects
from tests.api.conftest import ACCEPT, make_rest, now_as_date, sign

pytestmark = pytest.mark.django_db

INCORRECT = "Incorrect authentication credentials."
BAD_SIGNATURE = "Invalid signature. Please check your Secret key."


def signed(rest, method="GET", uri="/project/", *, date=None, body=b"", sign_as=None, **meta):
    """A signed request; `sign_as` overrides what is signed, not what is sent."""
    date = date or now_as_date()
    parts = {"method": method, "uri": uri, "date": date, "body": body} | (sign_as or {})
    signature = sign(rest.secret, **parts)
    headers = {
        "CONTENT_TYPE": "application/json",  # official clients send it on GET too
        "HTTP_ACCEPT": ACCEPT,
        "HTTP_DATE": date,
        "HTTP_AUTHORIZATION": f"Uploadcare {rest.project.public_key}:{signature}",
    }
    return Client().generic(method, uri, body, **(headers | meta))


def assert_refused(response, text):
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Uploadcare"
    assert response["Content-Type"] == ACCEPT
    assert response.json() == {"detail": text}


class TestSimple:
    def test_the_right_secret_opens(self, rest):
        assert rest.get("/project/").status_code == 200

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Uploadcare.Simple",
            "Uploadcare.Simple :",
            "Uploadcare.Simple {public}:",
            "Uploadcare.Simple :{secret}",
            "Uploadcare.Simple {public}",
            "Basic {public}:{secret}",
            "Bearer {secret}",
            # S071: a token of {"alg": "none"}
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
            "Uploadcare.Simple eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
            "{public}:{secret}",
        ],
    )
    def test_no_or_a_garbled_header(self, rest, header):
        sent = header.format(public=rest.project.public_key, secret=rest.secret)
        assert_refused(rest.get("/project/", HTTP_AUTHORIZATION=sent), INCORRECT)

    def test_no_header_at_all(self):
        assert_refused(Client().get("/project/", HTTP_ACCEPT=ACCEPT), INCORRECT)

    def test_an_unknown_public_key(self, rest):
        sent = f"Uploadcare.Simple nobody:{rest.secret}"
        response = rest.get("/project/", HTTP_AUTHORIZATION=sent)
        assert_refused(response, "Public key nobody not found.")

    def test_a_wrong_secret(self, rest):
        rest.secret = "wrong"
        assert_refused(rest.get("/project/"), "Secret key not found.")

    def test_the_secret_of_one_project_with_the_public_key_of_another(self, rest, stranger):
        rest.project = stranger.project
        assert_refused(rest.get("/project/"), "Secret key not found.")

    def test_a_revoked_key_at_once(self, rest):
        assert rest.get("/project/").status_code == 200
        projects.revoke_secret_key(key=rest.key, actor="a test")
        assert_refused(rest.get("/project/"), "Secret key not found.")

    def test_several_keys_open_until_each_is_revoked(self, rest):
        """S064: one is replaced by another without a moment in which neither opens."""
        newer = make_rest(rest.project)
        assert [one.get("/project/").status_code for one in (rest, newer)] == [200, 200]
        projects.revoke_secret_key(key=rest.key, actor="a test")
        assert_refused(rest.get("/project/"), "Secret key not found.")
        assert_refused(signed(rest), BAD_SIGNATURE)
        assert newer.get("/project/").status_code == 200
        assert signed(newer).status_code == 200

    def test_a_session_does_not_count(self, admin_client):
        assert_refused(admin_client.get("/project/", HTTP_ACCEPT=ACCEPT), INCORRECT)

    def test_the_key_of_a_session_is_no_secret(self, rest, admin_client):
        """S071: what lets a person in lets no program in."""
        rest.secret = admin_client.cookies["ucdash_session"].value
        assert_refused(rest.get("/project/"), "Secret key not found.")

    def test_use_is_noted(self, rest):
        rest.get("/project/")
        assert SecretKey.objects.get(pk=rest.key.pk).last_used_at

    def test_use_is_written_at_most_once_a_minute(self, rest, django_assert_num_queries):
        rest.get("/project/")
        with django_assert_num_queries(2):  # keys with their project, members
            rest.get("/project/")
        SecretKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
        with django_assert_num_queries(3):
            rest.get("/project/")


class TestSimpleOverHttp:
    TEXT = (
        "Simple authentication over HTTP is forbidden. "
        "Please, use HTTPS or signed requests instead."
    )

    @pytest.mark.parametrize(
        "meta",
        [
            {"REMOTE_ADDR": "192.0.2.1"},
            {"REMOTE_ADDR": ""},
            {"HTTP_X_FORWARDED_FOR": "192.0.2.1"},
            {"HTTP_FORWARDED": "for=192.0.2.1"},
            {"HTTP_X_REAL_IP": "192.0.2.1"},
            {"HTTP_VIA": "1.1 proxy"},
            {"HTTP_X_FORWARDED_HOST": "files.example.com"},
        ],
    )
    def test_is_refused_from_another_machine(self, rest, meta):
        response = rest.get("/project/", **meta)
        assert response.status_code == 400
        assert response.json() == {"detail": self.TEXT}

    def test_is_refused_everywhere_where_the_operator_did_not_allow_it(self, rest, settings):
        settings.SIMPLE_AUTH_OVER_HTTP = "never"
        assert rest.get("/project/").json() == {"detail": self.TEXT}

    def test_a_wrong_secret_gets_the_same_answer(self, rest, settings):
        settings.SIMPLE_AUTH_OVER_HTTP = "never"
        rest.secret = "wrong"
        assert rest.get("/project/").status_code == 400

    def test_a_right_secret_is_flagged_to_be_replaced(self, rest, project, settings):  # S063
        settings.SIMPLE_AUTH_OVER_HTTP = "never"
        rest.get("/project/")
        flagged = SecretKey.objects.get(exposed_at__isnull=False)
        rest.get("/project/")
        event = Event.objects.get(kind="secret_key.exposed")
        assert (event.project, event.subject_id) == (project, str(flagged.pk))
        assert rest.secret not in json.dumps(event.data)

    @pytest.mark.parametrize("public_key", ["", "nobody's", "\0"])
    def test_a_wrong_one_flags_nothing(self, rest, settings, public_key):
        settings.SIMPLE_AUTH_OVER_HTTP = "never"
        rest.secret = "wrong"
        rest.get("/project/")
        rest.get("/project/", HTTP_AUTHORIZATION=f"Uploadcare.Simple {public_key}:x")
        assert not SecretKey.objects.exclude(exposed_at=None).exists()
        assert not Event.objects.filter(kind="secret_key.exposed").exists()

    def test_over_tls_it_passes_from_anywhere(self, rest, settings):
        settings.SIMPLE_AUTH_OVER_HTTP = "never"
        response = rest.get("/project/", REMOTE_ADDR="192.0.2.1", **{"wsgi.url_scheme": "https"})
        assert response.status_code == 200

    def test_ipv6_loopback_is_loopback(self, rest):
        assert rest.get("/project/", REMOTE_ADDR="::1").status_code == 200


class TestSigned:
    def test_a_right_signature_opens(self, rest):
        assert signed(rest).status_code == 200

    def test_the_query_is_signed_as_it_was_sent(self, rest):
        uri = "/files/?stored=true&limit=1&from=2018-11-27T01%3A00%3A24.296613%2B00%3A00"
        assert signed(rest, uri=uri).status_code == 200

    @pytest.mark.parametrize(
        "pattern",
        [
            "%a, %d %b %Y %H:%M:%S GMT",
            "%a, %d %b %Y, %H:%M:%S GMT",  # pyuploadcare
            "%d %b %Y, %H:%M:%S GMT",
            "%a, %d %b %Y %H:%M:%S +0000",  # Java
            "%a, %d %b %Y %H:%M:%S",
        ],
    )
    def test_dates_as_official_clients_write_them(self, rest, pattern):
        date = timezone.now().strftime(pattern)
        assert signed(rest, date=date).status_code == 200

    def test_the_date_of_a_browser_comes_in_a_header_of_its_own(self, rest):
        response = signed(rest, HTTP_X_UPLOADCARE_DATE=now_as_date(), HTTP_DATE="yesterday")
        assert response.status_code == 200

    @pytest.mark.parametrize("minutes", [-14, 14])
    def test_a_clock_that_is_a_little_off(self, rest, minutes):
        date = format_datetime(timezone.now() + timedelta(minutes=minutes), usegmt=False)
        assert signed(rest, date=date).status_code == 200

    @pytest.mark.parametrize("minutes", [-16, 16, 60 * 24 * 365])
    def test_a_clock_that_is_too_far_off(self, rest, minutes):
        date = format_datetime(timezone.now() + timedelta(minutes=minutes))
        assert_refused(signed(rest, date=date), INCORRECT)

    @pytest.mark.parametrize(
        "date",
        [
            "yesterday",
            "Mon, 99 Nov 2018 13:14:41 GMT",
            "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
            "1 Jan 26 1:1:1 +999999999999999999999",
            "\x00",
            "0",
        ],
    )
    def test_a_date_that_is_none(self, rest, date):
        assert_refused(signed(rest, date=date), INCORRECT)

    def test_no_date(self, rest):
        response = signed(rest, sign_as={"date": ""}, HTTP_DATE="")
        assert_refused(response, INCORRECT)

    @pytest.mark.parametrize(
        "sign_as",
        [
            {"method": "POST"},
            {"uri": "/files/"},
            {"uri": "/project/?"},
            {"body": b"{}"},
            {"content_type": "text/plain"},
            {"date": "Mon, 05 Nov 2018 13:14:41 GMT"},
            {"secret": "wrong"},
        ],
    )
    def test_whatever_was_changed_on_the_way(self, rest, sign_as):
        secret = sign_as.pop("secret", rest.secret)
        rest.secret = secret
        assert_refused(signed(rest, sign_as=sign_as), BAD_SIGNATURE)

    def test_an_altered_body(self, rest):
        body = b'{"source": "x", "target": "y"}'
        kwargs = {"method": "POST", "uri": "/files/remote_copy/"}
        assert signed(rest, body=body, **kwargs).status_code == 400
        changed = signed(rest, body=body + b" ", sign_as={"body": body}, **kwargs)
        assert_refused(changed, BAD_SIGNATURE)

    @pytest.mark.parametrize("signature", ["", "x", "é", "0" * 40, "0" * 100_000])
    def test_a_signature_that_is_none(self, rest, signature):
        sent = f"Uploadcare {rest.project.public_key}:{signature}"
        response = signed(rest, HTTP_AUTHORIZATION=sent)
        assert_refused(response, BAD_SIGNATURE if signature else INCORRECT)

    def test_an_unknown_public_key(self, rest):
        response = signed(rest, HTTP_AUTHORIZATION="Uploadcare nobody:abc")
        assert_refused(response, "Public key nobody not found.")

    def test_the_documented_vectors(self, rest, project, monkeypatch):
        key = SecretKey(project=project, label="vector")
        key.seal_secret("demoprivatekey")
        key.save()
        then = datetime.fromisoformat("2018-11-05T13:14:41+00:00")
        monkeypatch.setattr("storages_app.api.authentication.timezone.now", lambda: then)
        body = b'{"source":"5632fc94-9dff-499f-a373-f69ea6f67ff8","target":"mytarget"}'
        for method, uri, sent, signature, status in (
            (
                "GET",
                "/files/?limit=1&stored=true",
                b"",
                "3cbc4d2cf91f80c1ba162b926f8a975e8bec7995",
                200,
            ),
            (
                "POST",
                "/files/remote_copy/",
                body,
                "64038a4e73e1658cfe05a450b3513a74bb6a2113",
                400,
            ),
        ):
            response = Client().generic(
                method,
                uri,
                sent,
                CONTENT_TYPE="application/json",
                HTTP_ACCEPT=ACCEPT,
                HTTP_DATE="Mon, 05 Nov 2018 13:14:41 GMT",
                HTTP_AUTHORIZATION=f"Uploadcare {project.public_key}:{signature}",
            )
            assert response.status_code == status, response.content


class TestRawUri:
    @pytest.mark.parametrize(
        ("sent", "uri"),
        [
            ("/groups/a%7E1/?x=%2B", "/groups/a%7E1/?x=%2B"),
            ("http://localhost:8000/files/?b=1&a=2", "/files/?b=1&a=2"),
            ("http://localhost:8000/files/", "/files/"),
        ],
    )
    def test_is_what_stood_on_the_request_line(self, rf, sent, uri):
        for name in ("RAW_URI", "REQUEST_URI"):
            assert raw_uri(rf.get("/something/else/", **{name: sent})) == uri

    def test_is_made_of_the_path_where_the_server_does_not_tell(self, rf):
        assert raw_uri(rf.get("/files/?b=1&a=2")) == "/files/?b=1&a=2"


class TestWarning:
    def test_a_request_without_tls_is_warned(self, rest):
        assert rest.get("/project/")["Warning"] == (
            "199 Miscellaneous warning: You should use secure requests to Uploadcare"
        )
        safe = rest.get("/project/", **{"wsgi.url_scheme": "https"})
        assert "Warning" not in safe


def test_secrets_are_in_no_answer_and_no_log(rest, caplog):
    responses = [
        rest.get("/project/"),
        rest.get("/files/nonexistent/"),
        rest.get("/project/", REMOTE_ADDR="192.0.2.1"),
        signed(rest, HTTP_AUTHORIZATION=f"Uploadcare {rest.project.public_key}:{rest.secret}"),
    ]
    assert not any(rest.secret in response.content.decode() for response in responses)
    assert rest.secret not in caplog.text


_SECRET_NAME = re.compile(r"(^|_)(signature|secret|hmac|proof|password)$")
# What a caller sends is compared in these folders.
_DOORS = ["api", "delivery", "projects", "uploads"]


def test_what_a_caller_proves_is_compared_in_constant_time_only():
    """S061: `==` and `in` tell by their time how much of a guess was right."""
    found = [
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for folder in _DOORS
        for path in (Path(storages_app.__path__[0]) / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and _compares_a_secret(node)
    ]
    assert found == [], "Use api_keys.is_same, which compares in constant time."


def test_that_check_sees_comparisons():
    for text in ("sent == key.secret", "signature in known", "own_secret != sent"):
        assert _compares_a_secret(ast.parse(text, mode="eval").body)
    for text in ("secret is None", "digest == other", "len(secret) == 20"):
        assert not _compares_a_secret(ast.parse(text, mode="eval").body)


def _compares_a_secret(node):
    is_compared = any(not isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
    names = [
        getattr(side, "attr", getattr(side, "id", "")) for side in (node.left, *node.comparators)
    ]
    return is_compared and any(map(_SECRET_NAME.search, names))
