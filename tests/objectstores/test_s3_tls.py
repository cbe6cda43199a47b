"""Endpoints whose TLS is not to be trusted are refused, and told what is wrong (S053)."""

import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from storages_app.lib import outbound
from storages_app.lib.outbound import Policy
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location
from storages_app.objectstores.errors import ConnectionFailed, TlsFailed

HOST = "localhost"
DAY = timedelta(days=1)


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    def issue(
        self, folder: Path, host: str, *, ends: timedelta = DAY, begins: timedelta = -2 * DAY
    ) -> Path:
        """A certificate for a host with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(_name(host), key, self, host=host, begins=begins, ends=ends)
        return _written(folder / f"{host}.pem", signed, key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(subject, key, authority, *, host="", begins=-2 * DAY, ends=DAY):
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=not host, path_length=None), critical=True)
    )
    if host:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _written(path: Path, certificate: x509.Certificate, key) -> Path:
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


@pytest.fixture
def authority(tmp_path, monkeypatch) -> Authority:
    """One that this process trusts, as an operator's private one."""
    key = ec.generate_private_key(ec.SECP256R1())
    found = Authority(_name("the authority of the tests"), key)
    own = _written(tmp_path / "ca.pem", _certificate(found.name, key, found), key)
    context = ssl.create_default_context(cafile=own)
    context.minimum_version = outbound.tls_context().minimum_version
    monkeypatch.setattr(outbound, "tls_context", lambda: context)
    return found


class _Answer(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(403)
        self.end_headers()

    def log_message(self, *args):
        pass


Serve = Callable[[Path], S3Store]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with a certificate; a store whose endpoint it is."""
    stops = []

    def start(pem: Path | None, limit: Callable[[ssl.SSLContext], None] = lambda _: None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        server.handle_error = lambda *args: None  # refused handshakes are what is tested
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            limit(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        port = server.server_address[1]
        store = S3Store(
            Location(
                "a-bucket",
                "us-east-1",
                "AKIATEST",
                "secret",
                f"https://{HOST}:{port}",
                path_style=True,
            ),
            policy=Policy(allowed_private=frozenset({(HOST, port)})),
        )
        stops.append((store, server, thread))
        return store

    yield start
    for store, server, thread in stops:
        store.close()
        server.shutdown()
        thread.join()
        server.server_close()


def refused(store: S3Store) -> TlsFailed:
    with pytest.raises(TlsFailed) as caught:
        store.connection()
    with pytest.raises(TlsFailed):
        list(store.list_objects())  # the way through botocore
    return caught.value


def test_a_good_one_is_talked_to_and_its_version_told(authority, serve, tmp_path):
    found = serve(authority.issue(tmp_path, HOST)).connection()
    assert found.host == HOST
    assert found.tls_version == "TLSv1.3"
    assert abs(found.clock_offset_s) < 5


def test_an_older_version_that_will_do_is_told(authority, serve, tmp_path):
    def limit(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    assert serve(authority.issue(tmp_path, HOST), limit).connection().tls_version == "TLSv1.2"


def test_versions_below_are_refused(authority, serve, tmp_path):
    def limit(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1

    assert refused(serve(authority.issue(tmp_path, HOST), limit)).reason == "protocol too old"


def test_expired(authority, serve, tmp_path):
    assert refused(serve(authority.issue(tmp_path, HOST, ends=-DAY))).reason == "expired"


def test_not_valid_yet(authority, serve, tmp_path):
    pem = authority.issue(tmp_path, HOST, begins=DAY, ends=2 * DAY)
    assert refused(serve(pem)).reason == "not valid yet"


def test_of_another_host(authority, serve, tmp_path):
    assert refused(serve(authority.issue(tmp_path, "other.example"))).reason == "wrong host"


def test_of_an_unknown_authority(authority, serve, tmp_path):
    stranger = Authority(_name("a stranger"), ec.generate_private_key(ec.SECP256R1()))
    assert refused(serve(stranger.issue(tmp_path, HOST))).reason == "unknown authority"


def test_self_signed(authority, serve, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    itself = Authority(_name(HOST), key)
    pem = _written(tmp_path / "own.pem", _certificate(itself.name, key, itself, host=HOST), key)
    assert refused(serve(pem)).reason == "self-signed"


def test_no_tls_at_all(authority, serve):
    assert refused(serve(None)).reason == "no TLS"


def test_a_connection_that_breaks_is_not_about_the_certificate(authority, serve, canned, tmp_path):
    location = Location(
        "a-bucket", "us-east-1", "AKIATEST", "secret", f"https://{HOST}:1", path_style=True
    )
    nobody = S3Store(location, policy=Policy(allowed_private=frozenset({(HOST, 1)})))
    with pytest.raises(ConnectionFailed):
        nobody.connection()
    nobody.close()
