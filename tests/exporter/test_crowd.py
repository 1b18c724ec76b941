"""Many systems on one server that stands still: what doubt adds must not keep them there, for real."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.exporter.rig import Exporter, until
from tests.probes.postgres_rig import make_pair
from tests.servers import PASSWORD, PostgresPair

pytestmark = [pytest.mark.alone, pytest.mark.postgres]

SYSTEMS = 50
FROZEN = 4.0
BACK = 60.0
"""Seconds after the server goes on within which all are calm again; 5 s of them are `stable_for`. Without the bound they were
all still out after minutes, on the same machine."""


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    """With room for the sessions of that many systems."""
    for pair in make_pair():
        pair.make_room(600)
        yield pair


async def test_fifty_databases_on_one_server_come_back(
    exporter: Exporter, pair: PostgresPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One PostgreSQL that serves fifty systems is frozen and goes on: all are calm again, and each told when it was away."""
    monkeypatch.setenv("DR_PASSWORD", PASSWORD)
    dsn = pair.primary.dsn() + "?sslmode=disable"

    def system(endpoint: dict[str, Any]) -> dict[str, Any]:
        return {"home": "hk", "components": {"it": {"critical": True}}, "sites": {"hk": {"it": endpoint}}}

    database = system({"postgres": {"dsn": dsn, "password": {"env": "DR_PASSWORD"}}})
    names = [f"system-{number}" for number in range(SYSTEMS)]
    # Something that goes on answering: without it we would be blind.
    witness = {"witness": system({"tcp": f"127.0.0.1:{pair.standby.port}"})}
    every = {"interval": "250ms", "fast_interval": "100ms", "timeout": "2s", "stable_for": "5s"}
    exporter.configure(dict.fromkeys(names, database) | witness, probing=every)
    await exporter.start()

    async def calm() -> bool:
        metrics = await exporter.metrics()
        return all(metrics.state(name) == "healthy" for name in names)

    async def out() -> bool:
        metrics = await exporter.metrics()
        return all(metrics.state(name) != "healthy" for name in names) and time.monotonic() >= frozen + FROZEN

    await until(calm, "all are healthy")
    frozen = pair.primary.freeze()
    try:
        await until(out, "all notice it")
    finally:
        pair.primary.thaw()
    await until(calm, "all are healthy again", within=BACK)
    for incident in await exporter.incidents():
        assert incident["rto"]["upper"] >= FROZEN - 0.5
