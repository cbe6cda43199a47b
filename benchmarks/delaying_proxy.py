"""A far-away server on this machine: passes bytes on, each answer so many milliseconds later.

`python -m benchmarks.delaying_proxy --to PORT --ms 30` prints the port that it listens on.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BLOCK = 256 * 1024


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_BLOCK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _pass_on_later(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """In their order, each block `seconds` after it came; many may be on their way at once."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await reader.read(_BLOCK):
            loop.call_later(seconds, writer.write, data)
    loop.call_later(seconds, writer.close)


async def serve(*, to: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(
            _pass_on(reader, there_writer), _pass_on_later(there_reader, writer, seconds)
        )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def delaying_proxy(*, to: int, ms: float) -> Iterator[int]:
    """The port of a proxy in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.delaying_proxy", "--to", str(to), "--ms", str(ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--ms", type=float, required=True)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(to=options.to, seconds=options.ms / 1000))
