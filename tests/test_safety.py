"""What keeps strangers' code and our secrets where they belong (S123, S124)."""

import json
import re
import subprocess
import sys

import pytest
from django.core.cache.backends.redis import RedisCacheClient

from tests.test_house import ROOT
from ucdash.cache import JsonSerializer

REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))
SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "a live key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "a token of PyPI": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "a data key": r"\b[a-z0-9]+:[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])",
    "a password in an address": r"\b[a-z+]+://[^\s/:@'\"{}$<>]+:(?!password@|secret@)[^\s/:@'\"{}$<>…]{12,}@",
}


def secrets_in(text: str) -> list[str]:
    return [kind for kind, written in SECRETS.items() if re.search(written, text)]


INVENTED = (
    r"EXAMPLE|TEST|FAKE|OPERATOR|TEMPORARY|the-secret-of|AAECAwQFBgcI|(.)\1{5}|0123456789|ABCDEFGH"
)


def is_invented(text: str) -> bool:
    """What tests and docs call a key says so, by its words or by counting up."""
    return bool(re.search(INVENTED, text))


def tracked_texts() -> dict[str, str]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found = {}
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes())[:8_000]:
            found[name] = content.decode("utf-8", "replace")
    return found


class TestSecretScan:
    """S123."""

    def test_no_file_of_the_repository_holds_a_secret(self):
        found = [
            (name, kind, match.group()[:12])
            for name, text in tracked_texts().items()
            for kind, written in SECRETS.items()
            for match in re.finditer(written, text)
            if not is_invented(match.group())
        ]
        assert found == []

    @pytest.mark.parametrize(
        "text",
        [
            "-----BEGIN RSA PRIVATE " + "KEY-----",
            "AKIA" + "Q3EGRTZ5XW7LMP2V",
            "UCDASH_DATA_KEYS=first:" + "q0v1Y9mZk3s5hT7uX2cB4nD6fG8jL0pR1wE3rT5yU7i" + "=",
            "postgres://ucdash:" + "correcthorsebattery" + "@database/ucdash",
        ],
    )
    def test_would_see_one(self, text):
        assert secrets_in(text)
        assert not is_invented(text)


class TestPackages:
    """S123."""

    @pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
    def test_are_pinned_by_version_and_hash(self, path):
        lines = path.read_text().replace("\\\n", " ").splitlines()
        packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        assert packages
        loose = [
            line.split()[0]
            for line in packages
            if not re.match(r"[A-Za-z0-9._\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
        ]
        assert loose == []

    def test_that_nobody_could_check_are_told_as_not_checked(self, tmp_path):
        (tmp_path / ".ci").symlink_to(ROOT / ".ci")
        done = subprocess.run(
            [sys.executable, ".ci/audit"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.count("not checked")) == (0, 2)
        assert "known holes" not in done.stdout


class TestSharedCache:
    """S124; what is refused stands in tests/ucdash/test_what_is_read_back.py."""

    @pytest.mark.parametrize("value", [0, 17, True, "1234", "ab", [[1, 2], [3, 4]], None, 1.5])
    def test_gives_back_what_was_put_there_as_json(self, value):
        client = RedisCacheClient(["redis://cache"], serializer="ucdash.cache.JsonSerializer")
        assert isinstance(client._serializer, JsonSerializer)
        written = client._serializer.dumps(value)
        assert json.loads(str(written)) == value
        assert client._serializer.loads(str(written).encode()) == value
        assert type(client._serializer.loads(str(written).encode())) is type(value)
