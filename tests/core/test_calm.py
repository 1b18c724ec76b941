"""A look that says only once more what was known is folded in with less work, and to the same end."""

from dataclasses import dataclass, field, replace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core import fold
from exporter.core.looks import changes_nothing
from exporter.core.model import ENTRY, NO_FACTS, Component, Facts, Moment, Part, Policy, Reason, Sample, System
from exporter.core.reload import reconfigure
from exporter.core.state import Mode, Record, Step, SystemState

WEB = {site: Part(site, "web") for site in ("hk", "sg")}
MAIL = Part("hk", "mail")
SYSTEM = System(
    name="shop",
    home="hk",
    sites=("hk", "sg"),
    components={"web": Component("web", critical=True), "mail": Component("mail")},
    parts=frozenset({ENTRY, *WEB.values(), MAIL}),
    policy=Policy(declare_min=0.5, stable_for=1.0),
)
OTHERWISE = replace(SYSTEM, components={"web": Component("web"), "mail": Component("mail", critical=True)})
ACTIVE = replace(SYSTEM, mode="active-active")
PARTS = (ENTRY, *WEB.values(), MAIL)
FACTS = (NO_FACTS, Facts(tls_not_after=1.0), Facts(tls_not_after=2.0), Facts(served_by="sg"))

LOOKS = st.tuples(
    st.sampled_from(PARTS),
    st.sampled_from((None, None, None, None, Reason.REFUSED, Reason.TIMEOUT)),
    st.sampled_from(FACTS),
)
EVENTS = st.one_of(LOOKS, LOOKS, LOOKS, LOOKS, st.sampled_from(("calm", "trip", "blind", "sighted", "other", "kill")))


@dataclass
class Story:
    """What a run of events makes of a system."""

    system: System
    state: SystemState = field(init=False)
    now: float = 0.0
    told: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = fold.begin(self.system, Moment(0.0, 1e9))

    def take(self, step: Step) -> None:
        self.state = step.state
        self.told += step.records

    def look(self, part: Part, reason: Reason | None = None, facts: Facts = NO_FACTS) -> None:
        self.now += 0.1
        started = self.now - 0.05
        facts = NO_FACTS if reason else facts
        sample = Sample(part, started, self.now, reason, facts=facts)
        self.take(fold.observe(self.system, self.state, sample, Moment(self.now, 1e9 + self.now), heard=started))

    def happen(self, event: str) -> None:
        self.now += 0.1
        now = Moment(self.now, 1e9 + self.now)
        match event:
            case "calm":
                for part in PARTS * 2:
                    self.look(part)
            case "trip":
                self.state = fold.tripped(self.state, WEB["hk"], self.now)
            case "blind":
                self.take(fold.blinded(self.system, self.state, self.now, now))
            case "sighted":
                self.take(fold.sighted(self.system, self.state, now))
            case "kill":
                self.take(fold.resume(self.system, self.state, self.now - 0.05, now))
            case "other":
                self.system = OTHERWISE if self.system is not OTHERWISE else SYSTEM
                self.state = reconfigure(self.system, self.state, now)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=60), st.sampled_from((SYSTEM, ACTIVE)))
def test_less_work_comes_to_the_same_end(events: list[str | tuple[Part, Reason | None, Facts]], system: System) -> None:
    """Whatever happens between: the same state and the same records, as if everything had been assessed each time."""
    short, whole = Story(system), Story(system)
    for event in ["calm", *events]:
        for story in (short, whole):
            with patch.object(fold, "changes_nothing", changes_nothing if story is short else lambda *_: False):
                if isinstance(event, str):
                    story.happen(event)
                else:
                    story.look(*event)
        assert short.state == whole.state
        assert short.told == whole.told


def test_a_calm_system_takes_the_short_way() -> None:
    """It does, and goes on to do so after a restart and under another configuration."""
    story = Story(SYSTEM)
    for event in ("calm", "kill", "calm", "other", "calm"):
        story.happen(event)
    assert story.state.mode in (Mode.HEALTHY, Mode.DEGRADED)
    with patch.object(fold, "assess", side_effect=AssertionError):
        for part in PARTS:
            story.look(part)
    assert all(story.state.parts[part].sample is not None for part in PARTS)
