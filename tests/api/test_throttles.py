"""How many requests the Upload API and REST take (S043, S059, S065, S097)."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from redis.exceptions import ConnectionError as RedisAway
from rest_framework.exceptions import Throttled

from storages_app.api import throttles
from storages_app.lib.shared_counts import SharedCounts
from storages_app.models import File
from tests.api.conftest import ACCEPT, Rest
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db

NOON = 1_800_000_000.0  # a minute begins


@pytest.fixture(autouse=True)
def _own_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(throttles, "_on_this_machine", SharedCounts(tmp_path / "counts"))
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Stands still; a test moves it."""
    now = [NOON + 20]
    monkeypatch.setattr(throttles.time, "time", lambda: now[0])
    return now


@pytest.fixture
def file():
    return make_file(make_project())


def info(file, query="", **meta):
    address = f"/info/?pub_key={file.project.public_key}&file_id={file.uuid}{query}"
    return Client().get(address, **meta)


class TestOfAnAddress:
    @pytest.fixture(autouse=True)
    def _limit(self, settings):
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 3

    def test_the_limit_passes_and_the_next_is_told_when_to_come_back(self, file):
        assert [info(file).status_code for _ in range(3)] == [200] * 3
        response = info(file)
        assert response.status_code == 429
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert response.content == b"Request was throttled."
        assert response["Retry-After"] == "40"
        assert response["Access-Control-Expose-Headers"] == "Warning, Retry-After"

    def test_the_browser_client_is_told_with_status_200(self, file):
        for _ in range(3):
            info(file)
        response = info(file, "&jsonerrors=1")
        assert response.status_code == 200
        assert response["Retry-After"] == "40"
        assert response.json() == {
            "error": {
                "status_code": 429,
                "content": "Request was throttled.",
                "error_code": "RequestThrottledError",
            }
        }

    def test_the_next_minute_is_free(self, file, clock):
        for _ in range(4):
            info(file)
        clock[0] += 39.9
        assert info(file).status_code == 429
        clock[0] = NOON + 60
        assert info(file).status_code == 200

    def test_each_address_has_its_own(self, file):
        for _ in range(4):
            info(file)
        assert info(file, REMOTE_ADDR="192.0.2.1").status_code == 200

    def test_counts_before_anything_is_kept(self, file):
        for _ in range(3):
            info(file)
        body = BytesIO(b"x" * 1000)
        sent = {"content_type": "multipart/form-data", "CONTENT_LENGTH": 1000, "wsgi.input": body}
        response = Client().post("/base/", **sent)
        assert response.status_code == 429
        assert File.objects.count() == 1
        assert body.tell() == 1000  # or the client, which is still sending, would not hear of it

    def test_preflights_are_free(self, file):
        for _ in range(5):
            assert Client().options("/info/").status_code == 200
        assert info(file).status_code == 200

    def test_refused_requests_count_too(self, file):
        for _ in range(3):
            assert Client().get("/info/").status_code == 403
        assert info(file).status_code == 429

    def test_zero_is_no_limit(self, file, settings):
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 0
        assert {info(file).status_code for _ in range(10)} == {200}


class TestOfAProject:
    @pytest.fixture(autouse=True)
    def _limit(self, settings):
        settings.UPLOADS_PER_MINUTE_OF_PROJECT = 2

    def test_holds_over_all_addresses(self, file):
        addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        statuses = [info(file, REMOTE_ADDR=address).status_code for address in addresses]
        assert statuses == [200, 200, 429]
        assert info(make_file(make_project())).status_code == 200

    def test_a_replayed_signature_meets_it(self):
        """S059: a signature may be used until it expires, as often as the limits let it."""
        project = make_project()
        statuses = [
            Client().post("/base/", {"UPLOADCARE_PUB_KEY": project.public_key}).status_code
            for _ in range(1_000)
        ]
        assert statuses == [400, 400] + [429] * 998


