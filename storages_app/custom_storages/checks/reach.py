"""Does anything answer at the endpoint?"""

from time import perf_counter

from storages_app.custom_storages.probe import BOTH_KINDS, Advice, Level, Probe, check
from storages_app.objectstores.errors import (
    ConnectionFailed,
    EndpointForbidden,
    HostNotFound,
    ObjectStoreError,
    TimedOut,
    TlsFailed,
)

_NO_ANSWER = (ConnectionFailed, EndpointForbidden, TimedOut, TlsFailed)


@check(
    "reach",
    name="Address answers",
    position=10,
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
                    "https://ACCOUNT_ID.r2.cloudflarestorage.com, for B2 "
                    "https://s3.REGION.backblazeb2.com."
                ),
                "If the name is internal, the operator must make it resolvable.",
            ],
        ),
        ConnectionFailed: Advice(
            "No server was found at {host}.",
            "The connection was refused or broke off.",
            ["Check the host and the port.", "Look whether the server is running."],
        ),
        TimedOut: Advice(
            "{host} did not answer in time.",
            "A firewall may block this instance.",
            ["Allow outgoing connections from this instance to {host}."],
        ),
        TlsFailed: Advice(
            "The certificate of {host} was not trusted.",
            "It is not made for this name, has run out, or its authority is unknown here.",
            [
                "Use the host name on the certificate.",
                "For a private CA the operator adds it; checks are not turned off.",
            ],
        ),
        EndpointForbidden: Advice(
            "{host} is an address that this instance does not talk to.",
            "It is private or plain http, and neither is allowed unless the operator lets it in.",
            [
                "Use the public https address of the provider.",
                "Or ask the operator to add {host} to UCDASH_ALLOWED_PRIVATE_HOSTS.",
            ],
        ),
    },
)
def reach(probe: Probe) -> str:
    """Ask for an object as a stranger: any answer, even a refusal, comes from a server."""
    started = perf_counter()
    try:
        probe.outside.get_anonymously(probe.key)
    except _NO_ANSWER:
        raise
    except ObjectStoreError:
        pass  # an S3 that says no has answered
    return f"{probe.host} answered in {(perf_counter() - started) * 1000:.0f} ms"
