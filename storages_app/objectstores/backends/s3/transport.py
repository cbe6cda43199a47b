"""Signed requests through the guard, by two ways over the same wire.

The lean one signs by itself (`signing`) and is what copies go; the other lets a botocore client
write and read the XML of control calls and takes its requests out of its hands before they are
sent. botocore never opens a connection, follows a redirect, retries, or looks into the operator's
environment.
"""

import functools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlencode

import botocore.session
from botocore.auth import S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConstantProvider
from botocore.credentials import CredentialResolver, Credentials

from storages_app.lib.outbound import Address
from storages_app.lib.wire import Response, Wire
from storages_app.objectstores.backends.s3.address import BucketAddress
from storages_app.objectstores.backends.s3.signing import Signer
from storages_app.objectstores.backends.s3.translation import (
    error_of,
    has_error_body,
    is_listing,
    translated,
)
from storages_app.objectstores.base import Location
from storages_app.objectstores.errors import NotSupported, ObjectStoreError, ServerError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EMPTY_SHA256 = sha256().hexdigest()
STS_VERSION = "2011-06-15"
_USER_AGENT = "ucdash"
# Some say nothing at all until they are through, which with gigabytes takes minutes.
_PATIENCE = {"CompleteMultipartUpload": 10, "CopyObject": 10}
_MAX_ERROR_BODY = 64 * 1024
_MAX_BODY = 32 * 1024 * 1024  # 1,000 keys of a listing take a tenth of it


