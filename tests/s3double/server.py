"""The server itself: sockets, threads and what is written on the wire."""

import contextlib
import random
import socket
import socketserver
import ssl
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import boto3
from botocore.config import Config

from tests.s3double import service, signatures
from tests.s3double.accounts import Account, Block, Directory, KmsKey, Role, User
from tests.s3double.buckets import Bucket, Encryption, ObjectLock
from tests.s3double.errors import NotModified, S3Error
from tests.s3double.exchange import Answer, http_date
from tests.s3double.faults import Fault, Faults, Quirks, disfigure
from tests.s3double.policies import Policy
from tests.s3double.requests import Request, receive
from tests.s3double.service import Call

_KEPT_CALLS = 50_000
_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-central-1", "eu-west-1", "eu-west-2",
    "eu-north-1", "ap-southeast-1", "ap-northeast-1", "sa-east-1", "cn-north-1", "us-gov-west-1",
)  # fmt: skip
_HAPPEN_TO_AN_ANSWER = {"lost", "truncate", "damage", "corrupt", "wrong_etag", "error_in_200"}
_DEFAULT_ACCOUNT = "111122223333"


class S3Double:
    """A strict S3 in this process: `with S3Double() as double: …`

    It speaks HTTP on a free port of loopback and listens from its making on. Its state is plain
    and may be changed while it runs.
    """

    def __init__(self, seed: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self.directory = Directory()
        self.buckets: dict[str, Bucket] = {}
        self.regions: tuple[str, ...] = _REGIONS
        self.quirks = Quirks()
        self.faults = Faults(seed)
        self.log: list[Call] = []
        self.failures: list[BaseException] = []  # mistakes of this double itself
        self.is_tls = tls is not None
        self._ids = random.Random(seed)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._server = _Server(self, tls)

    # --- Life ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Break what is open; a mistake of the double's own is raised here."""
        self._closing.set()
        self._server.stop()
        if self.failures:
            raise self.failures[0]

    @property
    def host_and_port(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.port

    @property
    def endpoint_url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self._server.port}"

    @property
    def sts_url(self) -> str:
        return self.endpoint_url

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.quirks.clock_offset_s)

    def new_id(self) -> str:
        with self._lock:
            return f"{self._ids.getrandbits(128):032x}"

    # --- Who and what is there -----------------------------------------------------------------

    def add_account(self, account_id: str = _DEFAULT_ACCOUNT, *, partition: str = "aws") -> Account:
        """An account with keys of its root user; the same one if it is there."""
        if account_id not in self.directory.accounts:
            account = Account(account_id, partition)
            self.directory.accounts[account_id] = account
            self.directory.key_pair(account)
        return self.directory.accounts[account_id]

    def _account(self, account: Account | str) -> Account:
        return account if isinstance(account, Account) else self.add_account(account)

    def add_user(
        self,
        name: str,
        *,
        account: Account | str = _DEFAULT_ACCOUNT,
        policies: Sequence[Policy] = (),
    ) -> User:
        user = User(name, self._account(account), list(policies))
        self.directory.users[user.arn] = user
        self.directory.key_pair(user)
        return user

    def add_role(
        self,
        name: str,
        *,
        account: Account | str = _DEFAULT_ACCOUNT,
        trust: Policy,
        policies: Sequence[Policy] = (),
        max_seconds: int = 3600,
    ) -> Role:
        role = Role(name, self._account(account), trust, list(policies), max_seconds)
        self.directory.roles[role.arn] = role
        return role

    def add_kms_key(
        self,
        alias: str = "",
        *,
        account: Account | str = _DEFAULT_ACCOUNT,
        region: str = "us-east-1",
        policy: Policy | None = None,
        state: str = "Enabled",
    ) -> KmsKey:
        bits = self.new_id()
        key_id = "-".join([bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]])
        key = KmsKey(key_id, self._account(account), region, policy, state, alias)
        self.directory.kms_keys.append(key)
        return key

    def add_bucket(
        self,
        name: str,
        *,
        account: Account | str = _DEFAULT_ACCOUNT,
        region: str = "us-east-1",
        ownership: str = "BucketOwnerEnforced",
        block_public_access: bool | Block | None = True,
        policy: Policy | None = None,
        versioning: bool | str = False,
        object_lock: ObjectLock | None = None,
        encryption: Encryption | None = Encryption(),  # noqa: B008  (frozen)
        lifecycle: Sequence[dict[str, Any]] = (),
    ) -> Bucket:
        """As Amazon makes one today: ACLs off, all four switches on, its own keys.

        None for `block_public_access` or `encryption` has no such setting: reading it is 404.
        """
        block = Block.all_on() if block_public_access is True else block_public_access
        bucket = Bucket(
            name,
            self._account(account),
            region=region,
            ownership=ownership,
            block=Block() if block is False else block,
            policy=policy,
            versioning=versioning,
            object_lock=object_lock,
            encryption=encryption,
            lifecycle=list(lifecycle),
            created_at=self.now(),
        )
        self.buckets[name] = bucket
        return bucket

    def expire(self, access_key_id: str) -> None:
        """Let temporary credentials run out now."""
        self.directory.credentials[access_key_id].expires_at = self.now()

    def client(
        self,
        who: Account | User | None = None,
        service_name: str = "s3",
        *,
        region: str = "us-east-1",
        access_key_id: str = "",
        secret_access_key: str = "",
        session_token: str | None = None,
        **config: Any,
    ) -> Any:
        """A boto3 client that tries once; close it."""
        return boto3.client(  # type: ignore[call-overload]
            service_name,
            endpoint_url=self.endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id or (who.access_key_id if who else "none"),
            aws_secret_access_key=secret_access_key or (who.secret_access_key if who else "none"),
            aws_session_token=session_token,
            config=Config(
                **{
                    "signature_version": "s3v4" if service_name == "s3" else "v4",
                    "s3": {"addressing_style": "path"},
                    "retries": {"total_max_attempts": 1},
                    **config,
                }
            ),
        )

    # --- Requests ------------------------------------------------------------------------------

    def signed_region(self, request: Request) -> str:
        found = signatures.read(request.headers, request.query)
        return found.region if found else ""

    def calls(self, operation: str) -> list[Call]:
        return [call for call in self.log if call.operation == operation]

    def began(self, request: Request) -> int:
        """When a request came in, as its bucket counts."""
        bucket = self.buckets.get(request.bucket)
        return bucket.tick() if bucket else 0

    def note(self, request: Request) -> Call:
        call = Call(
            service.named(request),
            request.method,
            request.bucket,
            request.key,
            expected_owner=request.header("x-amz-expected-bucket-owner"),
            headers={
                name: value
                for name, value in request.headers.items()
                if name not in {"authorization", "x-amz-security-token"}
            },
        )
        with self._lock:
            if len(self.log) >= _KEPT_CALLS:
                del self.log[: _KEPT_CALLS // 2]
            self.log.append(call)
        return call

    def answer(self, request: Request, started: int, call: Call, fault: Fault | None) -> Answer:
        if self.quirks.delay_s:
            self.wait(self.quirks.delay_s)
        try:
            if fault:
                raise S3Error(fault.code, fault.message, status=fault.status, headers=fault.headers)
            with self._lock:
                found = service.answer(self, request, started, call)
        except NotModified:
            found = Answer(304)
        except S3Error as error:
            call.code = error.code
            found = service.of_error(self, request, error)
        except Exception as error:  # noqa: BLE001  (the test that made it happen shall know)
            self.failures.append(error)
            call.code = "MistakeOfTheDouble"
            found = service.of_error(self, request, S3Error("InternalError", repr(error)))
        call.status = found.status
        self._add_headers(request, found)
        return found

    def _add_headers(self, request: Request, found: Answer) -> None:
        found.headers = {
            "x-amz-request-id": self.new_id()[:16].upper(),
            "x-amz-id-2": "double",
            "date": http_date(self.now()),
            "server": "AmazonS3",
            **found.headers,
        }
        bucket = self.buckets.get(request.bucket)
        if bucket and not request.key and not self.quirks.no_region_told:
            found.headers.setdefault("x-amz-bucket-region", bucket.region)

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than the server lives."""
        self._closing.wait(seconds)


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, double: S3Double, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.double, self._tls = double, tls
        self.port = int(self.server_address[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_stopped = False
        self._acceptor = threading.Thread(target=self._accept, name=f"s3double-{self.port}")
        self._acceptor.start()

    def _accept(self) -> None:
        """serve_forever() would look for its end only twice a second."""
        while True:
            try:
                connection, address = self.get_request()
            except OSError:
                if self._is_stopped:
                    return
                continue  # a client that was gone before its hand was shaken
            with self._lock:
                if self._is_stopped:
                    connection.close()
                    return
                self._open.add(connection)
            self.process_request(connection, address)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:  # hands are shaken by the thread that serves
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away; what is wrong in the double itself is kept by it."""

    def stop(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True
    server: _Server

    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def log_message(self, *_: object) -> None:
        """The double's own log is better."""

    def _serve(self) -> None:
        double = self.server.double
        headers = {
            name.lower(): value.encode("latin-1").decode("utf-8", errors="replace").strip()
            for name, value in self.headers.items()
        }
        target = self.requestline.split(" ")[1]  # self.path has lost the slashes it began with
        request = Request.of(self.command, target, headers)
        started = double.began(request)
        try:
            request.body = receive(cast("BinaryIO", self.rfile), headers)
        except S3Error:  # the sender is gone
            self.close_connection = True
            return
        call = double.note(request)
        fault = double.faults.next(call.operation, request.key)
        how = fault.code.partition(":")[0] if fault else ""
        if how in {"reset", "stall"}:
            call.code = how
            double.wait(float(fault.code.partition(":")[2] or 0) if fault else 0)
            self._break()
            return
        request.is_damaged = how == "damage"
        is_error = bool(fault) and how not in _HAPPEN_TO_AN_ANSWER
        found = double.answer(request, started, call, fault if is_error else None)
        if fault:
            disfigure(found, how, request.operation)
        if how == "lost":
            call.code = how
            self._break()
            return
        self._send(found, is_cut=how == "truncate")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _break(self) -> None:
        """As a crash does: a reset instead of an end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )

    def _send(self, found: Answer, *, is_cut: bool) -> None:
        has_body = self.command != "HEAD" and found.status not in {204, 304}
        length = found.length if found.chunks or not has_body else len(found.body)
        lines = [f"HTTP/1.1 {found.status} {_phrase(found.status)}"]
        lines += [f"{name}: {value}" for name, value in found.headers.items()]
        if found.status not in {204, 304}:
            lines.append(f"content-length: {length}")
        left = length // 2 if is_cut else length
        try:
            self.wfile.write("\r\n".join([*lines, "", ""]).encode())
            for chunk in found.chunks() if found.chunks and has_body else [found.body]:
                if has_body:
                    self.wfile.write(chunk[:left])
                    left -= len(chunk[:left])
            self.wfile.flush()
        except OSError:
            self.close_connection = True
        if is_cut:
            self.close_connection = True


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Said"
