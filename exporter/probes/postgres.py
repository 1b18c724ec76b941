"""Kind `postgres`: role, timeline, positions, standbys and canary of one PostgreSQL server (10 or later).

    postgres: {dsn: "postgresql://dr_probe@10.1.0.5/orders?sslmode=verify-full", password_file: /run/secrets/orders}

The role that it needs is made by `deploy/database-roles/postgres.sql`. A wrong database name is an `assertion`: the server answers,
but it is not the one that was meant.
"""

from importlib.util import find_spec

from pydantic import field_validator, model_validator

from exporter.probes.kind import DATABASE_QUESTION, Context, Kind, Probe
from exporter.probes.postgres_dsn import Dsn, parse_dsn
from exporter.settings import Secret, Settings


class PostgresSettings(Settings):
    """One server. `password` (or `password_file`) is kept out of the dsn; one that stands in it works too."""

    dsn: str
    password: Secret | None = None

    @field_validator("dsn")
    @classmethod
    def _is_dsn(cls, value: str) -> str:
        parse_dsn(value)
        return value

    @model_validator(mode="after")
    def _one_password(self) -> "PostgresSettings":
        if self.password is not None and self.address.password is not None:
            raise ValueError("the dsn holds a password, and password is given too; keep it out of the dsn")
        return self

    @model_validator(mode="after")
    def _has_driver(self) -> "PostgresSettings":
        if find_spec("asyncpg") is None:
            raise ValueError("postgres needs the package asyncpg; install rto-rpo-exporter[postgres]")
        return self

    @property
    def address(self) -> Dsn:
        return parse_dsn(self.dsn)


def _build(settings: PostgresSettings, context: Context) -> Probe:
    # Here and not above: asyncpg is an extra, and whoever has no PostgreSQL neither needs it nor waits for its import.
    from exporter.probes.postgres_probe import PostgresProbe

    return PostgresProbe(settings.address, settings.password, context)


KIND = Kind(
    name="postgres",
    settings=PostgresSettings,
    build=_build,
    stateful=lambda settings: True,
    canary=lambda settings: True,
    short="dsn",
    question=DATABASE_QUESTION,
)
