"""`python -m exporter.demo.writer`: posts an order every so often and keeps a durable ledger of what was acknowledged.

It knows the truth that the exporter has to find out: one JSON line an attempt, on disk before the next one is made.
`sent` and `done` are seconds of CLOCK_MONOTONIC, which all processes of one machine share.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from itertools import count
from pathlib import Path
from typing import Protocol

import aiohttp

TIMEOUT = 1.0
"""Seconds until an order that was not acknowledged counts as failed (nobody knows whether it was done)."""


class Door(Protocol):
    """Where orders go in."""

    async def order(self, number: int) -> bool:
        """Whether it was acknowledged."""
        ...

    async def close(self) -> None: ...


class HttpDoor:
    """The entry of the demo."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def order(self, number: int) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        try:
            async with self._session.post(f"{self._url}/orders", json={"id": number}) as answer:
                await answer.read()
                return answer.status == 201
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def run(door: Door, ledger: Path, every: float) -> None:
    """Post orders 1, 2, 3... until SIGTERM, each not before the one before it is answered and in the ledger."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for number in count(1):
            sent = time.monotonic()
            acknowledged = await door.order(number)
            line = {"id": number, "sent": sent, "done": time.monotonic(), "ok": acknowledged}
            os.write(file, json.dumps(line).encode() + b"\n")
            os.fsync(file)
            if stopped.is_set():
                return
            await asyncio.sleep(max(0.0, sent + every - time.monotonic()))
    finally:
        os.close(file)
        await door.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="exporter.demo.writer")
    parser.add_argument("--entry", required=True, help="URL of the entry")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--every", type=float, default=0.02, help="seconds between two orders")
    asked = parser.parse_args()
    asyncio.run(run(HttpDoor(asked.entry), asked.ledger, asked.every))


if __name__ == "__main__":
    main()
