"""Building a probe from settings as they are written, and looking once with it."""

import time
from typing import Any

from exporter.core.model import Part, Sample
from exporter.probes import KINDS
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Context, Deadline, Probe
from tests.hostile import Behaviour, serve

PART = Part("hk", "web")


def probe(kind: str, **settings: Any) -> Probe:
    """A probe of `kind`, built as the exporter builds it."""
    chosen = KINDS[kind]
    return chosen.build(chosen.settings.model_validate(settings), Context(vantage="test"))


async def look(probe: Probe, timeout: float = 5.0, markers_after: int | None = None) -> Sample:
    """One look, through attempt(). `timeout` in seconds; only tests of a hang wait for it."""
    ask = Ask(fresh=True, markers_after=markers_after)
    return await attempt(PART, lambda: probe.look(ask), Deadline(time.monotonic() + timeout), time.monotonic)


async def seen(behaviour: Behaviour, timeout: float = 5.0, **settings: Any) -> Sample:
    """One look of kind `http` at a server that behaves so."""
    async with serve(behaviour) as server:
        return await look(probe("http", url=f"http://127.0.0.1:{server.port}/healthz", **settings), timeout)
