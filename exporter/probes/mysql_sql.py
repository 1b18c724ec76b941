"""The statements that are sent to MySQL (5.7 or later) and MariaDB (10.5 or later).

A look is one round trip: several statements in one question. What may be refused where rights are missing, the markers, stands last,
because the first refusal ends the answer.
"""

from typing import NamedTuple

MARKERS_LIMIT = 10_000
"""Markers read in one look: the oldest above the number that was asked for, so that a cut never looks like a hole."""
KEEP_MARKERS = "15 MINUTE"

_BOUNDS = "SET SESSION autocommit = 1, lock_wait_timeout = 2, innodb_lock_wait_timeout = 2, {limit};\n"
"""Nothing of ours may linger on a server, whatever becomes of us."""


class Dialect(NamedTuple):
    """What one family of versions has to be asked."""

    mariadb: bool
    bounds: str
    """Sent before the first question of a connection."""
    look: str


MARIADB = Dialect(
    mariadb=True,
    bounds=_BOUNDS.format(limit="max_statement_time = 5"),
    look="SELECT @@server_id AS identity, @@read_only AS read_only, @@innodb_read_only AS innodb_read_only,"
    " @@log_bin AS logs, @@gtid_binlog_pos AS written, @@gtid_slave_pos AS applied;\nSHOW ALL SLAVES STATUS",
)


def _mysql(status: str, written: str) -> Dialect:
    return Dialect(
        mariadb=False,
        bounds=_BOUNDS.format(limit="max_execution_time = 5000"),
        look="SELECT @@server_uuid AS identity, @@read_only AS read_only, @@innodb_read_only AS innodb_read_only,"
        " @@log_bin AS logs, @@gtid_mode AS gtid_mode, @@global.gtid_executed AS applied;\n"
        f"{status};\n{written}",
    )


_MYSQL = _mysql("SHOW SLAVE STATUS", "SHOW MASTER STATUS")
_MYSQL_8_0_22 = _mysql("SHOW REPLICA STATUS", "SHOW MASTER STATUS")
_MYSQL_8_2 = _mysql("SHOW REPLICA STATUS", "SHOW BINARY LOG STATUS")


def dialect_of(version: str) -> Dialect:
    """What to ask a server that greets with this version, such as `8.4.3` or `5.5.5-10.11.6-MariaDB-log`."""
    if "mariadb" in version.lower():
        return MARIADB
    numbers = [int(part) for part in version.split("-")[0].split(".") if part.isdigit()]
    if numbers >= [8, 2]:
        return _MYSQL_8_2
    return _MYSQL_8_0_22 if numbers >= [8, 0, 22] else _MYSQL


def quoted(table: str) -> str:
    """`schema.table` as SQL identifiers, whatever stands in the names."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in table.split("."))


def literal(text: str) -> str:
    """Text as an SQL string, whatever stands in it and whatever the server's sql_mode makes of backslashes."""
    return f"_utf8mb4 x'{text.encode().hex()}'"


def markers(table: str, vantage: str, after: int) -> str:
    """The numbers of our markers above `after`, ascending."""
    return (
        f"SELECT seq FROM {quoted(table)} WHERE vantage = {literal(vantage)} AND seq > {int(after)}"  # noqa: S608 - name and text are quoted, numbers are numbers
        f" ORDER BY seq LIMIT {MARKERS_LIMIT}"
    )


def insert_marker(table: str, vantage: str, seq: int, sent_at: float) -> str:
    """One marker; `sent_at` in Unix seconds."""
    return (
        f"INSERT INTO {quoted(table)} (vantage, seq, sent_at)"  # noqa: S608 - name and text are quoted, numbers are numbers
        f" VALUES ({literal(vantage)}, {int(seq)}, FROM_UNIXTIME({sent_at:.6f}))"
    )


def sweep(table: str, vantage: str, sent_at: float) -> str:
    """Our old markers go; their age is told by our own stamps, so that one clock decides."""
    return (
        f"DELETE FROM {quoted(table)} WHERE vantage = {literal(vantage)}"  # noqa: S608 - name and text are quoted, numbers are numbers
        f" AND sent_at < FROM_UNIXTIME({sent_at:.6f}) - INTERVAL {KEEP_MARKERS}"
    )
