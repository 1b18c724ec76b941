"""What the answers of MySQL and MariaDB to a look mean: role, epoch, positions and the state of replication.

The epoch is the identity of who writes: a primary's own server_uuid (MariaDB: server_id), and on a standby that of its primary. Both
tell the same for as long as one follows the other, and a promotion changes it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from exporter.core.model import Facts, Position, Role
from exporter.core.numbers import possible
from exporter.core.position import GtidSet, LogPosition
from exporter.probes.mysql_packet import Garbled, Table

Row: TypeAlias = Mapping[str, str | None]


class Channel(NamedTuple):
    """One connection of a replica to a primary."""

    name: str
    receives: str
    """State of the IO thread: Yes, Connecting, No."""
    applies: str
    """State of the SQL thread: Yes, No."""
    primary: str | None
    """Identity of the primary; None until it has been reached once since the replica's start (MariaDB)."""
    applied: LogPosition | None
    received: LogPosition | None
    received_set: GtidSet | None
    """None where it is not told, as by MariaDB without GTID."""
    error: str
    """Number of the error that stopped a thread; "0": none did."""

    @property
    def runs(self) -> bool:
        return self.receives == self.applies == "Yes"

    @property
    def stopped(self) -> bool:
        return self.receives == self.applies == "No"


class Seen(NamedTuple):
    """One answer, understood."""

    identity: str
    writable: bool
    channels: tuple[Channel, ...]
    written: Position | None
    """Where the newest write of this server ends, as its standbys will name it; None without a binary log."""
    applied: GtidSet | None
    """None where transactions have no GTIDs, so that places in the log count."""
    markers: tuple[int, ...] | None


def read_answer(tables: Sequence[Table], *, mariadb: bool) -> Seen:
    """Understands what a dialect's `look` brought. Raises Garbled when it is not that."""
    try:
        server, status, *rest = tables
        row = server.records()[0]
        channels = tuple(_channel(record) for record in _old_names(status))
        if mariadb:
            applied: GtidSet | None = GtidSet.parse(_text(row, "applied"))
            written: Position | None = GtidSet.parse(_text(row, "written"))
        else:
            applied = GtidSet.parse(_text(row, "applied")) if _text(row, "gtid_mode").upper() == "ON" else None
            logs, *rest = rest
            written = applied if applied is not None else _log_end(logs)
        return Seen(
            identity=_text(row, "identity"),
            writable=_off(row["read_only"]) and _off(row["innodb_read_only"]),
            channels=channels,
            written=None if _off(row["logs"]) else written,
            applied=applied,
            markers=possible(int(seq or "") for (seq,) in rest[0].rows) if rest else None,
        )
    except (KeyError, ValueError, IndexError):
        raise Garbled from None


def standby_facts(seen: Seen, epoch: str | None, channel: Channel | None) -> Facts:
    """What a standby tells. Only what it applied survives its promotion: `RESET SLAVE ALL` throws a relay log away."""
    applied: Position | None = seen.applied
    received: Position | None = None
    if seen.applied is not None:
        arrived = [each.received_set for each in seen.channels if each.received_set is not None]
        received = seen.applied
        for one in arrived:
            received |= one
        received = received if arrived else None
    elif channel is not None:
        applied, received = channel.applied, channel.received
    return Facts(
        role=Role.STANDBY,
        writable=seen.writable,
        epoch=epoch,
        position=applied,
        applied=applied,
        received=received,
        connected=all(each.runs for each in seen.channels),
        markers=seen.markers,
    )


def primary_facts(seen: Seen, role: Role) -> Facts:
    """What a server tells that follows nobody."""
    return Facts(role=role, writable=seen.writable, epoch=seen.identity, position=seen.written, markers=seen.markers)


def _old_names(status: Table) -> list[dict[str, str | None]]:
    """The rows of SHOW REPLICA STATUS by the names that SHOW SLAVE STATUS had, and MariaDB has."""
    return [
        {name.replace("Source", "Master").replace("Replica_", "Slave_"): value for name, value in record.items()}
        for record in status.records()
    ]


def _channel(row: Row) -> Channel:
    identity = row.get("Master_UUID") or row.get("Master_Server_Id")
    received = row.get("Retrieved_Gtid_Set")
    if row.get("Using_Gtid", "No") != "No":
        received = row.get("Gtid_IO_Pos")
    return Channel(
        name=row.get("Connection_name") or row.get("Channel_Name") or "",
        receives=_text(row, "Slave_IO_Running"),
        applies=_text(row, "Slave_SQL_Running"),
        primary=identity if identity not in (None, "", "0") else None,
        applied=_place(row, "Relay_Master_Log_File", "Exec_Master_Log_Pos"),
        received=_place(row, "Master_Log_File", "Read_Master_Log_Pos"),
        received_set=None if received is None else GtidSet.parse(received),
        error=next(
            (code for key in ("Last_SQL_Errno", "Last_IO_Errno") if (code := row.get(key)) not in (None, "0")), "0"
        )
        or "0",
    )


def _log_end(logs: Table) -> LogPosition | None:
    records = logs.records()
    return _place(records[0], "File", "Position") if records else None


def _place(row: Row, file: str, offset: str) -> LogPosition | None:
    return LogPosition.parse(f"{row[file]}:{_text(row, offset)}") if row.get(file) else None


def _text(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        raise ValueError(name)
    return value


def _off(value: str | None) -> bool:
    """MariaDB 12 has words for the degrees of read_only; all but OFF refuse our markers, and those of users."""
    return value in ("0", "OFF")
