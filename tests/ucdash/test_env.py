"""What is written into the environment is read typed, or stops the start."""

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
