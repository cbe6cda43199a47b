"""The strict double answers as Amazon S3 does; other servers, but for what is written down here.

Where a server is known to differ its sentence is expected to fail, so that a difference that
goes away is noticed. So nobody proves a refusal with a server that does not refuse.
"""

import os
import tomllib
from pathlib import Path

import pytest

from tests.contract.dialects import (
    Dialect,
    double_dialect,
    moto_dialect,
    radosgw_dialect,
    rclone_dialect,
    seaweed_dialect,
)
from tests.rig import radosgw

pytest.register_assert_rewrite("tests.contract.probes")
from tests.contract.probes import PROBES  # noqa: E402  (its asserts shall say what they saw)

__all__ = [
    "double_dialect",
    "moto_dialect",
    "radosgw_dialect",
    "rclone_dialect",
    "seaweed_dialect",
]

# Sentence by server, with what it does instead.
UNLIKE: dict[str, dict[str, str]] = {"double": {}} | tomllib.loads(
    Path(__file__).with_name("known_differences.toml").read_text()
)


REAL = ["seaweed", "rclone", *(["radosgw"] if radosgw.VARIABLE in os.environ else [])]


@pytest.fixture(
    params=["double", "moto", *(pytest.param(name, marks=pytest.mark.real) for name in REAL)]
)
def server(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.getfixturevalue(f"{request.param}_dialect")
    return dialect


@pytest.mark.parametrize("sentence", PROBES)
def test_s3(server: Dialect, sentence: str, request: pytest.FixtureRequest) -> None:
    if sentence in UNLIKE.get(server.name, {}):
        instead = f"{server.name}: {UNLIKE[server.name][sentence]}"
        request.node.add_marker(pytest.mark.xfail(strict=True, reason=instead))
    PROBES[sentence](server)


@pytest.mark.parametrize("name", UNLIKE)
def test_differences_are_sentences(name: str) -> None:
    assert UNLIKE[name].keys() <= PROBES.keys()
