"""/from_url/ and /from_url/status/: parameters, texts, and all that is refused before a socket."""

import hashlib
import hmac
import json
import socket
import time
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from storages_app.api.wire import upload_info
from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages.connect import open_store
from storages_app.custom_storages.errors import AddressRefused
from storages_app.lib import outbound
from storages_app.library import services as library
from storages_app.models import UrlUpload
from storages_app.objectstores.errors import ConnectionFailed, EndpointForbidden
from storages_app.url_uploads import holding, runner
from tests import name_server
from tests.api.conftest import make_rest
from tests.factories import make_file, make_url_upload
from tests.hostile_addresses import INNER_NAMES, LITERALS, ODD_NUMBERS, as_host, edges

pytestmark = pytest.mark.django_db
URL = "https://files.example/a.jpg"


@pytest.fixture(autouse=True)
def resolver(monkeypatch):
    names = name_server.install(monkeypatch)
    names["files.example"] = [["8.8.8.8"]]
    return names


@pytest.fixture
def no_sockets(monkeypatch):
    def dialled(self, address):
        pytest.fail(f"a socket was opened to {address}")

    monkeypatch.setattr(socket.socket, "connect", dialled)


def order(project, query="", path="/from_url/", **fields):
    data = {"pub_key": project.public_key, "source_url": URL} | fields
    return Client().post(
        path + query, {name: value for name, value in data.items() if value is not None}
    )


def status(token, query=""):
    return Client().get(f"/from_url/status/?token={token}{query}")


def assert_refused(response, code, text):
    assert (response.status_code, response.content.decode()) == (code, text)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not UrlUpload.objects.exists()


