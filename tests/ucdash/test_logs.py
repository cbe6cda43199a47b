"""What a stranger's request may leave in the log."""

import logging

import pytest

from ucdash.logs import RedactSecrets


def written(message, *args, error=None):
    record = logging.LogRecord("a.room", logging.ERROR, __file__, 1, message, args, None)
    if error is not None:
        try:
            raise error
        except type(error) as raised:
            record.exc_info = (type(raised), raised, raised.__traceback__)
    RedactSecrets().filter(record)
    return logging.Formatter("{levelname} {message}", style="{").format(record)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Uploadcare.Simple demo:canary",
        "secret_access_key='canary'",
        "https://b.example.com/k?X-Amz-Signature=canary&x=1",
        "password=canary",
    ],
)
def test_a_secret_is_cut_out_of_messages_and_tracebacks(text):
    assert "canary" not in written("refused: %s", text)
    assert "canary" not in written("failed", error=ValueError(text))


def test_a_message_and_the_text_of_an_error_are_one_line_each():
    forged = "x\r2026-01-01 ERROR forged\x1b[31m"
    for line in (written("name %s", forged), written("failed", error=ValueError(forged))):
        assert "\r" not in line
        assert "\x1b" not in line


def test_a_traceback_still_says_where():
    text = written("failed", error=ValueError("why"))
    assert "Traceback (most recent call last)" in text
    assert text.endswith("ValueError: why")


@pytest.mark.parametrize("n", [10, 100_000])
def test_a_line_is_bounded(n):
    assert max(map(len, written("x" * n, error=ValueError("y" * n)).splitlines())) <= 2_100


def test_a_forged_host_is_no_incident(client, caplog):
    with caplog.at_level(logging.ERROR):
        answer = client.get("/projects/", headers={"Host": "evil.example", "Accept": "a/json"})
    assert answer.status_code == 400
    assert not [record for record in caplog.records if record.name.startswith("django.security")]


def test_no_stranger_fills_the_disk_with_one_line():
    """S101."""
    flood = "x" * 1_000_000
    for text in (written("name %s", flood), written("failed", error=ValueError(flood))):
        assert max(len(line) for line in text.split("\n")) <= 2_000 + len("ERROR ")
