"""Say clearly, before anything starts, that a port is taken: `python -m ucdash.ports`."""

import errno
import os
import socket
import sys
from collections.abc import Iterator


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen there now. SO_REUSEADDR, as gunicorn: TIME_WAIT is no server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def complaints(wanted: dict[str, tuple[str, int]]) -> Iterator[str]:
    """A sentence for each of `wanted` (variable → host, port) whose port is not to be had."""
    seen: dict[int, str] = {}
    for name, (host, port) in wanted.items():
        if port in seen:
            yield f"{name} and {seen[port]} are both {port}. Give each its own port."
        elif not is_free(host, port):
            yield f"Port {port} is in use. Start with another: {name}={port + 10} make run"
        seen[port] = name


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")
    from django.conf import settings

    found = list(
        complaints(
            {
                "UCDASH_PORT": (settings.BIND, settings.PORT),
                "UCDASH_FILES_PORT": (settings.BIND, settings.FILES_PORT),
                "UCDASH_DEMO_S3_PORT": ("127.0.0.1", settings.DEMO_S3_PORT),
            }
        )
    )
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
