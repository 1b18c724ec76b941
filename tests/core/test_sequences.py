"""Every short film: what the fold makes of it against an oracle that counts letters."""

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise

from exporter.core.state import Mode
from tests.core.filming import Projector
from tests.core.oracle import Oracle

EVENTS = ("failover", "switchover", "failback")
LENGTH = 6


def _same(letters: str, shown: Projector, told: Oracle) -> None:
    assert shown.incidents == told.incidents, letters
    assert shown.blips == told.blips, letters
    assert [r.kind for r in shown.records if r.kind in EVENTS] == told.moves, letters
    mode = "calm" if shown.state.mode in (Mode.HEALTHY, Mode.DEGRADED) else str(shown.state.mode)
    assert mode == told.mode, letters
    running, incident = told.running, shown.state.incident
    assert (incident is None) == (running is None), letters
    if incident is not None and running is not None:
        start, end = incident.start, incident.end
        bounds = (start.lower, start.upper), None if end is None else (end.lower, end.upper)
        assert (*bounds, incident.declared) == (running.start, running.end, running.declared), letters


def test_every_film_against_the_oracle() -> None:
    """All films of up to six letters, one system, two sites: bounds, kinds, moves, blips and the state are as counted."""

    def go_on(letters: str, shown: Projector, told: Oracle) -> None:
        _same(letters, shown, told)
        if len(letters) == LENGTH:
            return
        for letter in "hsortx":
            twin, oracle = shown.fork(), deepcopy(told)
            twin.frame(letter, len(letters) + 1.0)
            oracle.show(len(letters) + 1, letter)
            go_on(letters + letter, twin, oracle)

    go_on("", Projector(), Oracle())


def every(alphabet: str, length: int, check: Callable[[str, Projector], None]) -> None:
    """Show all films of up to `length` letters after a healthy beginning."""

    def go_on(letters: str, shown: Projector) -> None:
        check(letters, shown)
        if len(letters) == length:
            return
        for letter in alphabet:
            twin = shown.fork()
            twin.frame(letter, len(letters) + 1.0)
            go_on(letters + letter, twin)

    begun = Projector()
    begun.frame("h", 1.0)
    go_on("h", begun)


def coherent(letters: str, shown: Projector, *, died: bool = False) -> None:
    """No event twice, each incident told once, transitions in an unbroken chain, bounds in their order.

    A run that goes on after one that `died` may begin its chain anew from `unknown`: the death itself told nothing.
    """
    told = [(r.kind, r.data["incident"]) for r in shown.records if r.kind in ("no_primary", "stuck_switch")]
    assert len(told) == len(set(told)), letters
    ends = [r.data["id"] for r in shown.records if r.kind in ("incident", "blip")]
    assert len(ends) == len(set(ends)), letters
    brains = [r.kind for r in shown.records if r.kind.startswith("split_brain")]
    assert brains == (["split_brain", "split_brain_over"] * len(brains))[: len(brains)], letters
    steps = [(r.data["from"], r.data["to"]) for r in shown.records if r.kind == "transition"]
    assert all(one[1] == other[0] or (died and other[0] == "unknown") for one, other in pairwise(steps)), letters
    for start, end, _ in [*shown.incidents, *shown.blips]:
        assert start[0] <= start[1] <= end[1], letters
        assert start[0] <= end[0] <= end[1], letters


def test_every_film_is_coherent() -> None:
    """Whatever happens, with two writers and gaps: nothing is told twice and nothing contradicts itself."""
    every("hsortbx", LENGTH, coherent)
