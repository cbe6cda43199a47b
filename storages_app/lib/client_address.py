"""Which address a request comes from."""

from collections.abc import Mapping
from typing import Any


def client_address(environ: Mapping[str, Any], *, is_behind_proxy: bool) -> str:
    """The address of the client, from the WSGI environment; behind a proxy the one that it saw.

    A proxy appends to X-Forwarded-For, so only its last entry is the proxy's own word: what
    stands before it came with the request, and without a proxy all of it did.
    """
    remote = str(environ.get("REMOTE_ADDR", ""))
    seen = str(environ.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    return seen if is_behind_proxy and seen else remote
