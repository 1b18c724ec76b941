"""The statements that are sent to PostgreSQL, and what their answers mean. Works with PostgreSQL 10 and later."""

import functools
import json

import asyncpg

from exporter.core.model import Facts, Follower, Role
from exporter.core.numbers import possible

MARKERS_LIMIT = 10_000
"""Markers read in one look: the oldest above the number that was asked for, so that a cut never looks like a hole."""
KEEP_MARKERS = "15 minutes"
PAGE = 8192
SHORT_HEADER = 24
LONG_HEADER = 40

# One statement, so that a look is one round trip on a kept connection.
# - OFFSET 0 keeps the planner from asking pg_is_in_recovery() again in each place, where a promotion could fall between.
# - transaction_read_only is on in recovery, and also where default_transaction_read_only fences an old primary off.
# - pg_stat_wal_receiver has no row when no receiver runs, and a row of nulls for who may not read it.
# - Lists come as JSON: to read an array, asyncpg first asks each new connection about its type, which makes a fresh look
#   three times as long.
# - A base backup is a row of pg_stat_replication too, but nobody's standby.
_LOOK = """
SELECT standby,
       current_setting('transaction_read_only') = 'off' AS writes,
       (inserted - '0/0'::pg_lsn)::int8 AS inserted,
       pg_walfile_name(inserted) AS wal_file,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment,
       (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::int8 AS received,
       (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::int8 AS replayed,
       receiver.connected, receiver.timeline,
       {markers} AS markers,
       (SELECT json_agg(json_build_array(application_name, state = 'streaming', sync_state IN ('sync', 'quorum')))
          FROM pg_stat_replication
         WHERE NOT standby AND state <> 'backup') AS followers
  FROM (SELECT pg_is_in_recovery() AS standby OFFSET 0) AS server,
       LATERAL (SELECT CASE WHEN NOT standby THEN pg_current_wal_insert_lsn() END AS inserted OFFSET 0) AS primary_end,
       LATERAL (SELECT CASE WHEN count(*) = 0 THEN false ELSE bool_or(status = 'streaming') END AS connected,
                       max(received_tli) AS timeline
                  FROM pg_stat_wal_receiver) AS receiver
"""
LOOK = _LOOK.format(markers="NULL::json")
CONTROL_TIMELINE = """
SELECT greatest((SELECT timeline_id FROM pg_control_checkpoint()),
                (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
"""


def quoted(table: str) -> str:
    """`schema.table` as SQL identifiers, whatever stands in the names."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def look_with_markers(table: str) -> str:
    """$1 vantage, $2 the number above which markers are wanted."""
    rows = f"SELECT seq FROM {quoted(table)} WHERE vantage = $1 AND seq > $2 ORDER BY seq LIMIT {MARKERS_LIMIT}"  # noqa: S608 - the name is quoted, the rest is ours
    return _LOOK.format(markers=f"array_to_json(ARRAY({rows}))")


def insert_marker(table: str) -> str:
    """$1 vantage, $2 seq, $3 sent_at in Unix seconds."""
    return f"INSERT INTO {quoted(table)} (vantage, seq, sent_at) VALUES ($1, $2, to_timestamp($3))"  # noqa: S608 - the name is quoted, the rest is ours


def insert_marker_and_sweep(table: str) -> str:
    """The same, and our old markers go; their age is told by our own stamps, so that one clock decides."""
    old = f"DELETE FROM {quoted(table)} WHERE vantage = $1 AND sent_at < to_timestamp($3) - interval '{KEEP_MARKERS}'"  # noqa: S608 - the name is quoted, the rest is ours
    return f"WITH gone AS ({old}) {insert_marker(table)}"


def written_end(inserted: int, segment: int) -> int:
    """Where the newest write of a primary ends, from its insert position; `segment`: bytes of a WAL segment.

    The insert position is where the next record will begin, and that is never inside a page header: when the newest
    record ends exactly at a page's end (always so after pg_switch_wal), it already stands behind the header of the
    next page, which nobody has written or sent. A standby that has everything reports the page's start, and would seem
    24 or 40 bytes behind for as long as the primary is idle. The first page of a segment has the long header.
    """
    if inserted % segment == LONG_HEADER:
        return inserted - LONG_HEADER
    if inserted % PAGE == SHORT_HEADER and inserted % segment != SHORT_HEADER:
        return inserted - SHORT_HEADER
    return inserted


def primary_facts(row: asyncpg.Record) -> Facts:
    """What a primary told in its row."""
    return Facts(
        role=Role.PRIMARY,
        writable=row["writes"],
        epoch=str(int(row["wal_file"][:8], 16)),
        position=written_end(row["inserted"], row["segment"]),
        followers=_followers(row["followers"] or "[]"),
        markers=_markers(row),
    )


@functools.lru_cache(1024)
def _followers(text: str) -> tuple[Follower, ...]:
    """Remembered, because they hardly ever change."""
    return tuple(Follower(name or "", streaming, sync) for name, streaming, sync in json.loads(text))


def standby_facts(row: asyncpg.Record, timeline: int | None) -> Facts:
    """What a standby told in its row; `timeline` of what it receives."""
    return Facts(
        role=Role.STANDBY,
        writable=False,
        epoch=None if timeline is None else str(timeline),
        position=row["received"],
        applied=row["replayed"],
        connected=row["connected"],
        markers=_markers(row),
    )


def _markers(row: asyncpg.Record) -> tuple[int, ...] | None:
    return None if row["markers"] is None else possible(json.loads(row["markers"]))
