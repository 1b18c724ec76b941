"""`python -m exporter.demo.slow_line`: a TCP line on which bytes towards the standby need a while.

Asynchronous streaming on one machine loses next to nothing; over a real distance it loses what is on the line. When the
primary's end breaks, the line breaks at once with all that is on it: it ends at the primary's site.
"""

import argparse
import asyncio
from contextlib import suppress

from exporter.demo.process import LOOPBACK

CHUNK = 64 * 1024
MOST_ON_THE_LINE = 4096
"""Chunks; beyond that the primary has to wait."""


async def _delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass everything on, each chunk `delay` seconds after it came; return at the end of what comes."""
    loop = asyncio.get_running_loop()
    line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_ON_THE_LINE)

    async def deliver() -> None:
        while True:
            due, chunk = await line.get()
            await asyncio.sleep(due - loop.time())
            writer.write(chunk)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while chunk := await reader.read(CHUNK):
            await line.put((loop.time() + delay, chunk))
    finally:
        delivery.cancel()


async def serve(port: int, to: int, delay: float) -> None:
    """Relay connections on `port` to `to`, both on loopback, until cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(LOOPBACK, to)
            towards = asyncio.create_task(_delayed(there, writer, delay))
            away = asyncio.create_task(_delayed(reader, back, 0.0))
            await asyncio.wait([towards, away], return_when=asyncio.FIRST_COMPLETED)
            towards.cancel()
            away.cancel()
            await asyncio.gather(towards, away, return_exceptions=True)
            back.transport.abort()
        writer.transport.abort()

    server = await asyncio.start_server(connected, LOOPBACK, port)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="exporter.demo.slow_line")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True, help="the primary's port")
    parser.add_argument("--delay", type=float, required=True, help="seconds")
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, asked.to, asked.delay))


if __name__ == "__main__":
    main()
