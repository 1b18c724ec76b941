"""From the command to the first /metrics."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench import fleet
from tests.bench.quiet import Patience
from tests.bench.rig import Row, get, serving

PORT = 9
"""Nobody listens there: what is looked at does not matter for the start."""


def measure(rounds: int, patience: Patience) -> Iterator[Row]:
    """Ten PostgreSQL pairs, and 5,000 endpoints."""
    server = {"database": {"postgres": f"postgresql://dr_probe@127.0.0.1:{PORT}/app"}}
    system = {"home": "hk", "components": {"database": {"critical": True}}, "sites": {"hk": server, "sg": server}}
    pairs = {"systems": {f"system-{number}": system for number in range(10)}}
    yield Row("start to first /metrics", [patience.undisturbed(lambda: _start(pairs)) for _ in range(rounds)], 1.0, "s")
    many = fleet.background(PORT, 5000, 50)
    took = [patience.undisturbed(lambda: _start(many)) for _ in range(rounds)]
    yield Row("start to first /metrics, 5,000 endpoints", took, 1.0, "s")


def _start(config: Mapping[str, Any]) -> float:
    with tempfile.TemporaryDirectory() as name:
        begun = time.monotonic()
        with serving(Path(name), config) as (_, port):
            get(port)
            return time.monotonic() - begun
