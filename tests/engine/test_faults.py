"""A fault of ours in the account of one system ends neither the looks at others nor what is told of them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from exporter.core.drill import Drill, DrillType
from exporter.core.model import Moment
from exporter.core.state import Step, SystemState
from exporter.engine.people import People
from exporter.engine.standings import Standings
from tests.engine.virtual import in_virtual_time
from tests.metrics import scenes

SYSTEM = scenes.system()
HEALTHY = scenes.healthy(SYSTEM)


class Watched:
    """A system that is watched, and the records that were told of it; as the engine holds it, and its own watch."""

    system = SYSTEM

    def __init__(self, state: SystemState) -> None:
        self.state = state
        self.told: list[str] = []

    @property
    def watch(self) -> Any:
        return self

    def accept(self, step: Step) -> None:
        self.state = step.state
        self.told += [record.kind for record in step.records]


class Faulty(Watched):
    """Whoever accounts for it meets a bug."""

    @property
    def system(self) -> Any:  # type: ignore[override]  # it stands for a bug, not for a system
        raise RuntimeError("a bug")


def moment() -> Moment:
    now = asyncio.get_running_loop().time()
    return Moment(now, scenes.NOW.wall + now)


async def both(good: Watched, work: Any, seconds: float) -> int:
    """Let it work for so long beside a system with a bug. How many faults there were."""
    faults: list[BaseException] = []

    def spawn(one: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(one)
        task.add_done_callback(lambda done: faults.append(error) if (error := done.exception()) else None)
        return task

    running: Any = {"faulty": Faulty(good.state), "orders": good}
    forever = asyncio.create_task(work(running, spawn))
    await asyncio.sleep(seconds)
    assert not forever.done()
    forever.cancel()
    return len(faults)


def test_readiness_is_told_all_the_same() -> None:
    """Beside a system whose readiness cannot be told, that of another goes into the ledger."""

    async def film() -> None:
        good = Watched(HEALTHY)
        assert await both(good, lambda running, spawn: Standings(running, moment, spawn).watch_forever(), 60.0) > 0
        assert good.told == ["standing_changed"]

    in_virtual_time(film())


def test_drills_expire_all_the_same() -> None:
    """Beside a system whose drill cannot be accounted for, that of another expires: it must mute nothing any more."""

    async def film() -> None:
        now = moment().mono
        drill = Drill("d", DrillType.DRILL, "site_loss", "rig", "to see", "", started=now, expires=now + 5)
        good, unused = Watched(replace(HEALTHY, drill=drill)), None
        publisher: Any = unused
        work = lambda running, spawn: People(running, moment, publisher).expire_forever(spawn)  # noqa: E731 - one line, used in the next
        assert await both(good, work, 10.0) > 0
        assert good.told == ["drill_expired"]

    in_virtual_time(film())
