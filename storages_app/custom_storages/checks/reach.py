"""Does anything answer at the endpoint?"""

from time import monotonic

from storages_app.custom_storages.probe import (
    BOTH_KINDS,
    Advice,
    Level,
    Noted,
    Probe,
    Refused,
    check,
)
from storages_app.objectstores.errors import (
    ConnectionFailed,
    EndpointForbidden,
    HostNotFound,
    TimedOut,
    TlsFailed,
)

_LET_IN = "Ask the operator to add it to the endpoint allow-list, UCDASH_ALLOWED_PRIVATE_HOSTS."
_FORBIDDEN = {"private": "private_address", "http": "plain_http", "port": "port_forbidden"}
_NO_TRUST = {"no TLS": "no_tls", "protocol too old": "tls_too_old"}


@check(
    "reach",
    name="Address answers",
    position=20,
    level=Level.REQUIRED,
    kinds=BOTH_KINDS,
    requires=["input"],
    failures={
        HostNotFound: Advice(
            "No server was found at {host}.",
            "The name does not resolve from this instance.",
            [
                (
                    "Check the address for typing errors. For R2 it is "
                    "`https://ACCOUNT_ID.r2.cloudflarestorage.com`, for B2 "
                    "`https://s3.REGION.backblazeb2.com`."
                ),
                "If the name is internal, the operator must make it resolvable.",
            ],
        ),
        ConnectionFailed: Advice(
            "No server was found at {host}.",
            "The connection was refused or broke off.",
            ["Check the host and the port.", "Look whether the server is running."],
        ),
        TlsFailed: Advice(
            "The certificate of {host} was not trusted: {reason}.",
            "Keys and files are sent only to a server that proves its name.",
            [
                "Use the host name on the certificate.",
                "For a private CA the operator adds it; checks are not turned off.",
            ],
        ),
    },
    refusals={
        "timeout": Advice(
            "{host} did not answer in {s} s.",
            "A firewall may block this instance.",
            ["Allow outgoing HTTPS from {egress_ip}."],
        ),
        "private_address": Advice(
            "{host} is a private address, and this instance does not allow those.",
            "It lies in a network that is not meant to be reached from outside.",
            [_LET_IN],
        ),
        "plain_http": Advice(
            "The address is http. Keys and files would travel unprotected.",
            "Everybody on the way could read them.",
            ["Use https; the operator may allow http for local tests."],
        ),
        "port_forbidden": Advice(
            "The port of {host} is one that this instance does not talk to.",
            "It belongs to another service than a bucket.",
            ["Use the address that the provider gives for S3.", _LET_IN],
        ),
        "no_tls": Advice(
            "{host} does not speak TLS.",
            "What answered there answered in plain http.",
            ["Check the port: https is usually on 443.", "Or turn TLS on at the server."],
        ),
        "tls_too_old": Advice(
            "{host} speaks only an old TLS.",
            "TLS 1.2 is the least that this instance takes.",
            ["Update the server, or the proxy before it."],
        ),
    },
    notes={
        "plain_http": Advice(
            "{host} answered in {ms} ms over plain http",
            "Keys and files travel unprotected; the operator of this instance allows it here.",
            ["Use https for anything but local tests."],
        ),
    },
)
def reach(probe: Probe) -> str | Noted:
    """Send one unsigned request: any answer, even a refusal, comes from a server."""
    started = monotonic()
    try:
        found = probe.connected = probe.outside.connection()
    except TimedOut as error:
        raise Refused("timeout", error=error, s=max(1, round(monotonic() - started))) from error
    except EndpointForbidden as error:
        raise Refused(_FORBIDDEN.get(error.reason, "private_address"), error=error) from error
    except TlsFailed as error:
        if error.reason in _NO_TRUST:
            raise Refused(_NO_TRUST[error.reason], error=error) from error
        raise
    ms = f"{found.milliseconds:.0f}"
    if not found.tls_version:
        return Noted("plain_http", facts={"ms": ms})
    return f"{probe.host} answered in {ms} ms over {found.tls_version.replace('TLSv', 'TLS ')}"