class TestOfRest:
    @pytest.fixture(autouse=True)
    def _limits(self, settings):
        settings.REST_PER_MINUTE_OF_ADDRESS = 200
        settings.REST_PER_MINUTE_OF_KEY = 3

    def test_a_key_has_a_limit_over_all_addresses(self, rest):
        assert [rest.get("/project/").status_code for _ in range(3)] == [200] * 3
        response = rest.get("/project/", REMOTE_ADDR="127.0.0.2")
        assert response.status_code == 429
        assert response["Content-Type"] == ACCEPT
        assert response["Retry-After"] == "40"
        assert response.json() == {
            "detail": "Request was throttled. Expected available in 40 seconds."
        }

    def test_our_own_additions_are_counted_too(self, rest):
        assert [rest.get("/api/v1/restores/").status_code for _ in range(3)] == [200] * 3
        response = rest.get("/api/v1/restores/")
        assert response.status_code == 429
        assert response["Content-Type"] == "application/problem+json"
        assert response["Retry-After"] == "40"

    def test_each_key_has_its_own(self, rest, reader):
        assert [rest.get("/project/").status_code for _ in range(4)][-1] == 429
        assert reader.get("/project/").status_code == 200

    def test_an_address_has_a_limit_over_all_keys(self, rest, reader, settings):
        settings.REST_PER_MINUTE_OF_ADDRESS = 2
        statuses = [one.get("/project/").status_code for one in (rest, reader, rest)]
        assert statuses == [200, 200, 429]
        assert rest.get("/project/", REMOTE_ADDR="127.0.0.2").status_code == 200

    def test_who_guesses_secrets_is_stopped_soon_and_the_right_one_is_no_help_then(self, rest):
        """S065: 200 requests a minute are 10 guesses."""
        wrong = Rest(rest.project, "wrong")
        assert [wrong.get("/project/").status_code for _ in range(10)] == [401] * 10
        response = wrong.get("/project/")
        assert response.status_code == 429
        assert response["Retry-After"] == "40"
        assert rest.get("/project/").status_code == 429
        assert rest.get("/project/", REMOTE_ADDR="127.0.0.2").status_code == 200

    def test_who_guesses_public_keys_is_stopped_too(self, rest):
        """S043: so is who looks for projects."""
        sent = {"HTTP_AUTHORIZATION": "Uploadcare.Simple nobody:secret"}
        assert [rest.get("/project/", **sent).status_code for _ in range(11)][-2:] == [401, 429]

    def test_requests_without_a_key_count_as_one(self):
        statuses = [Client().get("/project/", HTTP_ACCEPT=ACCEPT).status_code for _ in range(201)]
        assert statuses == [401] * 200 + [429]

    def test_zero_is_no_limit(self, rest, settings):
        settings.REST_PER_MINUTE_OF_ADDRESS = settings.REST_PER_MINUTE_OF_KEY = 0
        assert {rest.get("/project/").status_code for _ in range(10)} == {200}
        wrong = Rest(rest.project, "wrong")
        assert {wrong.get("/project/").status_code for _ in range(15)} == {401}


class TestCounting:
    @pytest.mark.parametrize("cache_url", ["", "redis://named"])
    def test_is_exact_under_many_at_once(self, settings, cache_url):
        settings.CACHE_URL = cache_url  # the tests' cache is in memory, with the same two steps
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 20
        request = RequestFactory().get("/info/")

        def passes(_):
            try:
                throttles.check_address(request)
            except Throttled:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(passes, range(200))) == 20

    @pytest.mark.parametrize("fault", [RedisAway("secret words"), OSError("no")])
    def test_a_cache_that_is_away_refuses_nobody(self, file, monkeypatch, settings, fault, caplog):
        settings.CACHE_URL = "redis://named"
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 1

        def fail(*args, **kwargs):
            raise fault

        monkeypatch.setattr(throttles.cache, "add", fail)
        assert [info(file).status_code for _ in range(3)] == [200] * 3
        assert "not counted" in caplog.text
        assert "secret words" not in caplog.text

    def test_a_count_that_was_thrown_out_refuses_nobody(self, file, monkeypatch, settings):
        settings.CACHE_URL = "redis://named"
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 1
        monkeypatch.setattr(throttles.cache, "add", lambda *args, **kwargs: None)
        assert [info(file).status_code for _ in range(3)] == [200] * 3

    def test_a_file_that_cannot_be_written_refuses_nobody(
        self, file, monkeypatch, settings, caplog, tmp_path
    ):
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 1
        away = SharedCounts(tmp_path / "no folder" / "counts")
        monkeypatch.setattr(throttles, "_on_this_machine", away)
        assert [info(file).status_code for _ in range(3)] == [200] * 3
        assert "not counted" in caplog.text


class TestClientOf:
    @pytest.mark.parametrize(
        ("behind_proxy", "forwarded", "address"),
        [
            (False, "192.0.2.9", "203.0.113.5"),
            (True, "192.0.2.9", "192.0.2.9"),
            (True, "10.0.0.1, 192.0.2.9", "192.0.2.9"),
            (True, "", "203.0.113.5"),
            (True, "192.0.2.9, what", "unknown"),
        ],
    )
    def test_is_told_by_our_own_proxy_and_by_nobody_else(
        self, settings, behind_proxy, forwarded, address
    ):
        settings.BEHIND_PROXY = behind_proxy
        request = RequestFactory().get(
            "/", REMOTE_ADDR="203.0.113.5", HTTP_X_FORWARDED_FOR=forwarded
        )
        assert throttles.client_of(request) == address

    @pytest.mark.parametrize(
        ("sent", "address"),
        [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
            ("", "unknown"),
        ],
    )
    def test_of_ipv6_is_the_network(self, sent, address):
        request = RequestFactory().get("/", REMOTE_ADDR=sent)
        assert throttles.client_of(request) == address
