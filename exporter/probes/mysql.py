"""Kind `mysql`, also written `mariadb`: role, epoch, positions, channels and canary of one MySQL or MariaDB server.

    mariadb: {dsn: "mysql://dr_probe@10.1.0.5", password_file: /run/secrets/orders}

Works with MySQL 5.7 and MariaDB 10.5 or later, with GTIDs or without. The role that it needs is made by
`deploy/database-roles/mysql.sql` or `mariadb.sql`. Not for Galera clusters and group replication: they have no standbys.
"""

from typing import NamedTuple
from urllib.parse import unquote

from pydantic import field_validator, model_validator

from exporter.probes.kind import DATABASE_QUESTION, Context, Kind, Probe
from exporter.probes.mysql_link import Server
from exporter.probes.mysql_probe import MysqlProbe
from exporter.probes.tls import Tls
from exporter.settings import Secret, Settings
from exporter.urls import split

RIGHT = "mysql://user@host:3306"


class Dsn(NamedTuple):
    """One server and one account."""

    host: str
    port: int
    user: str
    database: str = ""
    """For questions of the user's own; the account needs a right in it."""
    password: str | None = None
    """As written in the URL; None: it stands elsewhere, or none is needed."""


def parse_dsn(text: str) -> Dsn:
    """Raises ValueError with what would be right; the sentence never repeats a password."""
    parts = split(text, "dsn", RIGHT)
    if parts.scheme not in ("mysql", "mariadb"):
        raise ValueError(f"the dsn must begin with mysql:// or mariadb://, like {RIGHT}")
    if not parts.hostname or "," in parts.netloc:
        # With several hosts nobody could say which server had answered.
        raise ValueError(f"the dsn must name exactly one host, like {RIGHT}")
    try:
        port = parts.port or 3306
    except ValueError:
        raise ValueError(f"the dsn's port must be a number from 1 to 65535, like {RIGHT}") from None
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username:
        raise ValueError(f"the dsn must name a user, like {RIGHT}")
    if parts.query or parts.fragment:
        raise ValueError("the dsn takes no options; write tls: beside it for what concerns TLS")
    password = unquote(parts.password) if parts.password else None
    return Dsn(parts.hostname, port, unquote(parts.username), database, password)


class MysqlSettings(Settings):
    """One server. `password` (or `password_file`) is kept out of the dsn; one that stands in it works too."""

    dsn: str
    password: Secret | None = None
    tls: bool | Tls | None = None
    """true or settings: demanded and verified; false: never spoken; default: spoken if the server offers it, unverified."""
    channel: str | None = None
    """The replication channel (MariaDB: connection name) that counts, on a standby that has several."""

    @field_validator("dsn")
    @classmethod
    def _is_dsn(cls, value: str) -> str:
        parse_dsn(value)
        return value

    @model_validator(mode="after")
    def _one_password(self) -> "MysqlSettings":
        if self.password is not None and parse_dsn(self.dsn).password is not None:
            raise ValueError("the dsn holds a password, and password is given too; keep it out of the dsn")
        return self

    @property
    def server(self) -> Server:
        """Where it is, and how it is spoken with."""
        host, port, user, database, password = parse_dsn(self.dsn)
        tls = Tls() if self.tls is True else self.tls or None
        return Server(host, port, user, database, self.password or password, tls, plain=self.tls is False)


def _build(settings: MysqlSettings, context: Context) -> Probe:
    return MysqlProbe(settings.server, settings.channel, context)


KIND = Kind(
    name="mysql",
    settings=MysqlSettings,
    build=_build,
    stateful=lambda settings: True,
    canary=lambda settings: True,
    question=DATABASE_QUESTION,
    short="dsn",
)
