"""`make faults`: break real PostgreSQL pairs many times and print what the exporter made of it."""

import argparse
import sys

from tests.faults.runs import FAULTS, HEAD, mend, scene


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4, help="of each fault (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(FAULTS))
    options = parser.parse_args()
    runs = []
    print(HEAD, flush=True)
    for name in [options.only] if options.only else FAULTS:
        with scene(options.seed) as stage:
            for _ in range(options.runs):
                run = stage.run(name)
                print(run.row(), flush=True)
                runs.append(run)
                mend(stage, run)
    wrong = sum(bool(run.wrong) for run in runs)
    print(f"{len(runs)} runs, {wrong} wrong; widest RTO {max(run.width for run in runs):.2f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
