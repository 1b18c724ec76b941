"""What was hidden from us is no downtime, however often it was hidden: in the metric, the budget, the API and the report alike."""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.core import watching
from exporter.core.accounting import Span as WallSpan
from exporter.core.accounting import account
from exporter.core.availability import budget
from exporter.core.codec import Decoder, encode
from exporter.core.events import dated
from exporter.core.evidence import Entry, Evidence, KeptState
from exporter.core.hidden import KEPT, hidden, with_hidden
from exporter.core.history import past
from exporter.core.interval import Interval
from exporter.core.model import Objectives
from exporter.core.readings import Totals, totals
from exporter.core.snapshot import Head
from exporter.core.state import Span, SystemState
from exporter.core.timeline import running_json
from tests.core.filming import SYSTEM, WALL, Projector, moment

PROMISED = replace(SYSTEM, objectives=Objectives(rto=30.0, availability=0.999))
ONE_LOOK = 1.0
"""Seconds from when we can look again to the first look, which only the report leaves out."""


@dataclass
class Veiled(Projector):
    """Films in which the exporter goes blind (B) and sees again (S), stands still (P), or is killed and started again (K), each
    for `away` seconds, without a look in between; letters as in `filming`."""

    system = PROMISED
    away: float = 100.0
    at: float = 0.0
    returns: int = 0
    sums: list[Totals] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.system = PROMISED
        self.take(watching.begun(self.system, moment(0)))

    def play(self, letters: str) -> "Veiled":
        for letter in letters:
            match letter:
                case "B":
                    self.take(watching.blinded(self.system, self.state, self.at + 0.6, moment(self.at + 0.7)))
                    self.at += self.away
                case "S":
                    self.at += 1
                    self.take(watching.sighted(self.system, self.state, moment(self.at)))
                case "P":
                    since, self.at = self.at + 0.8, self.at + self.away
                    self.take(watching.paused(self.system, self.state, since, moment(self.at)))
                case "K":
                    kept = Decoder().state(json.loads(json.dumps(encode(self.state))))
                    since, self.at = self.at + 0.9, self.at + self.away
                    self.take(watching.resumed(self.system, kept, since, moment(self.at)))
                case _:
                    self.at += 1
                    self.frame(letter if self.state.blind_since is None else "x", self.at)
            self.returns += letter in "SPK"
            self.sums.append(totals(self.state, self.at + 10.4))
        return self

    def reported(self) -> float:
        """Seconds of downtime, upper bound, as a report of the whole film books them."""
        end = self.at + 0.4
        told = [Entry(n, WALL + r.at, r.kind, r.system, r.sentence, r.data) for n, r in enumerate(self.records, 1)]
        kept = KeptState(end, WALL + end, json.loads(json.dumps(encode(self.state))))
        known = past(Evidence(told, Head(len(told), "00"), states={self.system.name: kept})).systems[self.system.name]
        return account(WallSpan(WALL - 10, WALL + end), known.observed(), known.outages()).downtime.upper

    def budgeted(self) -> float:
        found = budget(self.system, self.state, moment(self.at + 0.4))
        assert found is not None
        return found.downtime

    def blind_seconds(self) -> float:
        """As the API tells of the newest incident."""
        running = running_json(self.state, moment(self.at))
        told = [dict(record.data) for record in self.records if record.kind == "incident"]
        return float((running or told[-1])["blind_seconds"])


@pytest.mark.parametrize(
    ("before", "blind"),
    [
        ("B" + "S", 100.4),
        ("BS" + "BS", 200.8),
        ("BS" + "t" + "BS", 200.8),
        ("BS" + "o" + "BS", 200.8),
        ("K" + "BS", 199.5),
        ("K" + "K", 198.2),
        ("KtK", 198.2),
        ("P" + "P" + "BS", 298.8),
        ("K" * 40, 40 * 99.1),
        ("ooooh" + "PP", 198.4),
        ("oooohB" + "S" + "P", 199.6),
    ],
)
def test_all_that_was_hidden_since_the_last_good_look_is_left_out(before: str, blind: float) -> None:
    """Blind, away or standing still, once or again and again, with hung and failed looks between: the outage that is seen then lasted
    for what was seen of it, and everybody says so."""
    film = Veiled().play("h" * 9 + before + "o" * 9)
    assert film.blind_seconds() == pytest.approx(blind)
    for letters in ("", "h" * 9):
        film.play(letters)
        down = film.sums[-1].downtime
        assert down < 20 + film.returns
        assert film.budgeted() == pytest.approx(down)
        assert abs(film.reported() - down) <= film.returns * ONE_LOOK + 1e-6


def test_a_state_that_kept_no_spans_is_read() -> None:
    """Written by an exporter that knew the last one only: what it hid is in the open incident already."""
    kept = encode(Veiled().play("hhhPPooooo").state)
    older: SystemState = Decoder().state({**{k: v for k, v in kept.items() if k != "hidden"}, "blind_from": 5.0})
    assert older.hidden == ()
    assert older.incident is not None
    assert older.incident.blind == pytest.approx(198.4)


def test_an_outage_that_turns_out_to_have_begun_before_a_standstill_leaves_it_out() -> None:
    """Of two parts that failed the one that was seen to last is found last: what was hidden before counts from then on."""
    state = Veiled().play("hhhPhho").state
    assert state.incident is not None
    assert (state.incident.start.lower, state.incident.blind) == (105.0, 0.0)
    earlier = dated(state, state.incident, Interval(3.0, 106.0))
    assert earlier.blind == pytest.approx(103.0 - 3.8)
    assert dated(state, earlier, Interval(2.0, 106.0)).blind == earlier.blind


SPANS = st.lists(st.tuples(st.floats(0.0, 50.0), st.floats(0.1, 50.0)), min_size=1, max_size=3 * KEPT)
"""(Seconds until it was hidden, seconds for which it was)."""


@given(SPANS, st.floats(-5.0, 600.0))
def test_of_too_many_spans_never_more_is_hidden_than_was(gaps: list[tuple[float, float]], since: float) -> None:
    """They take bounded room, and cost no hidden time at all where the incident began before they did."""
    at = 0.0
    true: list[Span] = []
    kept: tuple[Span, ...] = ()
    for gap, length in gaps:
        true.append(Span(at + gap, at + gap + length))
        kept, at = with_hidden(kept, at + gap, at + gap + length), at + gap + length
    assert len(kept) <= KEPT
    assert all(one.end <= more.start + 1e-9 for one, more in pairwise(kept))
    assert hidden(kept, since) <= hidden(tuple(true), since) + 1e-6
    assert hidden(kept, true[0].start) == pytest.approx(sum(length for _, length in gaps))


PIECES = ("h", "hhh", "hhhh", "o", "ooo", "oooooo", "t", "ttttt", "r", "ssss", "BS", "BoooS", "P", "K")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from((3.0, 7.0, 100.0)))
def test_metric_budget_and_report_agree(pieces: list[str], away: float) -> None:
    """Whatever happens: what is down never falls, never exceeds what was observed, and is the same everywhere."""
    film = Veiled(away=away).play("hhh" + "".join(pieces) + "hhhhh")
    assert all(one.downtime <= more.downtime + 1e-6 for one, more in pairwise(film.sums))
    assert all(one.downtime <= one.observed for one in film.sums)
    down = film.sums[-1].downtime
    slack = film.returns * ONE_LOOK + 1e-6
    assert abs(film.budgeted() - down) <= slack
    assert abs(film.reported() - down) <= slack
