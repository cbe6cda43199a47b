"""The same doors behind gunicorn, as they run in production."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import ACCEPT, now_as_date, sign
from tests.raw_upload import form, part, send

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def demo(installation):
    return installation.create_project("Web server")


@pytest.fixture
def grown(installation, demo):
    """How many files the project has more by now, and what new temporary files are on the disk.

    Not all temporary files: in the same installation a fetch of another test may still go on.
    """
    n_before, before = n_files(installation, demo), temporary_files(installation)
    return lambda: (
        n_files(installation, demo) - n_before,
        temporary_files(installation) - before,
    )


def temporary_files(installation):
    return {path.name for path in (installation.data_dir / "incoming").iterdir()}


def n_files(installation, demo):
    ((found,),) = installation.query(
        "SELECT count(*) FROM storages_app_file f JOIN storages_app_project p"
        f" ON p.id = f.project_id WHERE p.public_key = '{demo.public_key}'"
    )
    return found


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_client_that_goes_away_leaves_nothing(installation, demo, grown, kept):
    """F01"""
    body = form(demo.public_key, b"x" * 1_000_000)
    answer = send(installation.url, body[: int(len(body) * kept)], length=len(body))
    assert answer.startswith("HTTP/1.1 400 ")
    assert grown() == (0, set())


@pytest.mark.parametrize("difference", [-5, 1, 1_000])
def test_a_length_that_lies_leaves_nothing(installation, demo, grown, difference):
    """F02"""
    body = form(demo.public_key, b"x" * 100_000)
    answer = send(installation.url, body, length=len(body) + difference)
    assert answer.startswith("HTTP/1.1 400 ")
    assert grown() == (0, set())


def test_a_request_over_the_limit_hears_why_at_once(installation, demo):
    started = time.monotonic()
    answer = send(installation.url, b"", length=500_000_000)
    assert answer.startswith("HTTP/1.1 413 ")
    assert time.monotonic() - started < 5


END = b"--frontier--\r\n"
TOO_MUCH = {
    "10,000 fields": lambda: b"".join(part(f"f{n}", b"x") for n in range(10_000)) + END,
    "1,000 files": lambda: b"".join(part(f"f{n}", b"x", filename="x") for n in range(1_000)) + END,
    "a field of 100 MB": lambda: part("field", b"x" * 100_000_000) + END,
    "a boundary that is never closed": lambda: part("file", b"x" * 1_000_000, filename="x"),
    "a part's header of 1 MB": lambda: part("x" * 1_000_000, b"x", filename="x") + END,
}


class TestAbuse:
    """S093: what is far too much is refused in a moment, and costs no memory."""

    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, installation, demo, grown):
        send(installation.url, form(demo.public_key), length=len(form(demo.public_key)))
        before = peak_mb(installation)
        yield
        assert grown() == (1, set())  # the one that was sent here
        assert peak_mb(installation) - before <= 64

    @pytest.mark.parametrize("what", TOO_MUCH)
    def test_of_what_is_too_much(self, installation, what):
        body = TOO_MUCH[what]()
        started = time.monotonic()
        answer = send(installation.url, body, length=len(body))
        assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 413 ")), answer
        assert time.monotonic() - started < 3  # 1 s where nobody else needs the machine

    @pytest.mark.parametrize(
        "headers", [{"headers": f"X-Long: {'x' * 1_000_000}\r\n"}, {"boundary": "b" * 1_000_000}]
    )
    def test_of_heads_of_a_megabyte(self, installation, headers):
        started = time.monotonic()
        with suppress(ConnectionError):  # closed while we were still sending
            answer = send(installation.url, b"", length=0, **headers)
            assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 431 ")), answer
        assert time.monotonic() - started < 3


def peak_mb(installation):
    """The most memory that the web processes had so far."""
    web = next(process for process in installation.processes if process.name == "web")
    peak = 0
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            facts = dict(line.split(":", 1) for line in path.read_text().splitlines())
            if str(web.pid) in {facts["Pid"].strip(), facts["PPid"].strip()}:
                peak += int(facts.get("VmHWM", "0 kB").split()[0]) // 1024
    return peak


def test_uploads_at_once_are_all_kept_with_times_of_their_own(installation, demo, grown):
    bodies = [form(demo.public_key, b"%d" % n) for n in range(64)]
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(send, installation.url, body, length=len(body)) for body in bodies]
    answers = [one.result() for one in sent]
    assert all(answer.startswith("HTTP/1.1 200 ") for answer in answers), answers
    assert grown() == (64, set())


def test_a_signature_covers_the_address_as_it_was_sent(installation, demo):
    parts = urlsplit(installation.url)
    connected = HTTPConnection(parts.hostname, parts.port, timeout=10)
    uri = "/files/%7E/?a=%2B&b=~&c"
    date = now_as_date()
    signature = sign(demo.secret_key, "GET", uri, date)
    headers = {
        "Accept": ACCEPT,
        "Content-Type": "application/json",
        "Date": date,
        "Authorization": f"Uploadcare {demo.public_key}:{signature}",
    }
    try:
        statuses = []
        for sent in (uri, uri.replace("%7E", "~")):
            connected.request("GET", sent, headers=headers)
            answer = connected.getresponse()
            answer.read()
            statuses.append(answer.status)
    finally:
        connected.close()
    assert statuses == [404, 401]
