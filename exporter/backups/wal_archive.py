"""Source `wal_archive`: how far a PostgreSQL primary (10 or later) has archived its log.

    wal_archive: {dsn: "postgresql://dr_probe@10.1.0.5/orders", password_file: /run/secrets/orders}

The recovery point is the newest instant for which one of these holds:

- the server's write position at that instant (we remember those of earlier inspections) is covered by what is archived;
- the last archived segment was last written at that instant (told by pg_ls_waldir to a role with pg_monitor);
- it is now, and nothing was written behind the last archived segment;
- it is now, and no transaction has written since an instant for which the first one holds.

All of them are durations of the server's own clock, or of ours. When the segment was *archived* proves nothing: it may have
waited for hours. Records that no transaction wrote (a checkpoint) also count as not archived, until the second inspection. A log
alone restores nothing: a base backup belongs to it, as a source of its own.
"""

from importlib.util import find_spec

from pydantic import field_validator, model_validator

from exporter.backups.source import Access, Read, Source
from exporter.settings import Secret, Settings
from exporter.urls import split

RIGHT = "postgresql://user@host:5432/database?sslmode=verify-full"


class WalArchiveSettings(Settings):
    """The primary, or an address that leads to it. The role needs pg_monitor to tell from the first inspection on."""

    dsn: str
    password: Secret | None = None

    @field_validator("dsn")
    @classmethod
    def _is_dsn(cls, value: str) -> str:
        parts = split(value, "dsn", RIGHT)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError(f"the dsn must begin with postgresql://, like {RIGHT}")
        if not parts.hostname or not parts.username or len(parts.path) < 2:
            raise ValueError(f"the dsn must name a user, a host and a database, like {RIGHT}")
        return value

    @model_validator(mode="after")
    def _has_driver(self) -> "WalArchiveSettings":
        if find_spec("asyncpg") is None:
            raise ValueError("wal_archive needs the package asyncpg; install rto-rpo-exporter[postgres]")
        return self


def _reader(settings: WalArchiveSettings, access: Access) -> Read:
    # Here and not above: asyncpg is an extra, and whoever has no PostgreSQL neither needs it nor waits for its import.
    from exporter.backups.wal_archive_reader import WalArchive

    return WalArchive(settings.dsn, settings.password, access.clock)


SOURCE = Source("wal_archive", WalArchiveSettings, _reader)
