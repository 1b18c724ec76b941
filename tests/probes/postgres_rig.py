"""Real PostgreSQL servers for the tests of the probe, and looks at them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from exporter.core.model import Facts
from exporter.probes.kind import Context
from exporter.probes.postgres import PostgresSettings
from exporter.probes.postgres_probe import PostgresProbe
from tests.probes.database import needs
from tests.servers import PASSWORD, PostgresPair, PostgresServer, postgres_missing

VANTAGE = "here"


def make_pair(*, synchronous: bool = False) -> Iterator[PostgresPair]:
    """For a fixture: a pair, or a skip where PostgreSQL is not installed (a failure with CI=true)."""
    needs(postgres_missing())
    with PostgresPair(synchronous=synchronous) as pair:
        yield pair


def probe_of(
    server: PostgresServer,
    options: str = "",
    *,
    user: str = "dr_probe",
    password: str = PASSWORD,
    database: str = "app",
    port: int | None = None,
    table: str = "rto_rpo.canary",
) -> PostgresProbe:
    """As the exporter makes it. `port`: of a proxy before the server; `options`: of the dsn."""
    settings = PostgresSettings.model_validate(
        {"dsn": server.dsn(user, database, port) + options, "password": {"plain": password}}
    )
    return PostgresProbe(settings.address, settings.password, Context(VANTAGE, table))


@asynccontextmanager
async def probing(server: PostgresServer, options: str = "", **changed: Any) -> AsyncIterator[PostgresProbe]:
    """The same, closed in the end."""
    probe = probe_of(server, options, **changed)
    try:
        yield probe
    finally:
        await probe.close()


def place(facts: Facts) -> int:
    """The position as the number that it is."""
    assert isinstance(facts.position, int)
    return facts.position
