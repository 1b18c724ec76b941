"""`make bench`: one table of what it costs, beside what others cost, and the same as JSON in tests/bench/results/.

`python -m tests.bench [--only PART] [--rounds 5] [--seconds 10] [--outages 400] [--patience 180]`; leaves with 1 when a promise is missed.
"""

import argparse
import json
import sys
from collections.abc import Iterator

from tests.bench import boards, looks, outages, scale, scrape, start, streams
from tests.bench.quiet import PATIENCE, DisturbedError, Patience
from tests.bench.rig import Row, machine
from tests.bench.table import PARTS, RESULTS


def rows(part: str, options: argparse.Namespace, patience: Patience) -> Iterator[Row]:
    """Measures one part of the table."""
    rounds, seconds = options.rounds, options.seconds
    if part == "looks":
        yield from looks.measure(rounds, seconds, patience)
    elif part == "scrape":
        yield from scrape.measure(rounds, patience)
    elif part == "start":
        yield from start.measure(rounds, patience)
    elif part == "streams":
        yield from streams.measure(rounds, seconds, patience)
    elif part == "scale":
        yield from scale.measure(min(rounds, 3), seconds, patience)
    elif part == "outages":
        yield from outages.measure(options.outages, patience)
    else:
        yield from boards.measure(rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="how long one measurement lasts")
    parser.add_argument("--outages", type=int, default=400, help="how many outages are measured; 1000 take 7 minutes")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds of windows measured again, a part")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    missed = False
    for part in [options.only] if options.only else PARTS:
        try:
            found = list(measured(part, options))
        except DisturbedError as error:
            print(f"{part}: not measured: {error}", flush=True)
            missed = True
        else:
            missed = missed or not all(row.met for row in found)
    print("`make reference` writes this into README.md and docs/performance.md")
    return 1 if missed else 0


def measured(part: str, options: argparse.Namespace) -> Iterator[Row]:
    """Prints the rows as they come, and keeps them when all are there."""
    patience = Patience(options.patience)
    found: list[Row] = []
    for row in rows(part, options, patience):
        found.append(row)
        print(row, flush=True)
        yield row
    result = {"machine": {**machine(), **patience.json()}, "rows": [row.json() for row in found]}
    (RESULTS / f"{part}.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
