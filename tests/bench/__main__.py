"""`make bench`: one table of what it costs, beside what others cost, and the same as JSON in tests/bench/results/.

`python -m tests.bench [--only boards|looks|scale|scrape|start|streams] [--rounds 5] [--seconds 10]`; leaves with 1 when a limit is passed.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator

from tests.bench import boards, looks, scale, scrape, start, streams
from tests.bench.rig import RESULTS, Row, machine

PARTS = ("looks", "scrape", "start", "streams", "scale", "boards")


def rows(part: str, rounds: int, seconds: float) -> Iterator[Row]:
    """Measures one part of the table."""
    if part == "looks":
        yield from looks.measure(rounds, seconds)
    elif part == "scrape":
        yield from scraped(rounds)
    elif part == "start":
        yield from start.measure(rounds)
    elif part == "streams":
        yield from streams.measure(rounds, seconds)
    elif part == "boards":
        yield from boards.measure(rounds)
    else:
        yield from scale.measure(rounds, seconds)


def scraped(rounds: int) -> Iterator[Row]:
    """100,000 series, all of them moved since the scrape before, and a tenth of them."""
    found = asyncio.run(scrape.measure(100_000, rounds))
    for name in ("all_moved", "tenth_moved"):
        one, words = found[name], f"{found[name]['series']:,} series, {name.replace('_', ' ')}"
        if not one["equal_when_parsed"]:
            raise RuntimeError(f"{words}: not what prometheus_client writes")
        ratio, stall = one["ratio"], one["stall_ms"]
        costs = f"{one['ours_cpu_ms']:.0f} ms, theirs {one['prometheus_client_cpu_ms']:.0f} ms, equal when parsed"
        yield Row(f"{words} / generate_latest", [ratio["least"], ratio["median"], ratio["most"]], 0.05, words=costs)
        yield Row(f"{words}: loop stall", [stall["median"], stall["median"], stall["most"]], 5, "ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="how long one measurement lasts")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    missed = False
    for part in [options.only] if options.only else PARTS:
        found: list[Row] = []
        for row in rows(part, options.rounds, options.seconds):
            found.append(row)
            missed = missed or not row.met
            print(row, flush=True)
        result = {"machine": machine(), "rows": [row.json() for row in found]}
        (RESULTS / f"{part}.json").write_text(json.dumps(result, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
