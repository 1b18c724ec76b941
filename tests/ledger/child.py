"""`python -m tests.ledger.child DEED PATH`: what has to happen in a process that is killed, full or powerless."""

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

from exporter.core.model import Moment
from exporter.core.state import Marker
from exporter.ledger.commands import verify
from exporter.ledger.errors import LedgerError
from tests.ledger.helpers import opened, record, until


def say(text: object) -> None:
    """One line, written at once: what was said before a kill was said."""
    os.write(1, f"{text}\n".encode())


def clocks() -> Moment:
    return Moment(time.monotonic(), time.time())


async def append(path: Path) -> None:
    """Append for ever, going on behind the checkpoint, and say the number of every record that is on disk."""
    async with opened(path) as ledger:
        number = (await ledger.load(clocks())).checkpoints.get("orders", {"next": 1})["next"]
        while ledger.writable:
            count = number % 3 + 1
            records = [record(n) for n in range(number, number + count)]
            number += count
            ledger.mark("orders", "database", Marker(number, "hk", time.monotonic(), None), clocks())
            await ledger.append(records, {"orders": {"next": number}}, clocks())
            say(ledger.head.number)


async def beat(path: Path) -> None:
    """Beat once, and wait for the end."""
    async with opened(path) as ledger:
        ledger.beat({"orders": {"beaten": True}}, clocks())
        ledger.mark("orders", "database", Marker(5, "hk", time.monotonic(), time.monotonic()), clocks())
        await asyncio.Event().wait()


async def measure(path: Path) -> None:
    """Keep a business figure, and wait for the end."""
    async with opened(path) as ledger:
        ledger.figure("orders", "per_minute", 40.0, clocks())
        await asyncio.Event().wait()


async def full(path: Path) -> None:
    """Meet a full disk (no file may grow beyond 256 KiB), then find room again."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, hard))
    async with opened(path) as ledger:
        number = 0
        while ledger.writable:
            number += 1
            await ledger.append([record(number, ballast="x" * 5000)], {}, clocks())
        for _ in range(3):
            number += 1
            await ledger.append([record(number)], {}, clocks())
        assert (ledger.waiting, ledger.head.number) == (4, number - 4), (ledger.waiting, ledger.head)
        assert verify(path, ledger.head) == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await until(lambda: ledger.writable and ledger.waiting == 0)
        assert ledger.head.number == number
        assert verify(path, ledger.head) == []


def powerless(path: Path) -> None:
    """Be somebody to whom files can be forbidden, and be told so; reading in a forbidden directory still works."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    path.parent.mkdir()
    asyncio.run(once(path))
    path.chmod(0o444)
    asyncio.run(once(path))
    path.parent.chmod(0o555)
    assert verify(path) == []
    asyncio.run(once(path.with_name("other.db")))
    path.parent.chmod(0o755)


async def once(path: Path) -> None:
    """Append one record, or say the sentence with which the file is refused."""
    try:
        async with opened(path) as ledger:
            await ledger.append([record()], {}, clocks())
    except LedgerError as error:
        say(error)


if __name__ == "__main__":
    deed, path = sys.argv[1], Path(sys.argv[2])
    if deed == "powerless":
        powerless(path)
    else:
        asyncio.run({"append": append, "beat": beat, "measure": measure, "full": full}[deed](path))
