"""What is remembered of an incident is bounded, however long it lasts."""

import json
from dataclasses import replace

from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import Reason, Sample
from exporter.core.past import Incident, Kind, Move
from exporter.core.state import Marker, Step
from exporter.engine.recorder import DOUBTFUL_LOOKS, Recorder
from tests.core.filming import HK, SYSTEM, film


def test_an_outage_of_hours_takes_no_more_memory_than_one_of_minutes() -> None:
    """Its looks and its failed writes are forgotten alike, the oldest first; a thousand systems fail together in a disaster."""
    state = film("hhh").state
    state = state.but(incident=Incident("x", "orders", Kind.OUTAGE, Interval(4.0, 5.0), "refused"))
    recorder = Recorder(SYSTEM)
    for at in range(4 * DOUBTFUL_LOOKS * len(SYSTEM.parts)):
        looked = Sample(HK, at, at + 0.1, Reason.REFUSED, "")
        recorder.looked(state, Step(state), looked, (), at + 0.1)
        marker, outcome = Marker(at, HK.site, at, None), Outcome(at + 0.2, Reason.REFUSED, "")
        recorder.wrote(state, Step(state), HK, marker, outcome, (), at + 0.2)
    _, *rows = [json.loads(line) for line in recorder.taken("x", state).text.splitlines()]
    kept = DOUBTFUL_LOOKS * len(SYSTEM.parts)
    assert sum("look" in row for row in rows) <= kept + 1
    assert sum("write" in row for row in rows) <= kept + 1
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[-1]["at"] == at + 0.2


def test_what_a_component_without_canary_owed_is_no_loss_by_markers() -> None:
    """Its canary was taken out while they were still to be counted: there are none to write down."""
    calm = film("hhh").state
    owing = Incident(
        "x", "orders", Kind.FAILOVER, Interval(4.0, 5.0), "refused", owed={HK.component: Move(5.0, Interval(4.0, 5.0))}
    )
    before, after = calm.but(incident=owing, canaries={}), calm.but(incident=replace(owing, owed={}), canaries={})
    recorder = Recorder(SYSTEM)
    recorder.looked(before, Step(after), Sample(HK, 6.0, 6.1), (), 6.1)
    assert "loss" not in recorder.taken("x", after).text
