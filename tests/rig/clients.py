"""Unmodified official clients, pointed at an installation by their settings."""

import contextlib
from collections.abc import Iterator
from typing import Any

from pyuploadcare import Uploadcare

from tests.rig.installation import Installation, Project


@contextlib.contextmanager
def official_client(
    installation: Installation, project: Project, **settings: Any
) -> Iterator[Uploadcare]:
    """pyuploadcare as it comes from PyPI, with more of its own settings where a test has them."""
    own = {
        "public_key": project.public_key,
        "secret_key": project.secret_key,
        "api_base": f"{installation.url}/",
        "upload_base": f"{installation.url}/",
        "cdn_base": f"{installation.files_url}/",
        "timeout": 60,
    }
    client = Uploadcare(**(own | settings))
    try:
        yield client
    finally:
        client.rest_client.close()
        client.upload_client.close()
        client.cdn_client.close()
