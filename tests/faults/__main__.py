"""`make faults`: break real servers and the exporter itself many times, and print what it made of it.

`python -m tests.faults [--only NAME ...] [--runs 3] [--seed 1] [--jobs 2]`. Every row is printed as it comes; at the end
stands the sum by fault and system, and tests/faults/results/ has all of it. Leaves with 1 when anything was wrong.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from tests.faults import kills
from tests.faults.matrix import TABLES
from tests.faults.table import HEAD, Run, save, saved, summary

SERVERS: Mapping[str, Callable[[int, int], Iterator[Run]]] = {**TABLES}
"""Name -> its runs: so many of each fault, with this seed."""
KILLS = "kills"
"""A thousand kills of the exporter, which are asked for by name: they take half an hour."""


def break_them(name: str, times: int, seed: int) -> list[Run]:
    """One of the tables, printed while it is made, and saved."""
    done = []
    for run in SERVERS[name](times, seed):
        print(run.row(), flush=True)
        done.append(run)
        save(name, done)  # each time, so that one that breaks off leaves what it has
    return done


def in_a_process(name: str, times: int, seed: int, ranges: "Queue[int]") -> list[Run]:
    """The same in a process of its own, with a range of ports of its own. Raises RuntimeError when it breaks off."""
    job = ranges.get()
    environment = {**os.environ, "PYTEST_XDIST_WORKER": f"gw{job}"}
    command = [sys.executable, "-m", "tests.faults", f"--only={name}", f"--runs={times}", f"--seed={seed}", "--rows"]
    code = subprocess.run(command, env=environment, check=False).returncode
    ranges.put(job)
    if code not in (0, 1):
        raise RuntimeError(f"{name} broke off with {code}")
    return saved(name)


def all_of(names: Sequence[str], times: int, seed: int, jobs: int) -> list[Run]:
    if len(names) == 1:
        return break_them(names[0], times, seed)
    first = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ranges: Queue[int] = Queue()
    for job in range(jobs):
        ranges.put(first + job)
    with ThreadPoolExecutor(jobs) as pool:
        parts = [pool.submit(in_a_process, name, times, seed, ranges) for name in names]
        return [run for part in parts for run in part.result()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="of each fault (default: 3), or how many kills (default: 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted([*SERVERS, KILLS]))
    parser.add_argument("--jobs", type=int, default=2, help="tables at a time (default: %(default)s)")
    parser.add_argument("--rows", action="store_true", help="without the head and the sums")
    options = parser.parse_args()
    if options.only == [KILLS]:
        return 1 if kills.run(options.runs or 1000, options.seed, options.jobs).wrong else 0
    if not options.rows:
        print(HEAD, flush=True)
    done = all_of(options.only or list(SERVERS), options.runs or 3, options.seed, options.jobs)
    if not options.rows:
        print(*summary(done), sep="\n")
    return 1 if any(run.wrong for run in done) else 0


if __name__ == "__main__":
    sys.exit(main())
