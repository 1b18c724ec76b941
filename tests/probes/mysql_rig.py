"""Real MariaDB servers for the tests of the probe, and looks at them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from exporter.core.model import Facts
from exporter.core.position import GtidSet
from exporter.probes.kind import Context
from exporter.probes.mysql import MysqlSettings
from exporter.probes.mysql_probe import MysqlProbe
from tests.probes.database import needs
from tests.servers import PASSWORD
from tests.servers.mariadb import MariadbServer, mariadb_missing
from tests.servers.mariadb_pair import MariadbPair

VANTAGE = "here"


def make_pair() -> Iterator[MariadbPair]:
    """For a fixture: a pair, or a skip where MariaDB is not installed (a failure with CI=true)."""
    needs(mariadb_missing())
    with MariadbPair() as pair:
        yield pair


def probe_of(
    server: MariadbServer,
    *,
    user: str = "dr_probe",
    password: str = PASSWORD,
    database: str = "",
    port: int | None = None,
    table: str = "rto_rpo.canary",
    **settings: Any,
) -> MysqlProbe:
    """As the exporter makes it. `port`: of a proxy before the server."""
    written = {"dsn": server.dsn(user, database, port), "password": {"plain": password}, **settings}
    made = MysqlSettings.model_validate(written)
    return MysqlProbe(made.server, made.channel, Context(VANTAGE, table))


@asynccontextmanager
async def probing(server: MariadbServer, **changed: Any) -> AsyncIterator[MysqlProbe]:
    """The same, closed in the end."""
    probe = probe_of(server, **changed)
    try:
        yield probe
    finally:
        await probe.close()


def place(facts: Facts) -> GtidSet:
    """The position as the GTID set that it is."""
    assert isinstance(facts.position, GtidSet)
    return facts.position
