"""A large company's year: 200 systems, 2,000 events."""

import subprocess
import sys
from pathlib import Path

from tests.reports.annals import Annals, utc
from tests.reports.files import write_ledger

YEAR = 365 * 86_400.0
SYSTEMS, EVENTS = 200, 10
CODE = """
import sys, time
from exporter.cli import main
start = time.process_time()
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
# Not getrusage: what it tells may be the peak of the process that we were forked from.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - start, int(peak) // 1024, file=sys.stderr)
"""


def large(folder: Path) -> Path:
    """A ledger with 200 systems, ten events each, and the transitions that belong to them."""
    annals, begin = Annals(), utc("2026-01-01T00:00:00")
    for number in range(SYSTEMS):
        name = f"system-{number:03d}"
        annals.watch(begin + number, name)
        annals.standing(begin + 60 + number, name, sg={"reachable": True, "replicating": True, "rpo": True})
        for event in range(EVENTS):
            start = begin + (event + 0.5) * YEAR / EVENTS + number * 600
            for before, after in (("healthy", "suspected"), ("suspected", "outage"), ("outage", "recovering")):
                annals.add(start + 1, "transition", name, {"from": before, "to": after})
            rpo = {"lower": 0.0, "estimate": 0.2, "upper": 0.5}
            annals.outage(start, start + 30 + event * 10, name, width=0.5, rpo=rpo)
            annals.add(start + 100, "transition", name, {"from": "recovering", "to": "healthy"})
    return write_ledger(folder, annals, begin + YEAR)


def test_a_year_of_200_systems_is_reported_in_seconds(tmp_path: Path) -> None:
    """The whole page takes less than 20 s of CPU and 300 MB (on an idle core it is a third of that); nothing is left out."""
    ledger, out = large(tmp_path), tmp_path / "year.html"
    arguments = ["report", "--year", "2026", "--ledger", str(ledger), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    seconds, megabytes = done.stderr.split()[-2:]
    assert float(seconds) < 20
    assert int(megabytes) < 300
    text = out.read_text(encoding="utf-8")
    assert text.count('<section class="system">') == SYSTEMS
