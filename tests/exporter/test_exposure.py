"""dr_rpo_seconds follows the truth, and is never 0 for want of knowing.

The clocks of the sites cannot matter: nothing that a demo site tells holds an instant, so there is none to be wrong.
"""

import asyncio
import signal
import time

from exporter.demo.pair import AWAY, HOME
from tests.exporter.rig import Exporter, Sites, until

CANARY = 0.2
"""Seconds between two markers in the tests' configuration."""
GRACE = 0.5
"""Seconds for a look, its answer and a busy machine."""


async def exposure(exporter: Exporter) -> float:
    value = (await exporter.metrics()).value("dr_rpo_seconds", system="orders", scenario="site_loss")
    assert value is not None
    return value


async def known(exporter: Exporter) -> bool:
    return (await exporter.metrics()).value("dr_rpo_known", system="orders", scenario="site_loss") == 1


async def test_a_standby_that_was_never_seen(exporter: Exporter, sites: Sites) -> None:
    """dr_rpo_known is 0, and the exposure counts from when we began to look, also across a restart."""
    await sites.children.kill(AWAY)
    exporter.configure({"orders": sites.system()})
    began = time.monotonic()
    await exporter.start()
    await exporter.until_state("healthy", "degraded")
    ready = time.monotonic()

    async def grown() -> bool:
        before = time.monotonic()
        seconds = await exposure(exporter)
        assert before - ready <= seconds <= time.monotonic() - began
        assert not await known(exporter)
        return seconds > 1.5

    await until(grown, "the exposure grows")
    await exporter.kill()
    await exporter.start()
    assert await exposure(exporter) > 1.5
    assert not await known(exporter)
    await sites.start_site(AWAY, follow=sites.urls[HOME])
    await until(lambda: known(exporter), "the standby's recovery point is proven")
    assert await exposure(exporter) < 1.5


async def test_the_link_is_cut(exporter: Exporter, sites: Sites) -> None:
    """Replication stops while both sites look healthy: the exposure follows the truth, and falls when it is mended."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    await until(lambda: known(exporter), "a recovery point is proven")
    cut = await sites.stop_replication()

    async def follows() -> bool:
        before = time.monotonic()
        seconds = await exposure(exporter)
        assert seconds >= before - cut - GRACE, "never less than what would be lost"
        assert seconds <= time.monotonic() - cut + CANARY + GRACE
        return seconds > 3

    await until(follows, "the exposure grows past 3 s")
    assert (await exporter.metrics()).state("orders") in ("healthy", "degraded")
    await sites.start_replication()

    async def mended() -> bool:
        return await exposure(exporter) < 2 * CANARY + GRACE

    await until(mended, "the exposure falls again")
    assert await exporter.incidents(blips=True) == []


async def test_the_standby_is_frozen(exporter: Exporter, sites: Sites) -> None:
    """A standby that cannot be read keeps its last proven instant: the exposure grows from there."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    await until(lambda: known(exporter), "a recovery point is proven")
    sites.signal(AWAY, signal.SIGSTOP)
    stopped = time.monotonic()

    async def follows() -> bool:
        before = time.monotonic()
        seconds = await exposure(exporter)
        assert before - stopped - GRACE <= seconds <= time.monotonic() - stopped + CANARY + GRACE
        return seconds > 3

    await until(follows, "the exposure grows past 3 s")
    sites.signal(AWAY, signal.SIGCONT)


async def test_an_idle_primary(exporter: Exporter, sites: Sites) -> None:
    """Nobody orders anything for a while: the exposure stays under two canary intervals (and what one look needs)."""
    system = sites.system()
    system["components"]["database"]["canary"] = {"every": "1s"}
    exporter.configure({"orders": system})
    await exporter.start()
    await exporter.until_state("healthy")
    await until(lambda: known(exporter), "a recovery point is proven")
    worst = 0.0
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        worst = max(worst, await exposure(exporter))
        await asyncio.sleep(0.05)
    print(f"idle for 10 s: at most {worst:.2f} s exposed, with a canary every second")
    assert worst < 2.0
