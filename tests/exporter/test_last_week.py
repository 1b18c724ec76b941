"""What the exporter is told by earlier weeks and by people: a figure's normal, and when contacts were confirmed."""

import time

from exporter.core.model import Moment
from exporter.ledger.figures import WEEK
from exporter.ledger.sqlite import SqliteLedger
from tests.exporter.rig import Exporter, page, until
from tests.hostile import answer, message, serve


async def test_a_figure_is_compared_with_last_week(exporter: Exporter) -> None:
    """What an earlier run kept is its normal now, what this run measures is kept, and contacts carry their day in UTC."""
    ledger = await SqliteLedger.open(exporter.ledger, vantage="test")
    for apart, value in ((0.0, 40.0), (60.0, 20.0), (7200.0, 1e6)):
        ledger.figure("shop", "opm", value, Moment(time.monotonic(), time.time() - WEEK - apart))
    await ledger.close()
    async with serve(answer(message(body=b'{"opm": 12}'))) as shop:
        opm = {"http": {"url": f"http://127.0.0.1:{shop.port}/", "json": "$.opm"}, "normal": "last_week"}
        contacts = [
            {"name": "incident-lead", "who": "Ann", "confirmed": "2024-02-29"},
            {"name": "database", "who": "Bob"},
        ]
        system = page(shop.port) | {"kpis": {"opm": {**opm, "at_least": "50%", "every": "200ms"}}}
        exporter.configure({"shop": system}, contacts=contacts)
        await exporter.start()

        async def compared() -> bool:
            return (await exporter.metrics()).value("dr_kpi_normal", system="shop", kpi="opm") == 30

        await until(compared, "the normal is last week's")
        await exporter.until_state("degraded", system="shop")
        told = await exporter.metrics()
    assert told.value("dr_contact_confirmed_timestamp_seconds", contact="incident-lead") == 1709164800
    assert told.value("dr_contact_confirmed_timestamp_seconds", contact="database") is None
    assert await exporter.stop() == 0
    ledger = await SqliteLedger.open(exporter.ledger, vantage="test")
    assert await ledger.week_ago("shop", "opm", Moment(time.monotonic(), time.time() + WEEK)) == 12
    await ledger.close()