@dataclass(frozen=True)
class Answer:
    """A finished exchange."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Everything that leaves for one bucket, from all threads of the process."""

    def __init__(self, location: Location, address: BucketAddress, wire: Wire) -> None:
        self._location = location
        self._address = address
        self._wire = wire
        self._credentials = Credentials(
            location.access_key_id, location.secret_access_key, location.session_token or None
        )
        self._line = _Line(wire, self._credentials)
        self._signer = Signer(
            location.access_key_id,
            location.secret_access_key,
            location.session_token,
            region=address.region,
        )
        self._lock = threading.Lock()
        self._client: S3Client | None = None

    def exchange(
        self,
        operation: str,
        method: str,
        address: Address,
        *,
        headers: Mapping[str, str] | None = None,
        body: "bytes | Exactly" = b"",
        payload_sha256: str = EMPTY_SHA256,
    ) -> Answer:
        """One signed request and its whole answer; an error status raises."""
        signed = self._signed(method, address, headers or {}, payload_sha256)
        with self._line.opened(operation, method, address, signed, body) as response:
            limit = _MAX_BODY if method == "GET" else _MAX_ERROR_BODY
            return Answer(response.status, response.headers, _body_of(response, limit))

    @contextmanager
    def opened(
        self, operation: str, address: Address, headers: Mapping[str, str]
    ) -> Iterator[Response]:
        """A signed GET whose body the caller reads, inside `translated`."""
        signed = self._signed("GET", address, headers, EMPTY_SHA256)
        with self._line.opened(operation, "GET", address, signed, b"") as response:
            yield response

    def exchange_unsigned(self, operation: str, method: str, address: Address) -> Answer:
        """What a stranger gets."""
        headers = {"host": address.netloc, "user-agent": _USER_AGENT}
        with self._line.opened(operation, method, address, headers, b"") as response:
            return Answer(response.status, response.headers, _body_of(response, _MAX_BODY))

    def connect(self, address: Address) -> tuple[Mapping[str, str], str]:
        """The headers of whatever answers, and the version of TLS that was agreed on."""
        headers = {"host": address.netloc, "user-agent": _USER_AGENT}
        with translated("Connect"):
            response = self._wire.send("HEAD", address, headers=headers)
        response.close()  # an answer to HEAD has no body, so the connection is kept
        return response.headers, response.tls_version

    def ask_sts(self, address: Address) -> Answer:
        """Whose credentials these are."""
        asked = {"Action": "GetCallerIdentity", "Version": STS_VERSION}
        return ask_sts(self._wire, address, self._address.region, self._credentials, asked)

    def presigned(self, address: Address, *, seconds: int) -> str:
        request = AWSRequest(method="GET", url=address.origin + address.target)
        S3SigV4QueryAuth(self._credentials, "s3", self._address.region, expires=seconds).add_auth(
            request
        )
        return str(request.url)

    def _signed(
        self, method: str, address: Address, headers: Mapping[str, str], payload_sha256: str
    ) -> dict[str, str]:
        if self._location.account_id:
            headers = {**headers, "x-amz-expected-bucket-owner": self._location.account_id}
        return self._signer.signed(
            method, address, {"user-agent": _USER_AGENT, **headers}, payload_sha256
        )

    # --- Control calls by botocore -------------------------------------------------------------

    @property
    def client(self) -> "S3Client":
        """botocore's client, made at the first control call; shared by threads."""
        with self._lock:
            if self._client is None:
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if self._address.path_style else "virtual"},
            retries={"total_max_attempts": 1, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent=_USER_AGENT,
        )
        with _session_lock:
            client = _session().create_client(
                "s3",
                region_name=self._address.region,
                endpoint_url=self._address.endpoint.origin,
                aws_access_key_id=self._location.access_key_id,
                aws_secret_access_key=self._location.secret_access_key,
                aws_session_token=self._location.session_token or None,
                config=config,
            )
        send: Any = self._send_prepared  # the stubs know no handler that answers
        client.meta.events.register("before-send.s3", send)
        return cast("S3Client", client)

    def _send_prepared(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        """Send what botocore prepared. A fault raised here is what its caller gets."""
        operation = event_name.rpartition(".")[2]
        address = self._address.of_prepared(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers["host"] = address.netloc
        with self._line.opened(
            operation,
            request.method,
            address,
            headers,
            request.body or b"",
            patience=_PATIENCE.get(operation, 1),
        ) as response:
            body = _body_of(response, _MAX_BODY)
        if has_error_body(body):
            raise self._line.refusal(operation, response, body)
        if is_listing(body) and not operation.startswith("ListObjects"):
            # A server that knows no such setting lists the bucket instead (rclone serve s3).
            raise NotSupported(operation=operation, http_status=response.status)
        received: Any = response.headers
        return AWSResponse(request.url, response.status, received, _Read(body))

    def close(self) -> None:
        self._wire.clear()


@dataclass(frozen=True)
class _Line:
    """The way out for one identity; what it must not bring back is cut out of refusals."""

    wire: Wire
    credentials: Credentials

    @contextmanager
    def opened(
        self,
        operation: str,
        method: str,
        address: Address,
        headers: Mapping[str, str],
        body: "bytes | Exactly",
        *,
        patience: float = 1,
    ) -> Iterator[Response]:
        """Send and look at the status; the connection goes back only if all was read."""
        with translated(operation):
            response = self.wire.send(
                method, address, headers=headers, body=body, patience=patience
            )
        try:
            if response.status >= 300:
                with translated(operation):
                    text = response.read_all(_MAX_ERROR_BODY)
                raise self.refusal(operation, response, text)
            yield response
        finally:
            response.close()

    def refusal(self, operation: str, response: Response, body: bytes) -> ObjectStoreError:
        known = (self.credentials.access_key, self.credentials.secret_key, self.credentials.token)
        return error_of(
            operation,
            status=response.status,
            headers=response.headers,
            body=body,
            secrets=[text for text in known if text],
        )


def ask_sts(
    wire: Wire,
    address: Address,
    region: str,
    credentials: Credentials,
    parameters: Mapping[str, str],
) -> Answer:
    """One signed call of Amazon's identity service."""
    body = urlencode(parameters).encode()
    request = _request("POST", address, {"content-type": "application/x-www-form-urlencoded"})
    request.data = body
    SigV4Auth(credentials, "sts", region).add_auth(request)
    headers = dict(request.headers.items())
    line = _Line(wire, credentials)
    with line.opened(parameters["Action"], "POST", address, headers, body) as response:
        return Answer(response.status, response.headers, _body_of(response, _MAX_ERROR_BODY))


class _Read(BytesIO):
    """A body that was read already, as botocore reads one."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _request(method: str, address: Address, headers: Mapping[str, str]) -> AWSRequest:
    return AWSRequest(
        method=method,
        url=address.origin + address.target,
        headers={"host": address.netloc, "user-agent": _USER_AGENT, **headers},
    )


class Exactly:
    """The next `size` bytes of a file as a request body; fewer are an error, more are not read."""

    def __init__(self, body: BinaryIO, size: int) -> None:
        self._body = body
        self._size = self._left = size

    def read(self, amount: int = -1) -> bytes:
        wanted = self._left if amount < 0 else min(amount, self._left)
        if not wanted:
            return b""
        chunk = self._body.read(wanted)
        if not chunk:
            raise source_ended(self._size - self._left, self._size)
        self._left -= len(chunk)
        return chunk


def source_ended(after: int, size: int) -> ObjectStoreError:
    return ObjectStoreError(f"The source ended after {after} of {size} bytes.")


def _body_of(response: Response, limit: int) -> bytes:
    with translated("the answer"):
        body = response.read_all(limit + 1)
    if len(body) > limit:
        raise ServerError("The answer is too long.", http_status=response.status)
    return body


_session_lock = threading.Lock()  # a session may not make two clients at once


def forget_locks() -> None:
    """In a forked child, where a thread that is no more may have held one."""
    global _session_lock  # noqa: PLW0603
    _session_lock = threading.Lock()


@functools.cache
def _session() -> botocore.session.Session:
    """A session that reads no environment variable and no file of the operator's.

    Shared, because a session of its own costs a client 130 ms and 12 MB.
    """
    session = botocore.session.Session()
    settings = session.get_component("config_store")
    for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        settings.set_config_provider(name, ConstantProvider(default))
    for name in ("config_file", "credentials_file"):
        settings.set_config_provider(name, ConstantProvider(os.devnull))
    for name in ("s3", "proxies_config"):
        settings.set_config_provider(name, ConstantProvider(None))
    session.register_component("credential_provider", CredentialResolver([]))
    return session
