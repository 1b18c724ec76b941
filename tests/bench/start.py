"""From the command to the first /metrics."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from exporter.config import template
from tests.bench import fleet
from tests.bench.rig import Row, get, serving

PORT = 9
"""Nobody listens there: what is looked at does not matter for the start."""


def measure(rounds: int) -> Iterator[Row]:
    """The shipped example (PostgreSQL and HTTP), and 5,000 endpoints."""
    yield Row("start to first /metrics", [_start(template("postgres")) for _ in range(rounds)], 1.0, "s")
    many = fleet.background(PORT, 5000, 50)
    yield Row("start to first /metrics, 5,000 endpoints", [_start(many) for _ in range(rounds)], 1.0, "s")


def _start(config: dict[str, object] | str) -> float:
    with tempfile.TemporaryDirectory() as name:
        begun = time.monotonic()
        with serving(Path(name), config) as (_, port):
            get(port)
            return time.monotonic() - begun
