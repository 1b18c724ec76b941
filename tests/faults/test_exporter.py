"""A small sample of what happens to the exporter itself; `make faults` and `python -m tests.faults --only kills` do it many times."""

import asyncio
from typing import Any

import pytest

from exporter.core.interval import Interval
from tests.faults.exporter_page import FAULTS, house
from tests.faults.judgement import Life, judged
from tests.faults.kills import kill
from tests.faults.world import Break

pytestmark = pytest.mark.faults
SAMPLE = ("ledger locked", "no more files in outage", "ledger log cut")


def test_a_few_of_its_faults() -> None:
    """An outage while its ledger is locked, while it may open no file, and over a torn ledger: told once, and rightly."""
    with house(seed=1) as (stage, _):
        for name in SAMPLE:
            run = stage.play(name, FAULTS[name])
            assert not run.wrong, run.row()


def test_a_few_kills() -> None:
    """After each the ledger verifies, and nothing that was told is lost, doubled or changed."""
    tally = asyncio.run(kill(4, seed=5, parallel=1, pair=False))
    assert tally.kills.total() == 4
    assert not tally.wrong


def told(start: tuple[float, float], end: tuple[float, float], name: str = "one") -> dict[str, Any]:
    """An incident; instants are seconds since the epoch of both clocks, which are the same here."""
    bounds = {
        key: {"lower": low, "estimate": low, "upper": high} for key, (low, high) in (("start", start), ("end", end))
    }
    rto = {"lower": end[0] - start[1], "estimate": 0.0, "upper": end[1] - start[0]}
    return {"id": name, "system": "shop", "cause": "refused", **bounds, "rto": rto}


BROKEN = Break("shop", Interval(100.0, 100.1), Interval(105.0, 105.1))
LIVES = (Life(90.0, 120.0),)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([told((99.5, 100.5), (104.8, 105.2))], []),
        ([], ["missed"]),
        ([told((100.5, 100.6), (104.8, 105.2))], ["missed bound"]),
        ([told((99.5, 100.5), (105.3, 105.4))], ["missed bound"]),
        ([told((99.5, 100.5), (104.8, 105.2)), told((110.0, 110.1), (111.0, 111.1), "two")], ["false incident"]),
        ([told((99.5, 100.5), (104.8, 105.2)), told((99.6, 100.4), (104.9, 105.2), "two")], ["doubled"]),
    ],
)
def test_the_judge_sees_what_is_wrong(
    items: list[dict[str, Any]], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incident of nothing, one told twice, one that nobody told, and bounds beside the truth."""
    monkeypatch.setattr("tests.faults.exporter.time.time", lambda: 0.0)  # the clocks of the incidents above
    monkeypatch.setattr("tests.faults.exporter.time.monotonic", lambda: 0.0)
    assert [one.words.partition(":")[0] for one in judged(items, [BROKEN], LIVES)] == words
