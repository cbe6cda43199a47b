"""Debian's nginx, among others as docs/operating.md sets it up in front of the file host."""

import os
import pwd
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.installation import ROOT, Installation
from tests.rig.processes import Process, free_port

PACKAGE = "nginx-light"
_CONFIGURATION = """
user {user};
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


def binary() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def in_front_of_file_host(installation: Installation) -> str:
    """The lines of docs/operating.md, for this installation."""
    text = (ROOT / "docs" / "operating.md").read_text()
    (found,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    for written, meant in (
        ("http://127.0.0.1:8001", installation.files_url),
        ("/srv/ucdash/var", str(installation.data_dir)),
        ("$http_host", installation.files_url.removeprefix("http://")),
    ):
        assert written in found
        found = found.replace(written, meant)
    return str(found)


@contextmanager
def running_nginx(folder: Path, server: str) -> Iterator[str]:
    """An nginx whose one server has these lines; its address."""
    command = binary()
    assert command, f"{PACKAGE} is not installed"
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    user = pwd.getpwuid(os.geteuid()).pw_name
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, server=server, user=user)
    )
    arguments = ["-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    nginx = Process("nginx", [command, *arguments], env=os.environ, log=folder / "nginx.log")
    try:
        nginx.wait_until(lambda: _listens(port), within=10, what="nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
