"""Asking a PostgreSQL primary about its archive (asyncpg is an extra: only `wal_archive` may import this)."""

import re
from collections import deque
from contextlib import suppress
from typing import NamedTuple

import asyncpg

from exporter import postgres_framing
from exporter.backups.failure import BackupFailure, network_failure
from exporter.backups.source import Clock
from exporter.backups.times import utc
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from exporter.settings import Secret

DEADLINE = 10.0
"""Seconds to connect, and for each statement; the caller's deadline is usually shorter."""
REMEMBERED = 1000
"""Inspections whose position is remembered."""
PAGE_HEADER = 40
"""Bytes of a new segment that hold no record: the insert position stands behind them when nothing was written there."""

# The snapshot is taken before the position is read, so a transaction that it calls finished ends before that position.
ARCHIVE = """
SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
       pg_is_in_recovery() AS standby,
       current_setting('archive_mode') AS mode,
       last_archived_wal AS archived,
       extract(epoch FROM last_archived_time)::float8 AS archived_at,
       last_failed_wal AS failed,
       extract(epoch FROM last_failed_time)::float8 AS failed_at,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment,
       CASE WHEN NOT pg_is_in_recovery() THEN (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8 END AS inserted,
       CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
       txid_snapshot_xmin(txid_current_snapshot()) AS oldest,
       txid_snapshot_xmax(txid_current_snapshot()) AS next
  FROM pg_stat_archiver
"""
LAST_WRITTEN = "SELECT extract(epoch FROM modification)::float8 FROM pg_ls_waldir() WHERE name = $1"
_BY_STATE = {
    "28000": Reason.AUTH,
    "28P01": Reason.AUTH,
    "42501": Reason.PERMISSION,
    "3D000": Reason.ASSERTION,  # there is no such database
    "53300": Reason.UNAVAILABLE,  # too many connections
    "57014": Reason.TIMEOUT,
}
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(?:\.[0-9A-F]{8}\.backup)?")


class Seen(NamedTuple):
    """Where the server's log ended at an instant (Unix seconds of our clock), or later."""

    at: float
    inserted: int
    next: int | None
    """The next transaction's number; None when one was running."""


class WalArchive:
    """Remembers what earlier inspections saw. Called without arguments it inspects, over a connection of its own."""

    def __init__(self, dsn: str, password: Secret | None, clock: Clock) -> None:
        self._dsn = dsn
        self._password = password
        self._clock = clock
        self._timeline = ""
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED)
        self._proven: float | None = None
        postgres_framing.install()

    async def __call__(self) -> BackupFacts:
        """Raises BackupFailure."""
        try:
            connection = await asyncpg.connect(
                self._dsn,
                password=self._secret(),
                timeout=DEADLINE,
                command_timeout=DEADLINE,
                server_settings={"application_name": "rto_rpo_exporter"},
            )
            try:
                return await self._inspect(connection)
            finally:
                connection.terminate()
        except BackupFailure:
            raise
        except asyncpg.PostgresError as error:
            raise _said(error) from None
        except Exception as error:  # noqa: BLE001 - when a server sends garbage, the driver breaks in any way
            raise network_failure(error, "the PostgreSQL server") from None

    async def _inspect(self, connection: "asyncpg.Connection[asyncpg.Record]") -> BackupFacts:
        before = self._clock()
        row = await connection.fetchrow(ARCHIVE)
        if row is None:
            raise BackupFailure(Reason.PROTOCOL, "the server answered without a row")
        _demand_archiving(row)
        written = None
        with suppress(asyncpg.InsufficientPrivilegeError):
            written = await connection.fetchval(LAST_WRITTEN, (row["archived"] or "")[:24])
        self._learn(row, before, written)
        ahead = row["now"] - before
        return BackupFacts(
            point=self._proven,
            last_success=None if row["archived_at"] is None else row["archived_at"] - ahead,
            notes=tuple(_notes(row, self._proven)),
        )

    def _learn(self, row: asyncpg.Record, before: float, written: float | None) -> None:
        """Raise what is proven. `written`: when the last archived segment was last written, of the server's clock."""
        if row["timeline"] != self._timeline:
            # Another stream of writes: positions cannot be compared. What was archived of the old one is still there.
            self._timeline = row["timeline"]
            self._seen.clear()
        quiet = row["next"] if row["oldest"] == row["next"] else None
        end = archived_end(row["archived"], row["timeline"], row["segment"])
        if end is not None:
            covered = [seen for seen in self._seen if seen.inserted <= end]
            proofs = [seen.at for seen in covered[-1:]]
            if written is not None:
                proofs.append(before - max(0.0, row["now"] - written))
            idle = quiet is not None and any(seen.next == quiet for seen in covered)
            if idle or row["inserted"] <= end + PAGE_HEADER:
                proofs.append(before)
            self._proven = max((p for p in (*proofs, self._proven) if p is not None), default=None)
        self._seen.append(Seen(before, row["inserted"], quiet))

    def _secret(self) -> str | None:
        try:
            return None if self._password is None else self._password.reveal()
        except ValueError as error:
            raise BackupFailure(Reason.INTERNAL, str(error)) from None


def archived_end(name: str | None, timeline: str, segment: int) -> int | None:
    """Up to which position everything of this timeline is archived; None when the name of the last file does not tell.

    Files are archived in order, and a `.backup` file only after the segment in its name.
    """
    told = _SEGMENT.fullmatch(name or "")
    if told is None or told[1] != timeline:
        return None
    return (int(told[2], 16) << 32) + (int(told[3], 16) + 1) * segment


def _demand_archiving(row: asyncpg.Record) -> None:
    if row["standby"]:
        raise BackupFailure(
            Reason.ASSERTION,
            "the server is a standby, and only the primary archives; write an address that leads to it",
        )
    if row["mode"] == "off":
        raise BackupFailure(Reason.ASSERTION, "the server archives nothing: archive_mode is off; set it to on")


def _notes(row: asyncpg.Record, proven: float | None) -> list[str]:
    notes = []
    if row["failed_at"] is not None and (row["archived_at"] is None or row["failed_at"] > row["archived_at"]):
        notes.append(f"archiving {row['failed']} fails, the last time at {utc(row['failed_at'])}; see the server's log")
    if row["archived"] is None:
        notes.append("the server has not archived anything since its statistics were reset")
    elif proven is None:
        notes.append(
            "what the archive proves is told once the next segment is archived, or at once to a role with pg_monitor"
        )
    return notes


def _said(error: asyncpg.PostgresError) -> BackupFailure:
    """The server's own sentence, or that it hung up."""
    state = error.sqlstate or ""
    if isinstance(error, asyncpg.PostgresConnectionError):
        return BackupFailure(Reason.RESET, "the PostgreSQL server hung up, or is none")
    reason = Reason.UNAVAILABLE if state.startswith("57P0") else _BY_STATE.get(state, Reason.ERROR_CODE)
    return BackupFailure(reason, f"{error.args[0] if error.args else ''} (SQLSTATE {state})")
