"""What the sites and the entry answer while all is well: one running pair for all tests here."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from exporter.demo.pair import AWAY, HOME, SitePair
from exporter.demo.process import Children, until

WITHIN = 15.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SitePair]:
    """A running pair that nobody breaks."""
    folder = tmp_path_factory.mktemp("pair")
    async with Children(folder) as children:
        pair = SitePair(folder, children, delay=0.1)
        await pair.start()
        yield pair


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_each_site_tells_its_role(pair: SitePair) -> None:
    """Primary and standby share the epoch; the standby says that it is connected and takes no writes."""
    home, away = await pair.status(HOME), await pair.status(AWAY)
    assert (home["site"], home["role"], home["writable"], home["connected"]) == (HOME, "primary", True, None)
    assert (away["site"], away["role"], away["writable"], away["connected"]) == (AWAY, "standby", False, True)
    assert home["epoch"] == away["epoch"] != ""
    assert 0 < away["applied"] <= away["position"] <= home["position"]


async def test_a_standby_refuses_writes(pair: SitePair, http: aiohttp.ClientSession) -> None:
    """Orders and markers get 409 read_only at the standby, and nothing is stored."""
    async with http.post(pair.urls[AWAY] + "/orders", json={"id": 1_000_000}) as answer:
        assert (answer.status, await answer.json()) == (409, {"error": "read_only"})
    marker = {"vantage": "test", "seq": 1, "sent_at": 0.5}
    async with http.put(pair.urls[AWAY] + "/canary", json=marker) as answer:
        assert (answer.status, await answer.json()) == (409, {"error": "read_only"})
    assert 1_000_000 not in await pair.orders()


async def test_markers_reach_both_sites(pair: SitePair, http: aiohttp.ClientSession) -> None:
    """What was put at the primary can be read there at once and at the standby soon, above a number, by vantage."""
    for seq in (1, 2, 3):
        marker = {"vantage": "test", "seq": seq, "sent_at": 1.5}
        async with http.put(pair.urls[HOME] + "/canary", json=marker) as answer:
            assert answer.status == 201

    async def seen(site: str, vantage: str, after: int) -> list[int]:
        query = {"vantage": vantage, "after": str(after)}
        async with http.get(pair.urls[site] + "/canary", params=query) as answer:
            return list((await answer.json())["seqs"])

    async def arrived() -> bool:
        return await seen(AWAY, "test", 1) == [2, 3]

    assert await seen(HOME, "test", 0) == [1, 2, 3]
    assert await seen(HOME, "other", 0) == []
    await until(arrived, "the markers arrive", WITHIN)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"id": "one"}', b"\xff"])
async def test_nonsense_is_refused(pair: SitePair, http: aiohttp.ClientSession, body: bytes) -> None:
    """A body that is no order is answered with 400, also through the entry."""
    async with http.post(pair.entry + "/orders", data=body) as answer:
        assert answer.status == 400
        assert "id" in await answer.text()
