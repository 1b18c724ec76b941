"""The last half hour of exposure: what is known, what is not, and that it stays small."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from exporter.core.readings import SITE_LOSS
from exporter.core.snapshot import Clocked, Snapshot
from exporter.web.history import POINTS, STEP, History
from tests.metrics import scenes
from tests.web.fakes import Stage, serving
from tests.web.test_server import ask_json

START = scenes.NOW.wall // STEP * STEP


class Told(History):
    """What it tells, without a server."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(lambda: Clocked(stage.snapshot, stage.now))
        self._stage = stage

    async def at(self, seconds: float) -> None:
        """Sample so many seconds after the start."""
        self._stage.now = scenes.NOW._replace(mono=scenes.NOW.mono + seconds, wall=START + seconds)
        await self.sample()

    def points(self, name: str = "orders", scenario: str = SITE_LOSS) -> list[float | None]:
        return self._points(name, scenario)


async def test_points_stand_on_a_grid_and_the_missing_ones_are_null() -> None:
    """The exposure of each moment; what was slept through is unknown, and nothing is known before the start."""
    history = Told(Stage())
    await history.at(0)
    await history.at(3)
    await history.at(STEP + 1)
    await history.at(4 * STEP)
    first, second, *_ = (at for at in history.points()[-5:] if at is not None)
    assert second - first == pytest.approx(STEP + 1, abs=0.01)
    assert [at is None for at in history.points()[-6:]] == [True, False, False, True, True, False]
    assert history.points()[:-6] == [None] * (POINTS - 6)


async def test_what_was_never_proven_is_no_number() -> None:
    """An exposure that counts from our start is unknown, never a number and never 0."""
    history = Told(Stage())
    await history.at(0)
    assert history.points("records") == [None] * POINTS
    assert history.points("orders", "data_corruption") == [None] * POINTS
    assert history.points("nobody") == [None] * POINTS


async def test_the_oldest_make_room() -> None:
    """After more than half an hour there are 180 points, the newest at the end; after a long sleep only one."""
    history = Told(Stage())
    for step in range(POINTS + 20):
        await history.at(step * STEP)
    points = [at for at in history.points() if at is not None]
    assert len(points) == POINTS
    assert points == sorted(points)
    await history.at(10 * POINTS * STEP)
    assert [at is None for at in history.points()] == [True] * (POINTS - 1) + [False]
    await history.at(0)  # the clock was put back
    assert [at is None for at in history.points()] == [True] * (POINTS - 1) + [False]


async def test_systems_come_and_go() -> None:
    """What a reload took away is forgotten; what it left keeps its points; what it added begins."""
    stage = Stage()
    history = Told(stage)
    await history.at(0)
    orders, new = stage.snapshot.systems["orders"], scenes.system("new")
    stage.snapshot = scenes.snapshot(orders, scenes.watched(new, scenes.healthy(new)))
    await history.at(STEP)
    assert history.points("chat") == [None] * POINTS
    assert sum(at is not None for at in history.points()) == 2
    assert sum(at is not None for at in history.points("new")) == 1


async def test_thousands_of_systems_take_little_memory() -> None:
    """720 bytes of numbers a series and little around them: 5,000 systems with two scenarios stay below 20 MB."""
    systems = [scenes.system(f"s{number}") for number in range(500)]
    shared = scenes.healthy(systems[0])
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, shared) for of in systems)))
    history = Told(stage)
    await history.at(0)
    size = sum(
        sys.getsizeof(rings) + sum(sys.getsizeof(ring) for ring in rings.values()) for rings in history._rings.values()
    )
    print(f"{size / 500:.0f} bytes a system")
    assert size / 500 * 5000 < 20e6


@asynccontextmanager
async def sampled(stage: Stage) -> AsyncIterator[str]:
    """A server that has taken its first point."""
    async with serving(stage) as url:
        await _until_known(url)
        yield url


async def _until_known(url: str) -> None:
    async with asyncio.timeout(20):
        while (await _get(url, "/api/v1/history"))["items"].get("orders", [None])[-1] is None:  # noqa: ASYNC110 - it happens in the server
            await asyncio.sleep(0.01)


async def _get(url: str, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_both_answers_tell_the_same() -> None:
    """All systems compactly, one with instants; a scenario that a system has not is not in it; filters hold."""
    async with sampled(Stage(snapshot=scenes.everything())) as url:
        every = await _get(url, "/api/v1/history?scenario=site_loss")
        assert (every["step"], every["until"], len(every["items"]["orders"])) == (STEP, int(START), POINTS)
        assert set(every["items"]) == {"orders", "chat", "records", "shop"}
        one = (await _get(url, "/api/v1/systems/orders/history"))["items"]
        assert [item["scenario"] for item in one] == ["site_loss", "data_corruption"]
        assert one[0]["points"][-1] == [every["until"], every["items"]["orders"][-1]]
        assert one[0]["points"][0] == [every["until"] - (POINTS - 1) * STEP, None]
        assert (await _get(url, "/api/v1/history?scenario=flood"))["items"] == {}
        assert set((await _get(url, "/api/v1/history?system=chat&tier=critical"))["items"]) == {"chat"}


async def test_the_history_of_nobody() -> None:
    """404, as for the system itself."""
    assert "no system of this name" in (await ask_json(Stage(), "/api/v1/systems/nobody/history", 404))["error"]


async def test_a_fault_costs_a_point_and_not_the_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the next point is taken."""
    monkeypatch.setattr("exporter.web.history.STEP", 1)
    stage = Stage()
    whole: Snapshot = stage.snapshot
    stage.snapshot = replace(whole, systems={"broken": None})  # type: ignore[dict-item]  # broken on purpose
    async with serving(stage) as url:
        async with asyncio.timeout(20):
            while not caplog.records:  # noqa: ASYNC110  (it happens in the server)
                await asyncio.sleep(0.01)
        stage.snapshot, stage.now = whole, scenes.NOW._replace(wall=scenes.NOW.wall + 20)
        await _until_known(url)
    assert caplog.records[0].message == "a point of the histories is missing"
