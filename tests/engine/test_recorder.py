"""What is remembered of an incident is bounded, however long it lasts."""

import json

from exporter.core.canary import Outcome
from exporter.core.interval import Interval
from exporter.core.model import Reason, Sample
from exporter.core.past import Incident, Kind
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
