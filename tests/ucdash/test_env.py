"""What is written into the environment is read typed, or stops the start."""

import secrets
import sqlite3
from contextlib import closing

import pytest
from django.core.exceptions import ImproperlyConfigured

from ucdash import env


class TestFactor:
    @pytest.mark.parametrize(("text", "value"), [("0.1", 0.1), ("1", 1.0), (" 2.5 ", 2.5)])
    def test_is_a_number_over_zero(self, monkeypatch, text, value):
        monkeypatch.setenv("UCDASH_TIME_SCALE", text)
        assert env.factor("UCDASH_TIME_SCALE", 1) == value

    @pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", ""])
    def test_stops_the_start_where_it_is_none(self, monkeypatch, text):
        monkeypatch.setenv("UCDASH_TIME_SCALE", text)
        with pytest.raises(ImproperlyConfigured, match="write a number over 0"):
            env.factor("UCDASH_TIME_SCALE", 1)


class TestSqlite:
    @pytest.mark.parametrize(("word", "level"), [("normal", 1), ("full", 2)])
    def test_waits_for_the_disk_as_it_is_told(self, monkeypatch, tmp_path, word, level):
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/db.sqlite3")
        options = env.database("DATABASE_URL", "", synchronous=word)["OPTIONS"]
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database:
            database.executescript(options["init_command"])
            assert database.execute("PRAGMA synchronous").fetchone() == (level,)
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class TestSecrets:
    """S122: nothing starts with a key that anybody could guess."""

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "weak",
            "x" * 60,
            "changeme" * 8,
            " " * 60,
            "django-insecure-a8(v3m!q0zk5t7w2x9c4b6n1p",
        ],
    )
    def test_a_weak_key_of_sessions_stops_the_start(self, monkeypatch, key):
        monkeypatch.setenv("UCDASH_SECRET_KEY", key)
        with pytest.raises(ImproperlyConfigured) as stopped:
            env.secret("UCDASH_SECRET_KEY", at_least=40)
        assert not key.strip() or key not in str(stopped.value)

    def test_one_that_was_made_as_the_message_says_is_taken(self, monkeypatch):
        monkeypatch.setenv("UCDASH_SECRET_KEY", secrets.token_urlsafe(50))
        assert env.secret("UCDASH_SECRET_KEY", at_least=40)

    @pytest.mark.parametrize("keys", ["", "first", "first:", "first:c2hvcnQ=", ":" + "A" * 44])
    def test_no_whole_data_key_stops_the_start(self, monkeypatch, keys):
        monkeypatch.setenv("UCDASH_DATA_KEYS", keys)
        with pytest.raises(ImproperlyConfigured, match="no usable key"):
            env.data_keys("UCDASH_DATA_KEYS")
