"""deploy/nginx/ucdash.conf: nginx with TLS and two hosts before a real installation."""

import datetime
import json
import os
import pwd
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import pictures
from tests.rig import nginx
from tests.rig.fixtures import need
from tests.rig.installation import ROOT, Installation
from tests.rig.processes import Process, free_port

pytestmark = pytest.mark.real

EXAMPLE = ROOT / "deploy" / "nginx" / "ucdash.conf"
DASHBOARD, API, FILES = "dash.example.com", "api.example.com", "files.example.com"
CONTENT = bytes(range(256)) * 1_000
_WRAPPED = """
user {user};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/ucdash.conf;
}}
"""


def certify(folder: Path, *names: str) -> None:
    """A certificate for these names that nobody but the tests trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, names)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Front:
    """The nginx of the example, on ports of its own."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        folder.mkdir()
        self.folder, self.plain_port, self.tls_port = folder, free_port(), free_port()
        certify(folder, DASHBOARD, API, "upload.example.com", FILES)
        written = EXAMPLE.read_text()
        for original, here in (
            ("listen 80", f"listen 127.0.0.1:{self.plain_port}"),
            ("listen 443", f"listen 127.0.0.1:{self.tls_port}"),
            ("/etc/ssl/ucdash/", f"{folder}/"),
            ("http://127.0.0.1:8000;", f"http://127.0.0.1:{installation.port};"),
            ("http://127.0.0.1:8001;", f"http://127.0.0.1:{installation.files_port};"),
            ("/srv/ucdash/var/", f"{installation.data_dir}/"),
        ):
            assert original in written
            written = written.replace(original, here)
        (folder / "ucdash.conf").write_text(written)
        user = pwd.getpwuid(os.geteuid()).pw_name
        (folder / "nginx.conf").write_text(_WRAPPED.format(folder=folder, user=user))
        self.command = [
            *(str(nginx.binary()), "-p", str(folder), "-c", str(folder / "nginx.conf")),
            *("-e", "stderr"),
        ]

    def ask(
        self, host: str, path: str, *, method: str = "GET", source: str = "127.0.0.1", **more: Any
    ) -> urllib3.BaseHTTPResponse:
        """As somebody at `source` who looked the name up; the certificate is checked."""
        more["headers"] = {"Host": host} | more.get("headers", {})
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.tls_port,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=str(self.folder / "fullchain.pem"),
            source_address=(source, 0),
            retries=False,
            timeout=30,
        ) as pool:
            return pool.request(method, path, **more)

    def ask_plainly(self, host: str, path: str) -> urllib3.BaseHTTPResponse:
        with urllib3.HTTPConnectionPool("127.0.0.1", self.plain_port, retries=False) as pool:
            return pool.request("GET", path, headers={"Host": host}, redirect=False)


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    need(nginx.binary() is not None, f"nginx is missing: apt-get install {nginx.PACKAGE}")
    made = Installation(
        tmp_path_factory.mktemp("behind-tls"),
        UCDASH_DASHBOARD_URL=f"https://{DASHBOARD}",
        UCDASH_API_URL=f"https://{API}",
        UCDASH_UPLOAD_URL="https://upload.example.com",
        UCDASH_CDN_URL=f"https://{FILES}",
        UCDASH_FILES_SENT_BY="x-accel",
        UCDASH_REST_PER_MINUTE_OF_ADDRESS="20",
    )
    try:
        made.prepare()
        made.start_web()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def front(installation):
    made = Front(installation.folder / "nginx", installation)
    process = Process("nginx", made.command, env=os.environ, log=made.folder / "nginx.log")
    try:
        process.wait_until(lambda: _answers(made), within=10, what="nginx")
        yield made
    finally:
        process.stop()


def _answers(front: Front) -> bool:
    try:
        return front.ask(DASHBOARD, "/health/live").status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(scope="module")
def project(installation):
    return installation.create_project("Behind TLS")


def upload(front: Front, project: Any, name: str, content: bytes) -> str:
    answer = front.ask(
        "upload.example.com",
        "/base/",
        method="POST",
        fields={
            "UPLOADCARE_PUB_KEY": project.public_key,
            "UPLOADCARE_STORE": "1",
            "file": (name, content),
        },
    )
    assert answer.status == 200, answer.data
    return str(json.loads(answer.data)["file"])


@pytest.fixture(scope="module")
def file(front, project):
    return upload(front, project, "digits.bin", CONTENT)


