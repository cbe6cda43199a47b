"""Uploads by hand over a socket: with a length that lies, or an end that comes too soon."""

import socket
from urllib.parse import urlsplit


def form(public_key: str, content: bytes = b"x" * 200_000, name: str = "a.txt") -> bytes:
    """The body of `POST /base/` with one file."""
    return (
        b'--frontier\r\nContent-Disposition: form-data; name="UPLOADCARE_PUB_KEY"\r\n\r\n'
        + public_key.encode()
        + b'\r\n--frontier\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\nContent-Type: text/plain\r\n\r\n'
        + content
        + b"\r\n--frontier--\r\n"
    )


def part(name: str, content: bytes, *, filename: str = "") -> bytes:
    """One field of such a body, or one file."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = f"--frontier\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def send(
    url: str, body: bytes, *, length: int, boundary: str = "frontier", headers: str = ""
) -> str:
    """Send a request that says this length, close the sending side, and read what comes back."""
    parts = urlsplit(url)
    head = (
        f"POST /base/ HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n{headers}"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connected:
        connected.sendall(head.encode() + body)
        connected.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connected.recv(65_536):
            answer += chunk
    return answer.decode()
