"""The same doors behind gunicorn, as they run in production."""

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import ACCEPT, now_as_date, sign
from tests.raw_upload import form, send

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def demo(installation):
    return installation.create_project("Web server")


def counts(installation, demo):
    """Files in the database, and temporary files on the disk."""
    ((n_files,),) = installation.query(
        "SELECT count(*) FROM storages_app_file f JOIN storages_app_project p"
        f" ON p.id = f.project_id WHERE p.public_key = '{demo.public_key}'"
    )
    return n_files, len(list((installation.data_dir / "incoming").iterdir()))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_client_that_goes_away_leaves_nothing(installation, demo, kept):
    n_files, _ = counts(installation, demo)
    body = form(demo.public_key, b"x" * 1_000_000)
    answer = send(installation.url, body[: int(len(body) * kept)], length=len(body))
    assert answer.startswith("HTTP/1.1 400 ")
    assert counts(installation, demo) == (n_files, 0)


@pytest.mark.parametrize("difference", [-5, 1, 1_000])
def test_a_length_that_lies_leaves_nothing(installation, demo, difference):
    n_files, _ = counts(installation, demo)
    body = form(demo.public_key, b"x" * 100_000)
    answer = send(installation.url, body, length=len(body) + difference)
    assert answer.startswith("HTTP/1.1 400 ")
    assert counts(installation, demo) == (n_files, 0)


def test_a_request_over_the_limit_hears_why_at_once(installation, demo):
    started = time.monotonic()
    answer = send(installation.url, b"", length=500_000_000)
    assert answer.startswith("HTTP/1.1 413 ")
    assert time.monotonic() - started < 5


def test_uploads_at_once_are_all_kept_with_times_of_their_own(installation, demo):
    n_before, _ = counts(installation, demo)
    bodies = [form(demo.public_key, b"%d" % n) for n in range(64)]
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(send, installation.url, body, length=len(body)) for body in bodies]
    answers = [one.result() for one in sent]
    assert all(answer.startswith("HTTP/1.1 200 ") for answer in answers), answers
    assert counts(installation, demo) == (n_before + 64, 0)


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