def test_nginx_finds_nothing_wrong_with_the_example(front):
    done = subprocess.run([*front.command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_what_is_uploaded_comes_back_whole_and_in_ranges(front, file):
    whole = front.ask(FILES, f"/{file}/")
    assert (whole.status, whole.data) == (200, CONTENT)
    part = front.ask(FILES, f"/{file}/", headers={"Range": "bytes=100003-100102"})
    assert (part.status, part.data) == (206, CONTENT[100_003:100_103])
    assert part.headers["Content-Range"] == f"bytes 100003-100102/{len(CONTENT)}"


def test_nginx_sends_the_bytes_and_keeps_our_headers(front, installation, file):
    """The product itself answers with a place and no byte."""
    with urllib3.HTTPConnectionPool("127.0.0.1", installation.files_port) as pool:
        asked = {"Host": FILES, "X-Forwarded-Proto": "https"}
        inside = pool.request("GET", f"/{file}/", headers=asked)
    assert inside.headers["X-Accel-Redirect"].startswith("/ucdash-originals/")
    assert inside.data == b""
    outside = front.ask(FILES, f"/{file}/")
    assert "X-Accel-Redirect" not in outside.headers
    for name in (
        *("Content-Security-Policy", "X-Content-Type-Options", "ETag", "Content-Type"),
        *("Access-Control-Allow-Origin", "Strict-Transport-Security"),
    ):
        assert outside.headers.getlist(name) == inside.headers.getlist(name), name
        assert outside.headers[name]


def test_a_processed_picture_comes_through(front, project):
    photo = upload(front, project, "cat.jpg", pictures.camera_jpeg())
    answer = front.ask(FILES, f"/{photo}/-/resize/40x/-/format/png/")
    assert answer.status == 200
    assert answer.data.startswith(b"\x89PNG")


def test_nobody_can_ask_for_the_folders(front, installation, file):
    (path,) = [path for path in (installation.data_dir / "uploads").rglob("*") if path.is_file()][
        :1
    ]
    inside = path.relative_to(installation.data_dir / "uploads")
    for host in (FILES, DASHBOARD):
        assert front.ask(host, f"/ucdash-originals/{inside}").status == 404


def test_the_client_cannot_choose_its_address(front):
    """A wrong key counts as 20 requests of an address, which is all that it has in a minute."""
    wrong = {"Authorization": "Uploadcare.Simple wrong:wrong"}
    accept = {"Accept": "application/vnd.uploadcare-v0.7+json"}
    lies = {
        "X-Forwarded-For": "192.0.2.7",
        "X_Forwarded_For": "192.0.2.7",
        "X-Real-IP": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
    }
    asked = {"source": "127.0.0.7", "headers": {**wrong, **accept, **lies}}
    assert front.ask(API, "/files/", **asked).status == 401
    asked["headers"]["X-Forwarded-For"] = "192.0.2.8, 192.0.2.9"
    assert front.ask(API, "/files/", **asked).status == 429
    asked["source"] = "127.0.0.8"
    assert front.ask(API, "/files/", **asked).status == 401, "another client has counts of its own"


def test_simple_passes_over_tls_and_nobody_can_claim_tls(front, installation, project):
    """A secret in plain is refused; only nginx's word counts for TLS, and it knows."""
    asked = {
        "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        "Accept": "application/vnd.uploadcare-v0.7+json",
    }
    assert front.ask(API, "/project/", source="127.0.0.9", headers=asked).status == 200
    answer = front.ask_plainly(API, "/project/")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{API}/project/")


def test_metrics_are_not_for_who_comes_through(front):
    assert front.ask(DASHBOARD, "/metrics").status == 404


def test_pages_are_only_at_their_own_name_and_cookies_are_for_tls_alone(front):
    page = front.ask(DASHBOARD, "/accounts/login/")
    assert page.status == 200
    assert page.headers["Set-Cookie"].startswith("__Host-")
    assert "Secure" in page.headers["Set-Cookie"]
    assert front.ask(API, "/accounts/login/", redirect=False).headers["Location"] == (
        f"https://{DASHBOARD}/accounts/login/"
    )
    assert front.ask(FILES, "/accounts/login/").status == 404


def test_another_name_gets_no_certificate(front):
    with pytest.raises(urllib3.exceptions.SSLError, match=r"(?i)unrecognized name"):
        front.ask("other.example.com", "/")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        front.ask_plainly("other.example.com", "/")


def test_what_is_too_large_is_refused_before_the_product_hears_of_it(front):
    answer = front.ask(FILES, "/", method="POST", body=b"x" * 1_100_000)
    assert answer.status == 413


def test_the_folders_are_handed_over_as_the_docs_say():
    """One of the two would be mended, and the other forgotten."""
    (page,) = re.findall(
        r"```nginx\n(.*?)```", (ROOT / "docs" / "operating.md").read_text(), re.DOTALL
    )
    assert _headers(page) == _headers(EXAMPLE.read_text())


def _headers(text: str) -> list[str]:
    return re.findall(r"add_header .*;", text)
