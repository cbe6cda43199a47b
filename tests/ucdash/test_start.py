"""What happens before anything starts: the written environment and the ports."""

import socket
import stat

import pytest

from ucdash import install, ports
from ucdash.env import read_env_file
from ucdash.ports import complaints, is_free


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield listener.getsockname()[1]


class TestWriteEnv:
    def test_secrets_are_random_and_for_their_owner_only(self, tmp_path):
        first, second = (install.write_env(tmp_path / name) for name in "ab")
        assert stat.S_IMODE(first.stat().st_mode) == 0o600
        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
        one, other = read_env_file(first), read_env_file(second)
        for name in ("UCDASH_SECRET_KEY", "UCDASH_DATA_KEYS", "UCDASH_DEMO_S3_SECRET_ACCESS_KEY"):
            assert len(one[name]) >= 40
            assert one[name] != other[name]

    def test_a_second_start_changes_nothing(self, tmp_path):
        before = install.write_env(tmp_path).read_text()
        assert install.write_env(tmp_path).read_text() == before

    def test_what_a_new_version_needs_is_added_and_the_rest_is_kept(self, tmp_path):
        path = tmp_path / "env"
        path.write_text("UCDASH_SECRET_KEY=mine\n")
        values = read_env_file(install.write_env(tmp_path))
        assert values["UCDASH_SECRET_KEY"] == "mine"
        assert values["UCDASH_DATA_KEYS"].startswith("first:")


class TestPorts:
    def test_a_port_in_use_is_named_with_the_variable_that_changes_it(self, taken_port):
        (line,) = complaints({"UCDASH_PORT": ("127.0.0.1", [taken_port])})
        assert line == (
            f"Port {taken_port} is in use. "
            f"Start with another: UCDASH_PORT={taken_port + 10} make run"
        )

    def test_a_taken_neighbour_of_the_demo_bucket_is_named(self, monkeypatch):
        monkeypatch.setattr(ports, "is_free", lambda host, port: port != 8337)
        (line,) = complaints({"UCDASH_DEMO_S3_PORT": ("127.0.0.1", [8333, 8337])})
        assert line == "Port 8337 is in use. Start with another: UCDASH_DEMO_S3_PORT=8344 make run"

    def test_two_parts_cannot_share_a_port(self):
        wanted = {"UCDASH_PORT": ("127.0.0.1", [21]), "UCDASH_FILES_PORT": ("127.0.0.1", [21])}
        assert any("want the same port 21" in line for line in complaints(wanted))

    def test_a_free_port_is_free(self, taken_port):
        assert not is_free("127.0.0.1", taken_port)
        assert list(complaints({})) == []
