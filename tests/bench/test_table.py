"""The tables are what the JSON says, and strangers are noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import table
from tests.bench.quiet import DisturbedError, Patience, _mine
from tests.bench.rig import Row, machine


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the looks alone."""
    rows = [Row("http look", [0.1, 0.2, 0.3], 0.15, words="5 us"), Row("redis look", [0.5], None)]
    found = {"machine": {**machine(), "cores_of_strangers": 0.7}, "rows": [row.json() for row in rows]}
    (tmp_path / "looks.json").write_text(json.dumps(found))
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    return tmp_path


def test_a_missed_promise_is_told(results: Path) -> None:
    """The README has each promise with its spread and verdict, and who disturbed; what nothing was promised of is elsewhere."""
    text = table.promised()
    assert "| http look | 0.2 | 0.1 .. 0.3 | 0.15 | **missed** |" in text
    assert "redis" not in text
    assert "looks (while others took up to 0.7 cores)" in text
    assert "| redis look | 0.5 |  |  |  |  |" in table.everything()
    assert "| 5 us |" in table.everything()


def test_what_we_spend_ourselves_is_not_a_strangers() -> None:
    """A child of the bench keeps a core busy, and is found to be ours when it has ended, too."""
    busy = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    before = _mine()
    subprocess.run([sys.executable, "-c", busy], check=True, timeout=300)
    assert _mine() - before >= 0.25


def test_what_was_disturbed_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window in which looks failed is no measure; the next one is taken, and after five in a row the bench gives up."""
    monkeypatch.setattr("tests.bench.quiet.PAUSE", 0.0)
    failures = iter([True, False])

    def once() -> str:
        if next(failures):
            raise DisturbedError("looks failed")
        return "measured"

    patience = Patience(0.0)
    assert patience.undisturbed(once) == "measured"
    assert patience.thrown_away == 1

    def never() -> str:
        raise DisturbedError("looks failed")

    with pytest.raises(DisturbedError):
        patience.undisturbed(never)
