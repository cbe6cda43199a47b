"""The demo bucket listens to this machine only and lets nobody in without its keys."""

import contextlib
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from ucdash import demo_s3

DEFAULT_PORTS = {8333, 8888, 9333, 9340, 7333, 8181, 9101, 23646, 8080, 18080, 18333, 18888, 19333}


def options_of(words: list[str]) -> dict[str, str]:
    return dict(word[1:].partition("=")[::2] for word in words if word.startswith("-"))


def listening(pid: int) -> set[tuple[str, int]]:
    """The addresses a process listens at, read from /proc."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            links.append(entry.readlink())
    inodes = {str(link)[8:-1] for link in links if str(link).startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


class TestCommand:
    def test_binds_everything_to_loopback_and_moves_every_port(self, tmp_path):
        options = options_of(demo_s3.command(port=9000, data_dir=tmp_path, bucket="b"))
        assert options["ip"] == options["ip.bind"] == "127.0.0.1"
        ports = {name: int(port) for name, port in options.items() if ".port" in name}
        assert ports.pop("admin.port.grpc") == 19008
        assert ports.pop("s3.port.iceberg") == ports.pop("s3.port.lance") == 0
        assert sorted(ports.values()) == list(range(9000, 9009))

    def test_switches_pages_and_telemetry_off(self, tmp_path):
        options = options_of(demo_s3.command(port=9000, data_dir=tmp_path, bucket="b"))
        assert options["admin.ui"] == options["webdav"] == options["master.telemetry"] == "false"
        assert options["metricsPort"] == "0"
        assert options["disableHttp"] == "true"

    def test_keeps_sockets_out_of_tmp_unless_their_path_is_too_long(self, tmp_path):
        short = demo_s3.command(port=9000, data_dir=Path("/srv/demo"), bucket="b")
        assert options_of(short)["s3.localSocket"] == "/srv/demo/s3.sock"
        long = demo_s3.command(port=9000, data_dir=Path("/srv") / ("x" * 100), bucket="b")
        assert "s3.localSocket" not in options_of(long)

    @pytest.mark.parametrize("port", [0, 80, 55_527, 65_535])
    def test_refuses_a_port_without_room(self, tmp_path, port):
        with pytest.raises(ValueError, match="choose one"):
            demo_s3.command(port=port, data_dir=tmp_path, bucket="b")


class TestMain:
    @pytest.fixture
    def executed(self, monkeypatch, tmp_path):
        """What `main` would have become."""
        found = []
        monkeypatch.setattr(demo_s3.os, "execve", lambda *words: found.append(words))
        monkeypatch.setattr(demo_s3.os, "dup2", lambda *numbers: None)
        monkeypatch.setattr(sys, "stdout", sys.__stdout__)
        monkeypatch.setenv("UCDASH_DATA_DIR", str(tmp_path))
        monkeypatch.delenv("UCDASH_DEMO_S3_ACCESS_KEY_ID", raising=False)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
        return found

    def test_hands_the_keys_and_little_else_over(self, executed, monkeypatch, tmp_path):
        monkeypatch.setenv("UCDASH_DEMO_S3_ACCESS_KEY_ID", "KEY")
        monkeypatch.setenv("UCDASH_DEMO_S3_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("UCDASH_DEMO_S3_PORT", "9100")
        monkeypatch.setenv("UCDASH_SECRET_KEY", "of the web")
        demo_s3.main()
        ((program, words, environment),) = executed
        assert Path(program).name == "weed"
        assert f"-dir={tmp_path / 'demo-s3'}" in words
        assert "-s3.port=9100" in words
        assert "-bucket=demo-bucket" in words
        assert "secret" not in " ".join(words)
        assert environment["AWS_ACCESS_KEY_ID"] == "KEY"
        assert environment["AWS_SECRET_ACCESS_KEY"] == "secret"
        assert set(environment) <= {
            *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PATH", "HOME", "TMPDIR")
        }

    def test_does_not_start_without_keys(self, executed):
        with pytest.raises(SystemExit, match="No keys"):
            demo_s3.main()
        assert not executed

    def test_says_which_variable_has_a_bad_port(self, executed, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("UCDASH_DEMO_S3_PORT", "80")
        with pytest.raises(SystemExit, match="UCDASH_DEMO_S3_PORT"):
            demo_s3.main()
        assert not executed


@pytest.mark.real
class TestRunning:
    def test_listens_on_loopback_only_and_at_no_default_port(self, seaweed):
        found = listening(seaweed.pid)
        _, port = seaweed.host_and_port
        assert {address for address, _ in found} == {"0100007F"}  # 127.0.0.1 in /proc
        ports = {number for _, number in found}
        assert port in ports
        assert ports <= {*range(port, port + 9), port + 10_008}
        assert not ports & DEFAULT_PORTS

    def test_never_runs_out_of_volumes(self, seaweed):
        client = seaweed.client()
        for _ in range(12):
            bucket = seaweed.new_bucket()
            client.put_object(Bucket=bucket, Key="key", Body=b"x")
        client.close()

    def test_refuses_a_bucket_that_was_not_made(self, seaweed):
        client = seaweed.client()
        with pytest.raises(ClientError, match="NoSuchBucket"):
            client.put_object(Bucket="misspelt-bucket", Key="key", Body=b"x")
        client.close()
