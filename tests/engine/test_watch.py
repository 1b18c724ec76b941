"""Looks at an endpoint that are late, and whose fault that is."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from exporter.core import fold
from exporter.core.model import Component, Moment, Part, System
from exporter.engine.eye import Eye, Pending
from exporter.engine.haste import Haste
from exporter.engine.publish import Publisher
from exporter.engine.sight import Sight
from exporter.engine.watch import Tools, Watch
from exporter.engine.wheel import Wheel
from exporter.ledger.sqlite import SqliteLedger
from exporter.probes.attempt import attempt
from exporter.probes.kind import STALL
from tests.hostile import hang, serve
from tests.probes.looking import probe

PART = Part("hk", "web")
WEB = Component("web", critical=True)
SYSTEM = System("shop", "hk", ("hk",), {"web": WEB}, frozenset({PART}))


def moment() -> Moment:
    return Moment(time.monotonic(), time.time())


def tools(ledger: SqliteLedger) -> Tools:
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.get_running_loop().create_task
    wheel, publisher = Wheel(asyncio.get_running_loop()), Publisher(ledger, moment)
    return Tools(
        wheel,
        time.monotonic,
        moment,
        attempt,
        ledger,
        publisher,
        Sight(1),
        spawn,
        lambda at: None,
        lambda: None,
        Haste(time.monotonic),
    )


async def test_a_stall_of_ours_puts_the_doubt_off_once(tmp_path: Path) -> None:
    """A look is not overdue because we stood still; but when it gets the same time once more and is not back, it is."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db", vantage="test")
    async with serve(hang) as server:
        address = f"127.0.0.1:{server.port}"
        eye = Eye(PART, probe("tcp", address=address, send="hello", expect="welcome"), SYSTEM.policy, WEB)
        eye.usual = 0.01
        watch = Watch(SYSTEM, {PART: eye}, fold.begin(SYSTEM, moment()), tools(ledger))
        told: list[bool] = []
        overdue = asyncio.Event()

        def note(late: Eye, pending: Pending) -> None:
            told.append(pending in late.looks.values())
            overdue.set()

        watch.overdue = note
        watch.look(eye, fresh=True)
        await asyncio.sleep(0)
        time.sleep((eye.overdue_after(eye.usual) or 0.0) + 2 * STALL)  # noqa: ASYNC251 - the loop stands still on purpose
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not told
        async with asyncio.timeout(SYSTEM.policy.timeout):
            await overdue.wait()
        watch.stop()
    await ledger.close()
    assert told == [True]
