"""`make faults`: break real servers many times and print what the exporter made of it."""

import argparse
import sys

from tests.faults import mariadb_runs, redis_runs, runs

SERVERS = {"postgres": runs.table, "mariadb": mariadb_runs.table, "redis": redis_runs.table}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4, help="of each fault (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(SERVERS))
    options = parser.parse_args()
    done = []
    for name in [options.only] if options.only else SERVERS:
        print(f"{name}\n{runs.HEAD}", flush=True)
        for run in SERVERS[name](options.runs, options.seed):
            print(run.row(), flush=True)
            done.append(run)
    wrong = sum(bool(run.wrong) for run in done)
    print(f"{len(done)} runs, {wrong} wrong; widest RTO {max(run.width for run in done):.2f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
