"""It starts quickly, and stops cleanly whatever it is in the middle of."""

import time

from exporter.demo.pair import HOME
from tests.exporter.rig import Exporter, Sites, page
from tests.hostile import answer, full_backlog, hang, message, serve
from tests.servers.processes import Process, family


async def test_starts_quickly(exporter: Exporter, sites: Sites) -> None:
    """From exec to the first answer of /metrics; the figure is printed."""
    exporter.configure({"orders": sites.system()})
    took = [await exporter.start(looked=False)]
    await exporter.until_state("healthy")
    assert await exporter.stop() == 0
    took.append(await exporter.start(looked=False))
    print(f"first /metrics after {took[0]:.2f} s, with a ledger to resume after {took[1]:.2f} s")


async def test_stops_in_the_middle_of_hanging_looks(exporter: Exporter) -> None:
    """SIGTERM ends it within a few seconds with code 0, leaves no process behind and the ledger whole."""
    async with serve(hang) as mute, serve(answer(message(body=b"open"))) as shop:
        with full_backlog() as void:
            systems = {f"mute-{n}": page(mute.port) for n in range(5)} | {f"void-{n}": page(void) for n in range(5)}
            patient = {"timeout": "60s", "fast_timeout": "60s", "interval": "50ms"}
            exporter.configure({"shop": page(shop.port)} | systems, probing=patient)
            await exporter.start(looked=False)
            await exporter.until_state("healthy", system="shop")
            await mute.visited.wait()
            processes: set[Process] = family(exporter.pid)
            began = time.monotonic()
            assert await exporter.stop() == 0
            took = time.monotonic() - began
    assert took < 5.0
    assert not [one for one in processes if one.is_alive]
    exporter.whole()
    assert "Traceback" not in exporter.log.read_text(encoding="utf-8")
    assert "Error" not in exporter.log.read_text(encoding="utf-8")


async def test_a_clean_stop_is_resumed(exporter: Exporter, sites: Sites) -> None:
    """After SIGTERM in the middle of an outage the next run goes on with the same incident."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    await sites.kill()
    incident = (await exporter.until_state("outage"))["incident"]
    assert await exporter.stop() == 0
    exporter.whole()
    await exporter.start()
    assert (await exporter.until_state("outage"))["incident"]["id"] == incident["id"]
    await sites.start_site(HOME)
    closed = await exporter.closed()
    assert [(one["id"], one["kind"]) for one in closed] == [(incident["id"], "outage_in_place")]


async def test_one_ledger_has_one_writer(exporter: Exporter, sites: Sites) -> None:
    """A second exporter on the same ledger ends with a sentence, and the first does not notice."""
    exporter.configure({"orders": sites.system()})
    await exporter.start()
    await exporter.until_state("healthy")
    code, _, said = await exporter.run("serve", f"--config.file={exporter.config}", "--web.listen-address=127.0.0.1:0")
    assert code == 1
    assert str(exporter.ledger) in said
    assert "Traceback" not in said
    assert (await exporter.metrics()).value("dr_exporter_ledger_writable") == 1


async def test_a_taken_address(exporter: Exporter, sites: Sites) -> None:
    """Where somebody listens already, `serve` ends at once with a sentence that names the address."""
    exporter.configure({"orders": sites.system()})
    taken = sites.urls[HOME].removeprefix("http://")
    code, _, said = await exporter.run("serve", f"--config.file={exporter.config}", f"--web.listen-address={taken}")
    assert code == 1
    assert taken.rpartition(":")[2] in said
    assert "Traceback" not in said
