"""What begins to be needed in the middle, recomputed from what was seen: by the move of a role, of traffic, or by a reload."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.core import fold, watching
from exporter.core.model import ENTRY, NO_FACTS, Component, Facts, Part, Reason, Role, Sample, System
from exporter.engine.recorder import Recorder
from exporter.reports import verify
from tests.core.filming import HK, SG, SYSTEM, Projector, moment

WEB = {"hk": Part("hk", "web"), "sg": Part("sg", "web")}
SMALL = replace(SYSTEM, parts=SYSTEM.parts | {ENTRY}, entry_tells_site=True)
LARGE = replace(
    SMALL, components={**SYSTEM.components, "web": Component("web", critical=True)}, parts=SMALL.parts | {*WEB.values()}
)


class Seen(Projector):
    """A film with a recorder beside it, and the incidents as a verifier gets them."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self.recorder = Recorder(system)
        self.chunks: dict[str, list[list[dict[str, Any]]]] = {}
        self.differences: list[str] = []
        self.checked = 0

    def reload(self, system: System, at: float) -> None:
        self.system, self.recorder = system, Recorder(system)
        self.take(watching.reconfigured(system, self.state, moment(at)))

    def see(self, part: Part, start: float, end: float, reason: Reason | None, facts: Facts = NO_FACTS) -> None:
        sample = Sample(part, start, end, reason, "", NO_FACTS if reason else facts)
        before, step = self.state, fold.observe(self.system, self.state, sample, moment(end))
        self.take(step)
        self.recorder.looked(before, step, sample, (), end)
        for name in self.recorder.due(step.records):
            kept = self.recorder.taken(name, step.state)
            self.chunks.setdefault(name, []).append([json.loads(line) for line in kept.text.splitlines()])
        for record in step.records:
            if record.kind == "incident":
                chunks = self.chunks[record.data["id"]]
                told = json.loads(json.dumps(record.data))
                differences, notes = verify.incident(told, {"mono": record.at}, chunks)
                self.differences += [*differences, *(note for note in notes if "its bounds" in note)]
                self.checked += 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hk", "hk", "sg", ""]),  # where the entry is served; "": it fails
        st.sampled_from(["hk", "hk", "hk", "sg", ""]),  # who takes writes; "": the database is dead
        st.booleans(),  # whether web at hk works
        st.booleans(),  # whether web at sg works
        st.sampled_from([0.05, 0.05, 1.2]),  # how long a look at the database takes
    ),
    min_size=1,
    max_size=24,
)
CALM = ("hk", "hk", True, True, 0.05)


@settings(max_examples=120, deadline=None)
@example([("hk", "hk", True, False, 0.05)] * 6 + [("sg", "hk", True, False, 0.05)] * 5, False)
@example([("hk", "hk", True, False, 0.05)] * 6 + [("hk", "sg", True, False, 0.05)] * 5, False)
@example([("hk", "hk", False, True, 0.05)] * 5, True)
@example(
    [("hk", "hk", works, False, 0.05) for works in (False, True, True)] + [("sg", "hk", False, False, 0.05)] * 5, False
)
@given(STEPS, st.booleans())
def test_what_is_recomputed_is_what_was_told(steps: list[tuple[str, str, bool, bool, float]], grows: bool) -> None:
    """Random histories of an entry that tells its site, a database and a component that tells no role; the latter may be added by a
    reload while all is well, and fail from its first look on."""
    seen = Seen(SMALL if grows else LARGE)
    looks: list[tuple[float, float, Part, Reason | None, Facts]] = []
    epoch, holder = 1, "hk"
    begins = [CALM] * 3 + [("hk", "hk", *steps[0][2:4], 0.05)]
    for tick, (entry, primary, web_hk, web_sg, takes) in enumerate(begins + steps + [CALM] * 8):
        at = float(tick + 1)
        if primary and primary != holder:
            epoch, holder = epoch + 1, primary
        looks.append((at, at + 0.05, ENTRY, None if entry else Reason.STATUS, Facts(served_by=entry or None)))
        for n, part in enumerate((HK, SG)):
            role = Role.PRIMARY if part.site == primary else Role.STANDBY
            facts = Facts(role, role is Role.PRIMARY, epoch=str(epoch))
            began = at + 0.1 * (n + 1)
            looks.append((began, began + takes, part, None if primary else Reason.REFUSED, facts))
        for n, (site, works) in enumerate((("hk", web_hk), ("sg", web_sg))):
            began = at + 0.3 + 0.1 * n
            looks.append((began, began + 0.05, WEB[site], None if works else Reason.REFUSED, NO_FACTS))
    for start, end, part, reason, facts in sorted(looks, key=lambda look: look[1]):
        if grows and end > 3.9 and seen.system is SMALL:
            seen.reload(LARGE, end)
        if part in seen.system.parts:
            seen.see(part, start, end, reason, facts)
    assert seen.differences == []


def test_they_are_recomputed_indeed() -> None:
    """Traffic comes to a site whose web was dead for six looks."""
    seen = Seen(LARGE)
    for tick in range(1, 24):
        at, sg = float(tick), tick < 6 or tick > 14
        for part in (HK, SG):
            role = Role.PRIMARY if part is HK else Role.STANDBY
            seen.see(part, at, at, None, Facts(role, part is HK, epoch="1"))
        seen.see(WEB["hk"], at, at, None)
        seen.see(WEB["sg"], at, at, None if sg else Reason.REFUSED)
        seen.see(ENTRY, at, at, None, Facts(served_by="hk" if tick < 12 else "sg"))
    assert (seen.checked, seen.differences) == (1, [])
    last = seen.state.last
    assert last is not None
    assert last.start[:2] == (11.0, 12.0)
