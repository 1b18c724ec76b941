"""Two real sites, their entry and their writer, each a process of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from exporter.demo import truth
from exporter.demo.pair import AWAY, HOME, SitePair
from exporter.demo.process import Children, until
from exporter.demo.store import Store

WITHIN = 15.0


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """A running pair whose line to the standby takes 0.3 s."""
    async with Children(tmp_path) as children:
        pair = SitePair(tmp_path, children, delay=0.3)
        await pair.start()
        yield pair


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def stop_writing(pair: SitePair) -> int:
    """Returns the position at which the primary stands still then."""
    await pair.children.stop("writer")
    return int((await pair.status(HOME))["position"])


async def test_the_standby_gets_everything(pair: SitePair) -> None:
    """When writing stops, the standby reaches the primary's position with every acknowledged order."""
    position = await stop_writing(pair)

    async def caught_up() -> bool:
        return bool((await pair.status(AWAY))["applied"] == position)

    await until(caught_up, "the standby has it all", WITHIN)
    attempts, present = pair.attempts(), set(await pair.orders())
    assert {attempt.id for attempt in attempts if attempt.ok} <= present <= {attempt.id for attempt in attempts}


async def test_promotion_begins_an_epoch(pair: SitePair, http: aiohttp.ClientSession) -> None:
    """A promoted standby takes writes under a new epoch; promoting it again changes nothing."""
    before = await pair.status(AWAY)
    await pair.children.kill(HOME)
    await pair.promote()
    after = await pair.status(AWAY)
    assert (after["role"], after["writable"]) == ("primary", True)
    assert after["epoch"] != before["epoch"]
    assert after["applied"] == after["position"]
    await pair.promote()
    assert (await pair.status(AWAY))["epoch"] == after["epoch"]
    async with http.post(pair.urls[AWAY] + "/orders", json={"id": 1_000_000}) as answer:
        assert answer.status == 201


async def test_the_entry_follows_the_primary(pair: SitePair, http: aiohttp.ClientSession) -> None:
    """The entry names the site that served, answers 502 or 503 while there is none, and finds the new one."""
    async with http.get(pair.entry + "/healthz") as answer:
        assert (answer.status, answer.headers["X-Served-By"]) == (200, HOME)
    await pair.children.kill(HOME)
    async with http.get(pair.entry + "/healthz") as answer:
        assert answer.status in {502, 503}
        assert "X-Served-By" not in answer.headers
    await pair.promote()

    async def moved() -> bool:
        async with http.get(pair.entry + "/healthz") as answer:
            return answer.status == 200 and answer.headers["X-Served-By"] == AWAY

    await until(moved, "the entry serves from the new primary", WITHIN)


async def test_a_kill_loses_only_what_was_on_the_line(pair: SitePair) -> None:
    """After kill -9 the lost orders are the newest acknowledged ones, without a hole."""

    async def more_than_the_line_holds() -> bool:
        return len(await pair.orders()) > 20

    await until(more_than_the_line_holds, "some orders are at the standby", WITHIN)
    killed = await pair.kill()
    await pair.promote()
    await until(pair.acknowledges(killed.upper), "orders are taken again", WITHIN)
    present, attempts = await pair.orders(), pair.attempts()
    found = truth.find(attempts, killed, present)
    before = [attempt.id for attempt in attempts if attempt.ok and attempt.sent <= killed.upper]
    assert 0 < found.lost < found.acknowledged
    assert set(before[: -found.lost]) <= set(present)
    assert not set(before[-found.lost :]) & set(present)
    assert found.rpo.lower > 0


async def test_orders_survive_the_kill_of_the_process(pair: SitePair) -> None:
    """What the killed primary acknowledged is in its file: the loss is the standby's, not a broken promise."""
    killed = await pair.kill()
    store = Store(pair.store(HOME))
    try:
        kept = set(store.order_ids())
    finally:
        store.close()
    assert {attempt.id for attempt in pair.attempts() if attempt.ok and attempt.done <= killed.upper} <= kept