class TestOrder:
    def test_answers_with_a_token(self, project):
        response = order(project, store="1", filename="b.jpg", **{"metadata[pet]": "cat"})
        assert response.status_code == 200
        row = UrlUpload.objects.get()
        assert response.json() == {"type": "token", "token": str(row.token)}
        assert response["Content-Type"] == "application/json"
        assert (row.project, row.unseal_url(), row.store) == (project, URL, "1")
        assert (row.original_filename, row.metadata) == ("b.jpg", {"pet": "cat"})

    def test_reads_all_from_the_query_of_a_post_as_javascript_sends_it(self, project):
        query = f"?jsonerrors=1&pub_key={project.public_key}&store=auto&filename=c.jpg"
        address = "&source_url=https%3A%2F%2Ffiles.example%2Fa.jpg%3Fx%3D1&metadata[pet]=dog"
        response = Client().post(f"/from_url/{query}{address}&check_URL_duplicates=1&source=url")
        row = UrlUpload.objects.get()
        assert response.json()["token"] == str(row.token)
        assert row.unseal_url() == f"{URL}?x=1"
        assert (row.original_filename, row.metadata) == ("c.jpg", {"pet": "dog"})
        assert row.is_remembered

    def test_reads_a_form_of_each_kind(self, project):
        body = f"pub_key={project.public_key}&source_url=https%3A%2F%2Ffiles.example%2Fa.jpg"
        kind = "application/x-www-form-urlencoded"
        assert Client().post("/from_url/", body, content_type=kind).status_code == 200
        assert order(project).status_code == 200
        assert {row.unseal_url() for row in UrlUpload.objects.all()} == {URL}
        assert UrlUpload.objects.count() == 2

    def test_takes_a_get_of_the_legacy_widget(self, project):
        response = Client().get(f"/from_url/?pub_key={project.public_key}&source_url={URL}")
        assert response.json()["token"] == str(UrlUpload.objects.get().token)

    @pytest.mark.parametrize("path", ["/from_url//", "//from_url/"])
    def test_takes_doubled_slashes(self, project, path):
        data = {"pub_key": project.public_key, "source_url": URL}
        response = Client().post("/from_url/", data, PATH_INFO=path)
        assert response.json()["type"] == "token"

    def test_preflight_allows_what_was_recorded(self):
        response = Client().options("/from_url/", HTTP_ORIGIN="https://shop.example")
        assert (response.status_code, response.content) == (200, b"")
        assert response["Access-Control-Allow-Methods"] == "GET, OPTIONS, POST"
        assert "X-UC-User-Agent" in response["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize(
        ("fields", "code", "text"),
        [
            ({"pub_key": None}, 403, "pub_key is required."),
            ({"pub_key": "nobody"}, 403, "pub_key is invalid."),
            ({"source_url": None}, 400, "source_url is required."),
            ({"source_url": "http://a.example/\tb"}, 400, "Failed to parse URL."),
            ({"source_url": "files.example/a.jpg"}, 400, "No URL scheme supplied."),
            ({"source_url": "ftp://files.example/"}, 400, "Invalid URL scheme."),
            ({"source_url": "https://"}, 400, "No URL host supplied."),
            ({"source_url": "https://-a.example/"}, 400, "URL host is malformed."),
            ({"source_url": "https://nowhere.example/"}, 400, "Host does not exist."),
            ({"source_url": "https://10.0.0.1/"}, 400, "Only public IPs are allowed."),
            ({"source_url": "https://files.example:22/"}, 400, "Source is blacklisted."),
            ({"filename": "a\0b"}, 400, "Null characters are not allowed."),
            ({"metadata[]": "x"}, 400, "File's metadata key can not be empty."),
        ],
    )
    def test_refuses(self, project, fields, code, text):
        assert_refused(order(project, **fields), code, text)

    @pytest.mark.parametrize(
        ("url", "error_code"),
        [
            ("", "SourceURLRequiredError"),
            ("http://a.example/\tb", "URLParsingFailedError"),
            ("files.example/a.jpg", "URLSchemeRequiredError"),
            ("ftp://files.example/", "URLSchemeInvalidError"),
            ("https://", "URLHostRequiredError"),
            ("https://-a.example/", "URLHostMalformedError"),
            ("https://nowhere.example/", "HostnameNotFoundError"),
            ("https://10.0.0.1/", "URLHostPrivateIPForbiddenError"),
            ("https://files.example:22/", "URLBlacklistedError"),
        ],
    )
    def test_refusals_have_codes(self, project, url, error_code):
        response = order(project, "?jsonerrors=1", source_url=url)
        assert response.status_code == 200
        error = response.json()["error"]
        assert (error["error_code"], error["status_code"]) == (error_code, 400)

    def test_refuses_more_than_may_wait(self, project, settings):
        settings.FETCHES_WAITING = 1
        order(project)
        response = order(project, "?jsonerrors=1")
        assert response.json()["error"]["error_code"] == "RequestThrottledError"
        assert int(response["Retry-After"]) > 0
        assert order(project).status_code == 429

    def test_other_methods_are_refused(self):
        response = Client().put("/from_url/")
        assert response.status_code == 405
        assert response.content.decode() == "HTTP method PUT is not allowed for /from_url/"

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
    def test_other_bodies_are_no_fault_of_ours(self, project, content_type):
        response = Client().generic("POST", "/from_url/", b"\xff{", content_type=content_type)
        assert_refused(response, 403, "pub_key is required.")


class TestSignatures:
    @pytest.fixture
    def signing(self, project):
        project.requires_signed_uploads = True
        project.save()
        return make_rest(project).secret

    def test_are_needed_where_the_project_wants_them(self, project, signing):
        assert_refused(order(project), 400, "`signature` is required.")
        expire = str(int(time.time()) + 60)
        signature = hmac.new(signing.encode(), expire.encode(), hashlib.sha256).hexdigest()
        wrong = order(project, signature="0" * 64, expire=expire)
        assert_refused(wrong, 403, "Invalid signature.")
        late = order(project, signature=signature, expire="60")
        assert_refused(late, 403, "Expired signature.")
        assert order(project, signature=signature, expire=expire).status_code == 200
        assert UrlUpload.objects.get().is_signed is True

    def test_where_none_is_needed_it_is_noted_that_there_was_none(self, project):
        assert order(project).status_code == 200
        assert UrlUpload.objects.get().is_signed is False

    def test_are_asked_for_before_any_name_is_looked_up(self, project, signing, monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: pytest.fail("looked up"))
        assert_refused(order(project), 400, "`signature` is required.")


