"""What a scrape says of drills: absent where nothing is known, and never muted longer than was agreed."""

from dataclasses import replace

import pytest

from exporter.core.drill import DrillType, Proof
from exporter.core.model import Moment
from tests.metrics import scenes
from tests.metrics.scraping import scrape

DRILL = scenes.DRILL
NAMES = tuple(
    f"dr_{name}" for name in ("drill_active", "drill_expired", "maintenance_active", "drill_last_timestamp_seconds", "drill_due_timestamp_seconds")
)  # fmt: skip


async def told(later: float = 0.0, **changes: object) -> dict[str, float]:
    """The five series of one system, `later` seconds after now; those that are absent are missing."""
    of = scenes.system()
    state = replace(scenes.healthy(of), **changes)  # type: ignore[arg-type]  # whatever field each case names
    now = Moment(scenes.NOW.mono + later, scenes.NOW.wall + later)
    found = await scrape(scenes.snapshot(scenes.watched(of, state)), now, names=NAMES)
    return {name.removeprefix("dr_"): value for name, [(_, value)] in found.items()}


async def test_without_a_drill() -> None:
    """Nothing is muted; no last drill; the first is due an interval after we began to look."""
    due = scenes.NOW.wall - 1000.0 + 90 * 86400.0
    nothing = {"drill_active": 0, "drill_expired": 0, "maintenance_active": 0}
    assert await told() == {**nothing, "drill_due_timestamp_seconds": due}


@pytest.mark.parametrize(("later", "active"), [(0.0, 1), (3539.9, 1), (3540.0, 0), (9999.0, 0)])
async def test_a_drill_mutes_until_it_expires(later: float, active: int) -> None:
    """Asked anew at each scrape: no look and no record is needed for it to end."""
    found = await told(later, drill=DRILL)
    assert (found["drill_active"], found["drill_expired"], found["maintenance_active"]) == (active, 1 - active, 0)


async def test_maintenance_mutes_nothing() -> None:
    """It is told apart, and needs nobody to end it."""
    window = replace(DRILL, type=DrillType.MAINTENANCE)
    for later, active in ((0.0, 1), (3540.0, 0)):
        found = await told(later, drill=window)
        assert (found["drill_active"], found["drill_expired"], found["maintenance_active"]) == (0, 0, active)


@pytest.mark.parametrize(("drill", "active"), [(DRILL.id, 1), ("drill-orders-earlier", 0), (None, 0)])
async def test_only_what_began_in_it_is_muted(drill: str | None, active: int) -> None:
    """An incident of before the drill, or of an earlier one, pages in it."""
    incident = replace(scenes.failover(), open=True, end=None, drill=drill)
    assert (await told(drill=DRILL, incident=incident))["drill_active"] == active


async def test_the_last_and_the_next() -> None:
    """The end of the last finished drill, and the proof plus the interval."""
    found = await told(drilled=scenes.NOW.mono - 60.0, proof=Proof(scenes.NOW.mono - 100.0, "orders-1"))
    assert found["drill_last_timestamp_seconds"] == scenes.NOW.wall - 60
    assert found["drill_due_timestamp_seconds"] == scenes.NOW.wall - 100 + 90 * 86400


async def test_what_happens_in_drills_begins_at_zero() -> None:
    """increase() needs the 0 before the 1; without any drill there is no such series."""
    of = scenes.system()
    for drill, kinds in ((None, set()), (DRILL, {"failover", "switchover", "failback"})):
        state = replace(scenes.healthy(of), drill=drill)
        found = await scrape(scenes.snapshot(scenes.watched(of, state)), names=("dr_failovers_total",))
        labelled = [(have["kind"], value) for have, value in found["dr_failovers_total"] if have["drill"] == "true"]
        assert dict(labelled) == dict.fromkeys(kinds, 0)
