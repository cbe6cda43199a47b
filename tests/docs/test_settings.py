"""The page of all settings says what `.env.example` says."""

import re

from docs import settings


def test_the_page_is_as_env_example_says():
    assert settings.PAGE.read_text() == settings.page(), "run `python -m docs.settings`"


def test_every_setting_is_on_it():
    listed = re.findall(r"^#?([A-Z][A-Z0-9_]+=.*)", settings.SOURCE.read_text(), re.MULTILINE)
    told = re.findall(r"^([A-Z][A-Z0-9_]+=.*)", settings.page(), re.MULTILINE)
    assert sorted(told) == sorted(listed)