class TestDuplicates:
    def test_answer_with_the_file(self, project):
        order(project, save_URL_duplicates="1")
        file = make_file(project)
        UrlUpload.objects.update(
            state="done", run_after=None, file=file, finished_at=timezone.now()
        )
        response = order(project, check_URL_duplicates="1")
        assert response.json() == json.loads(json.dumps({"type": "file_info", **upload_info(file)}))
        assert order(project, check_URL_duplicates="0").json()["type"] == "token"
        assert order(project).json()["type"] == "token"

    def test_of_another_project_are_nobodys(self, project, stranger):
        order(project, save_URL_duplicates="1")
        file = make_file(project)
        UrlUpload.objects.update(
            state="done", run_after=None, file=file, finished_at=timezone.now()
        )
        response = order(stranger.project, check_URL_duplicates="1")
        assert response.json()["type"] == "token"


class TestStatus:
    def test_of_one_that_waits(self, project):
        row = make_url_upload(project)
        response = status(row.token)
        assert response.json() == {"status": "waiting"}
        assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"

    @pytest.mark.parametrize(("total", "shown"), [(732_434, 732_434), (None, "unknown")])
    def test_of_one_under_way(self, project, total, shown):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        hold.n_done, hold.n_total = 134_427, total
        holding.renew([hold])
        found = status(hold.url_upload.token).json()
        assert found == {"status": "progress", "done": 134_427, "total": shown}

    def test_of_one_that_is_done(self, project):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        file = make_file(project)
        holding.finish(hold, file)
        found = status(hold.url_upload.token).json()
        assert found.pop("status") == "success"
        assert found == json.loads(json.dumps(upload_info(file)))
        library.delete(file=file, actor="a test")
        assert status(hold.url_upload.token).json() == {
            "status": "error",
            "error": "downloaded file not found.",
            "error_code": "DownloadFileNotFoundError",
        }

    def test_of_one_that_failed(self, project):
        make_url_upload(project)
        (hold,) = holding.claim(at_most=1)
        holding.fail(hold, "DownloadFileHTTPClientError", "HTTP client error: 404.")
        for query in ("", "&jsonerrors=1"):
            response = status(hold.url_upload.token, query)
            assert response.status_code == 200
            assert response.json() == {
                "status": "error",
                "error": "HTTP client error: 404.",
                "error_code": "DownloadFileHTTPClientError",
            }

    @pytest.mark.parametrize("token", [uuid.uuid4(), "1", "x" * 999, "%00", "../../info"])
    def test_of_a_token_that_there_is_not(self, token):
        assert status(token).json() == {"status": "unknown"}

    def test_needs_a_token(self):
        assert_refused(Client().get("/from_url/status/"), 400, "token is required.")
        error = Client().get("/from_url/status/?jsonerrors=1").json()["error"]
        assert error["error_code"] == "TokenRequiredError"

    def test_tells_nothing_of_the_address(self, project):
        row = make_url_upload(project, f"{URL}?signature=t0ps3cret")
        assert "t0ps3cret" not in status(row.token).content.decode()


# S001 to S009 and S012 to S014: what nothing may be sent to.
FORBIDDEN = [
    *(f"http://{as_host(ip)}/" for ip in [*LITERALS, *edges()]),
    *(f"https://{as_host(ip)}/" for ip in LITERALS),
    *(f"http://{host}/" for host in [*ODD_NUMBERS, *INNER_NAMES]),
    "http://mixed.example/",
    "http://inside.example/",
    "http://files.example:6379/",
    "http://testserver.example/",  # S015, see below
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_SET",
    "http://good@127.0.0.1/",
    "http://127.0.0.1\\@files.example/",
    "http://files.example#@127.0.0.1/",
    "http://127.0.0.1%00.files.example/",
    "http://127.0.0.1%2f@files.example/",
    "http:///127.0.0.1/",
    "http://files.example:0/",
    "http://files.example:65536/",
    "http://[fe80::1%25lo]/",
]


