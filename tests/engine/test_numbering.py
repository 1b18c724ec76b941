"""Numbers of markers across deaths, lost ledgers and exporters of the same name: none is given twice, and none of it is an outage."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from exporter.core.model import Component, Facts, Moment, Part, Role, System
from exporter.core.numbers import SKIPPED
from exporter.core.ports import Json, Loaded
from exporter.core.state import Marker, Mode, Record, SystemState
from exporter.engine.plan import Plan
from exporter.probes.kind import Ask, Look, Taken
from exporter.probes.tripwire import nothing_to_hold
from tests.engine.virtual import NewLedger, engine_of, in_virtual_time

HK, SG = Part("hk", "database"), Part("sg", "database")
SYSTEM = System(
    "orders",
    "hk",
    ("hk", "sg"),
    {"database": Component("database", critical=True, stateful=True, canary_every=1.0)},
    frozenset({HK, SG}),
)


class Rows:
    """The table of markers, the same at both sites."""

    def __init__(self, *there: int, readable: bool = True, grow: bool = False) -> None:
        """`grow`: a number below the highest is refused too, as in Redis. `readable`: what is there can be told."""
        self.there = set(there)
        self.readable = readable
        self.grow = grow
        self.refused: list[int] = []
        self.written: list[int] = []

    def plan(self) -> Plan:
        return Plan(SYSTEM, lambda: {part: Site(self, part.site) for part in (HK, SG)}, {HK: "x", SG: "x"}, 1)


class Site:
    """One of the two."""

    target = "x"

    def __init__(self, rows: Rows, site: str) -> None:
        self._rows = rows
        self._primary = site == "hk"

    async def look(self, ask: Ask) -> Look:
        await asyncio.sleep(0.002)
        rows = self._rows
        markers = None
        if ask.markers_after is not None and rows.readable:
            markers = tuple(sorted(seq for seq in rows.there if seq > ask.markers_after))
        end = len(rows.there)
        role = Role.PRIMARY if self._primary else Role.STANDBY
        applied = None if self._primary else end
        return Look(Facts(role, self._primary, epoch="1", position=end, applied=applied, markers=markers))

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        await asyncio.sleep(0.002)
        rows = self._rows
        if seq in rows.there or (rows.grow and seq < max(rows.there, default=0)):
            rows.refused.append(seq)
            raise Taken(seq)
        rows.there.add(seq)
        rows.written.append(seq)

    async def hold(self, broken: Any) -> None:
        await nothing_to_hold()

    async def close(self) -> None:
        """Nothing is kept."""


class Disk(NewLedger):
    """Keeps checkpoints and markers, until it is full."""

    def __init__(self) -> None:
        self.full = False
        self.checkpoints: dict[str, tuple[Json, Moment]] = {}
        self.marks: dict[int, Marker] = {}
        self.kinds: list[str] = []

    async def load(self, now: Moment) -> Loaded:
        names = dict.fromkeys(self.checkpoints, 0.0)
        return Loaded(
            {name: state for name, (state, _) in self.checkpoints.items()},
            {name: written for name, (_, written) in self.checkpoints.items()},
            names,
            names,
            {("orders", "database"): sorted(self.marks.values())} if self.marks else {},
        )

    async def append(self, records: Sequence[Record], checkpoints: Mapping[str, Json], now: Moment) -> None:
        self.kinds += [record.kind for record in records]
        self.beat(checkpoints, now)

    def beat(self, checkpoints: Mapping[str, Json], now: Moment) -> None:
        if not self.full:
            self.checkpoints |= {name: (state, now) for name, state in checkpoints.items()}

    def mark(self, system: str, component: str, marker: Marker, now: Moment) -> None:
        if not self.full:
            self.marks[marker.seq] = marker


async def watched(rows: Rows, disk: Disk, seconds: float) -> SystemState:
    async with engine_of(rows.plan(), ledger=disk) as engine:
        await asyncio.sleep(seconds)
        return engine.systems()["orders"].state


def undisturbed(state: SystemState, disk: Disk) -> None:
    assert (state.mode, state.incident, state.counters.blips) == (Mode.HEALTHY, None, 0)
    assert not {"incident", "blip", "source_refuted"} & set(disk.kinds)


@pytest.mark.parametrize("grow", [False, True], ids=["table", "stream"])
@pytest.mark.parametrize("readable", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize("full", [0.01, 15.0, 600.0])
def test_killed_with_a_full_disk(full: float, readable: bool, grow: bool) -> None:
    """What went out before the ledger had it, for the 20 ms that it gathers or for as long as its disk was full, is passed."""

    async def film() -> None:
        rows, disk = Rows(readable=readable, grow=grow), Disk()
        await watched(rows, disk, 8.5)
        disk.full = True
        await watched(rows, disk, full)
        before, disk.full = max(rows.there), False
        rows.written.clear()
        rows.refused.clear()
        undisturbed(await watched(rows, disk, 20), disk)
        assert (rows.refused, len(rows.written) >= 18) == ([], True)
        assert min(rows.written) > before

    in_virtual_time(film())


@pytest.mark.parametrize("grow", [False, True], ids=["table", "stream"])
def test_a_ledger_that_was_lost(grow: bool) -> None:
    """The numbers of the earlier life are read at the site before the first marker goes there, and stay there."""

    async def film() -> None:
        rows, disk = Rows(*range(1, 60), grow=grow), Disk()
        undisturbed(await watched(rows, disk, 20), disk)
        assert rows.refused == []
        assert rows.written[0] > 59
        assert rows.there >= set(range(1, 60))

    in_virtual_time(film())


@pytest.mark.parametrize("grow", [False, True], ids=["table", "stream"])
def test_two_exporters_of_one_name(grow: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A number that somebody else took is no failed write: ours go on above it, it counts for nothing, and the log asks."""

    async def film() -> None:
        rows, disk = Rows(grow=grow), Disk()
        async with engine_of(rows.plan(), ledger=disk) as engine:
            await asyncio.sleep(5.5)
            ahead = max(rows.there) + 1
            rows.there |= {ahead, ahead + 1}
            await asyncio.sleep(20)
            state = engine.systems()["orders"].state
        undisturbed(state, disk)
        assert rows.refused == [ahead]
        assert rows.written[-1] > ahead + SKIPPED
        assert ahead not in {marker.seq for marker in state.canaries["database"].markers}
        assert disk.marks[ahead].site == ""

    with caplog.at_level(logging.WARNING):
        in_virtual_time(film())
    assert "is another exporter called the same?" in caplog.text
