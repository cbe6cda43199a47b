"""Say clearly, before anything starts, that a port is taken: `python -m ucdash.ports`."""

import errno
import os
import socket
import sys
from collections.abc import Iterator

from ucdash import demo_s3


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


def complaints(wanted: dict[str, tuple[str, list[int]]]) -> Iterator[str]:
    """A sentence for each of `wanted` (variable → host, ports) whose ports are not to be had."""
    given: dict[int, str] = {}
    for name, (host, ports) in wanted.items():
        twice = [port for port in ports if port in given]
        taken = [port for port in ports if not is_free(host, port)]
        if twice:
            yield f"{name} and {given[twice[0]]} want the same port {twice[0]}. Change one of them."
        elif taken:
            yield (
                f"Port {taken[0]} is in use. "
                f"Start with another: {name}={ports[0] + len(ports) + 9} make run"
            )
        given |= dict.fromkeys(ports, name)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")
    from django.conf import settings

    found = list(
        complaints(
            {
                "UCDASH_PORT": (settings.BIND, [settings.PORT]),
                "UCDASH_FILES_PORT": (settings.BIND, [settings.FILES_PORT]),
                "UCDASH_DEMO_S3_PORT": ("127.0.0.1", demo_s3.ports(settings.DEMO_S3_PORT)),
            }
        )
    )
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