def use_as_endpoint(project, url):
    draft = custom_storages.create_draft(
        project=project,
        actor="a test",
        secret="an-s3-secret-of-the-tests",
        name="inside",
        provider="other",
        endpoint_url=url.removesuffix("/").removesuffix("/_SET"),
        region="us-east-1",
        bucket="bucket",
        access_key_id="AKIATEST",
    )
    open_store(draft).head("key")


class TestForbiddenAddresses:
    @pytest.fixture(autouse=True)
    def _names(self, resolver, monkeypatch):
        resolver["mixed.example"] = [["8.8.8.8", "127.0.0.1"]]
        resolver["inside.example"] = [["10.0.0.1"]]
        resolver["testserver.example"] = [["8.8.8.8"]]
        before = outbound.current_policy()
        outbound.configure(outbound.Policy(own_hosts=frozenset({"testserver.example"})))
        yield
        outbound.configure(before)

    def test_are_many(self):
        assert len(set(FORBIDDEN)) >= 45

    @pytest.mark.parametrize("url", FORBIDDEN)
    def test_are_refused_by_from_url_before_a_socket_is_opened(self, project, no_sockets, url):
        response = order(project, source_url=url)
        assert response.status_code == 400
        assert response.content.decode() in {
            "Only public IPs are allowed.",
            "Source is blacklisted.",
            "URL host is malformed.",
            "No URL host supplied.",
            "Invalid URL scheme.",
            "Failed to parse URL.",
        }
        assert not UrlUpload.objects.exists()

    @pytest.mark.parametrize("url", FORBIDDEN)
    def test_are_refused_by_a_fetch_before_a_socket_is_opened(self, project, no_sockets, url):
        """Whatever has come into the ledger, by whatever door."""
        make_url_upload(project, url)
        (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        row = UrlUpload.objects.get()
        assert (row.state, row.error_code) == ("failed", "DownloadFileHTTPURLValidationError")

    @pytest.mark.parametrize("url", [u for u in FORBIDDEN if "files.example:6379" not in u])
    def test_are_refused_as_the_endpoint_of_a_storage(self, project, no_sockets, url):
        """When it is written down, or at the latest before the first socket; ports are free."""
        with pytest.raises((AddressRefused, EndpointForbidden)):
            use_as_endpoint(project, url)

    def test_others_are_dialled_as_the_endpoint_of_a_storage(self, project, resolver, monkeypatch):
        """So it was nothing else that was refused above."""
        dialled = []

        def nobody_there(self, address):
            dialled.append(address)
            raise ConnectionRefusedError

        monkeypatch.setattr(socket.socket, "connect", nobody_there)
        resolver["bucket.files.example"] = [["8.8.8.8"]]
        with pytest.raises(ConnectionFailed):
            use_as_endpoint(project, "https://files.example:6379/")
        assert set(dialled) == {("8.8.8.8", 6379)}

    def test_open_and_closed_ports_of_the_inside_are_told_apart_by_nothing(
        self, project, no_sockets
    ):  # S021
        """The same text; nobody has looked which of them listens."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            ports = [listening.getsockname()[1], 1]
            answers = {
                (response.status_code, response.content, tuple(sorted(response.headers)))
                for port in ports
                for response in [order(project, source_url=f"http://127.0.0.1:{port}/")]
            }
        assert len(answers) == 1
        assert {answer[1] for answer in answers} == {b"Only public IPs are allowed."}


class TestDoorsOfTenants:
    def test_no_parameter_lets_a_private_host_in(self, project, settings):  # S018
        for extra in ("allowed_private=127.0.0.1:80", "allow=1", "policy=open", "proxy=10.0.0.1"):
            response = order(project, f"?{extra}", source_url="http://127.0.0.1/")
            assert_refused(response, 400, "Only public IPs are allowed.")
