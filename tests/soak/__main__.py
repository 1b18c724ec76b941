"""`make soak`: a day in virtual time, and a real hour under load with faults. The results are in tests/soak/results/ as JSON.

`python -m tests.soak [--only day|load] [--hours 24] [--minutes 60]`; leaves with 1 when anything was wrong.
"""

import argparse
import json
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from tests.bench.rig import machine
from tests.soak import day, load

RESULTS = Path(__file__).parent / "results"
PARTS = ("day", "load")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--hours", type=float, default=24, help="of virtual time (default: %(default)g)")
    parser.add_argument("--minutes", type=float, default=60, help="of real time under load (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="copy the exporter's log, its incidents and its ledger there"
    )
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that nothing is left running
    logging.getLogger("exporter").setLevel(logging.ERROR)
    wrong = 0
    for part in [options.only] if options.only else PARTS:
        if part == "day":
            found: day.Day | load.Found = day.measure(options.hours, options.seed)
        else:
            found = load.measure(options.minutes, options.seed, options.keep)
        result = {"machine": machine(), "seed": options.seed, **asdict(found)}
        (RESULTS / f"{part}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(*found.table(), sep="\n", flush=True)
        wrong += len(found.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
