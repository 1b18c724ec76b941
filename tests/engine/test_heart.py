"""Heartbeats beside records: what is written down last is never older than what the ledger holds already."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from exporter.core import fold
from exporter.core.state import Mode, Step
from exporter.engine.heart import Heart
from exporter.engine.publish import Publisher
from exporter.engine.sight import Sight
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.ledger.sqlite import SqliteLedger
from tests.core.filming import SYSTEM
from tests.ledger.helpers import NOW, opened, record


class Beating(NamedTuple):
    """All that the heart needs of a running system."""

    watch: Watch


def watched(ledger: SqliteLedger) -> tuple[Watch, Publisher, Heart]:
    """A system that is watched without any look, its publisher, and the heart that beats for it."""
    unused: Any = None
    publisher = Publisher(ledger, lambda: NOW)
    tools = Tools(
        unused, lambda: NOW.mono, lambda: NOW, unused, ledger, publisher, Sight(), unused, unused, unused, unused
    )
    watch = Watch(SYSTEM, {}, fold.begin(SYSTEM, NOW), tools)
    return watch, publisher, Heart({SYSTEM.name: Beating(watch)}, lambda: NOW.mono, lambda: NOW, ledger)


async def test_a_beat_never_takes_back_what_a_record_tells(tmp_path: Path) -> None:
    """While a record is on its way the shown state is older: written down it would have the next run tell the record again."""
    path = tmp_path / "ledger.db"
    async with opened(path) as ledger:
        watch, publisher, heart = watched(ledger)
        watch.accept(Step(replace(watch.state, mode=Mode.HEALTHY), (record(1),)))
        assert watch.published.mode is Mode.UNKNOWN
        heart.beat()
    async with opened(path) as ledger:
        assert (await ledger.load(NOW)).checkpoints == {}
        watch, publisher, heart = watched(ledger)
        watch.accept(Step(replace(watch.state, mode=Mode.HEALTHY), (record(1),)))
        await publisher.flush()
        heart.beat()
    async with opened(path) as ledger:
        assert (await ledger.load(NOW)).checkpoints[SYSTEM.name]["mode"] == Mode.HEALTHY
