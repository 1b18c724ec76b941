"""`python -m tests.rules --write` writes deploy/prometheus/tests; without --write it fails when they are stale."""

import sys
from pathlib import Path

from tests.rules.written import rule_tests

OUT = Path(__file__).parents[2] / "deploy/prometheus/tests"


def main() -> int:
    made = rule_tests()
    if "--write" in sys.argv[1:]:
        OUT.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (OUT / name).write_text(text, encoding="utf-8")
    there = {path.name: path.read_text(encoding="utf-8") for path in OUT.glob("*.yml")}
    return 0 if there == made else 1


if __name__ == "__main__":
    sys.exit(main())
