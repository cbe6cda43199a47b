"""The fixture `s3double`: a server of the test's own, which the outbound guard lets through."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from storages_app.lib import outbound
from tests.s3double.server import S3Double


@pytest.fixture
def s3double() -> Iterator[S3Double]:
    """One strict S3, empty, on loopback; closed with the test."""
    before = outbound.current_policy()
    with S3Double() as double:
        let_in = before.allowed_private | {double.host_and_port}
        outbound.configure(replace(before, allowed_private=let_in))
        try:
            yield double
        finally:
            outbound.configure(before)
