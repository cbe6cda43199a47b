"""Which address a request comes from."""


def client_address(remote: str, forwarded_for: str, *, is_behind_proxy: bool) -> str:
    """The address of the client; behind a proxy the one that the proxy saw.

    A proxy appends to X-Forwarded-For, so only its last entry is the proxy's own word: what
    stands before it came with the request, and without a proxy all of it did.
    """
    seen = forwarded_for.rpartition(",")[2].strip()
    return seen if is_behind_proxy and seen else remote
