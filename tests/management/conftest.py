import pytest
from django.core.management import load_command_class

from tests.memory_bucket import bucket

__all__ = ["bucket"]


@pytest.fixture
def type_in(capfd, monkeypatch):
    """A command as a shell gives it to manage.py: its exit code, and what it said on both ways."""
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)

    def call(name: str, *words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = 0
        try:
            load_command_class("storages_app", name).run_from_argv(
                ["manage.py", name, *(str(word) for word in words)]
            )
        except SystemExit as end:
            code = int(end.code or 0)
        return (code, *capfd.readouterr())

    return call
