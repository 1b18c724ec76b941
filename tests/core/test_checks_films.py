"""Every short film of a parity check and of a business figure, one letter a round of six seconds.

a all alike    d the standby differs    p the standby refuses    t the standby is silent    q the serving site is silent
"""

import json
from dataclasses import replace

from exporter.core.checks import kpi_answered, parity_answered, parity_match
from exporter.core.codec import Decoder, encode
from exporter.core.inspected import Answer
from exporter.core.model import Kpi, Part, Reason, Sample
from exporter.core.state import SystemState
from tests.core.filming import Projector, moment
from tests.core.test_checks import ALIKE, SAME

ROUND = 6.0
CHECK = replace(SAME, delay=5.0)
ASKED = replace(ALIKE, parity={"grants": CHECK}, kpis={"opm": Kpi("opm", 100.0, 0.88)})
LETTERS = {
    "a": ("x", "x"),
    "d": ("x", "y"),
    "p": ("x", Reason.PERMISSION),
    "t": ("x", Reason.TIMEOUT),
    "q": (Reason.TIMEOUT, "y"),
}
FIGURES = {"a": 90.0, "d": 80.0, "t": None}


def _answer(at: float, said: str | Reason) -> Answer:
    return Answer(at, reason=said) if isinstance(said, Reason) else Answer(at, text=said)


def _expected(letters: str) -> bool | None:
    """By the letters: nobody knows without an answer of both; a difference counts once it lasts, or goes on after it did."""
    if letters[-1] in "tq":
        return None
    if letters[-1] == "a":
        return True
    run = len(letters) - len(letters.rstrip("dp"))
    before = letters[: len(letters) - run]
    if (run - 1) * ROUND >= CHECK.delay or (before and _known_to_differ(before)):
        return False
    return True if before.endswith("a") else None


def _known_to_differ(letters: str) -> bool:
    spoken = letters.rstrip("tq")
    return spoken[-1:] in ("d", "p") and _expected(spoken) is False


def _again(state: SystemState) -> SystemState:
    return Decoder().state(json.loads(json.dumps(encode(state))))


def test_every_film_of_parity() -> None:
    """What is said of each, and that losses and restorations are told in turn, though the exporter dies after every round."""

    def go_on(letters: str, shown: Projector) -> None:
        if letters:
            assert parity_match(CHECK, shown.state.parity["grants"]) is _expected(letters), letters
            assert shown.kinds() == (["parity_lost", "parity_restored"] * len(letters))[: len(shown.kinds())], letters
            lost = len(shown.kinds()) % 2 == 1
            assert lost or _expected(letters) is not False, letters
        if len(letters) == 5:
            return
        for letter, (here, there) in LETTERS.items():
            twin, at = shown.fork(), ROUND * (len(letters) + 1)
            told = {"hk": _answer(at, here), "sg": _answer(at, there)}
            twin.take(parity_answered(ASKED, _again(twin.state), "grants", "hk", told, moment(at)))
            go_on(letters + letter, twin)

    go_on("", Projector(ASKED))


def test_every_film_of_a_figure() -> None:
    """Low and recovered are told in turn, whatever nobody knew in between and wherever the exporter dies."""

    def go_on(letters: str, shown: Projector) -> None:
        known = letters.replace("t", "")
        changes = sum(one != other for one, other in zip("a" + known, known, strict=False))
        assert shown.kinds() == (["kpi_low", "kpi_recovered"] * len(letters))[:changes], letters
        if len(letters) == 6:
            return
        for letter, value in FIGURES.items():
            twin, at = shown.fork(), float(len(letters) + 1)
            sample = Sample(Part("", "opm"), at, at, Reason.TIMEOUT if value is None else None)
            twin.take(kpi_answered(ASKED, _again(twin.state), "opm", sample, value, None, moment(at)))
            go_on(letters + letter, twin)

    go_on("", Projector(ASKED))
