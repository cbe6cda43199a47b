"""Whether the web server of this machine is ready: `python -m ucdash.healthy`, for a container.

Asked as the dashboard's host, since any other name is refused; in plain, since TLS ends before us.
"""

import http.client
import sys
from urllib.parse import urlsplit

from ucdash import env

_WITHIN_S = 5


def main() -> int:
    port = env.number("UCDASH_PORT", 8000, at_least=1)
    dashboard = env.url("UCDASH_DASHBOARD_URL", f"http://localhost:{port}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)
    try:
        connection.request("GET", "/health/ready", headers={"Host": urlsplit(dashboard).netloc})
        status = connection.getresponse().status
    except OSError as error:
        sys.stderr.write(f"Nobody answers on port {port}: {error}\n")
        return 1
    finally:
        connection.close()
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
