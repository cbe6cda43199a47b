"""S095: clients that send a byte a second hold up nobody, behind nginx as the docs set it up."""

import re
import socket
import statistics
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from tests.raw_upload import form
from tests.rig import nginx
from tests.rig.fixtures import need
from tests.rig.installation import ROOT, Installation

pytestmark = pytest.mark.real

N_SLOW = 500


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    need(nginx.binary() is not None, f"nginx is missing: apt-get install {nginx.PACKAGE}")
    made = Installation(tmp_path_factory.mktemp("slow-clients"))
    try:
        made.prepare()
        made.start_web()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def front(installation):
    (server,) = re.findall(
        r"```nginx\n(.*?)```", (ROOT / "docs" / "uploads.md").read_text(), re.DOTALL
    )
    assert "http://127.0.0.1:8000;" in server
    server = server.replace("http://127.0.0.1:8000;", f"http://127.0.0.1:{installation.port};")
    with nginx.running_nginx(installation.folder / "nginx", server) as address:
        yield address


@pytest.fixture
def host(installation):
    return {"Host": f"localhost:{installation.port}"}


@pytest.fixture
def slow_clients(front):
    """Half of them never end their head, half never their body; a call sends one byte of each."""
    parts = urlsplit(front)
    head = (
        "POST /base/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n"
    )
    with ExitStack() as stack:
        clients = []
        for number in range(N_SLOW):
            client = socket.create_connection((parts.hostname, parts.port), timeout=5)
            stack.callback(client.close)
            client.sendall((head + ("\r\n--" if number % 2 else "X-Slow: ")).encode())
            clients.append(client)

        def send_a_byte():
            for client in clients:
                client.sendall(b"x")

        yield send_a_byte


def test_five_hundred_slow_clients_hold_up_neither_health_nor_uploads(
    installation, front, host, slow_clients
):
    took = []
    for _ in range(5):
        slow_clients()
        began = time.monotonic()
        assert requests.get(f"{front}/health/live", headers=host, timeout=5).status_code == 200
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.5
    project = installation.create_project("Slow clients")
    answer = requests.post(
        f"{front}/base/",
        data=form(project.public_key),
        headers={**host, "Content-Type": "multipart/form-data; boundary=frontier"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def test_a_request_over_the_limit_is_refused_by_the_product(front, host):
    """The proxy lets a little more pass, so that clients read the text that they know."""
    headers = {**host, "Content-Type": "multipart/form-data; boundary=frontier"}
    body = b"x" * (104_857_600 + 1)
    answer = requests.post(f"{front}/base/", data=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.text) == (413, "The size of the request is too large.")
