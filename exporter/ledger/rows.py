"""What the ledger is given, made fit for its tables."""

import json
import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from exporter.core.model import Moment
from exporter.core.ports import Json
from exporter.core.state import Record
from exporter.ledger.chain import Link, compact, digest, plain
from exporter.ledger.file import Checkpoint, Gone
from exporter.ledger.instants import Stamp

R = TypeVar("R", bound=tuple[Any, ...])
_LOG = logging.getLogger(__name__)
_SEAL = ', "sha256": "'


def encoded(checkpoints: Mapping[str, tuple[Stamp, Json]]) -> list[Checkpoint]:
    """A checkpoint that is not JSON is a fault of ours, and must not keep the evidence from the disk."""
    rows = []
    for system, (stamp, state) in checkpoints.items():
        try:
            rows.append(Checkpoint(clean(system), *stamp, sealed(json.dumps(state))))
        except (TypeError, ValueError, RecursionError):
            _LOG.exception("the checkpoint of %s is not JSON and was not kept", system)
    return rows


def storable(rows: Iterable[R]) -> list[R]:
    """Those that SQLite takes, whose integers have 64 bits: another is a fault of ours as well, which no retry mends."""
    fit = []
    for row in rows:
        if all(not isinstance(value, int) or -(2**63) <= value < 2**63 for value in row):
            fit.append(row)
        else:
            _LOG.error("a %s with a number of more than 64 bits was not kept", type(row).__name__)
    return fit


def sealed(text: str) -> str:
    """A JSON object with its own SHA-256 as the last key: a number in it that some disk changed must not be believed."""
    return f'{text[:-1]}{_SEAL}{digest(text)}"}}' if text.startswith("{") and text != "{}" else text


def unsealed(text: str) -> str:
    """What was sealed. One that an earlier exporter wrote has no seal. Raises ValueError if it is not what was written."""
    body, found, seal = text.rpartition(_SEAL)
    if not found:
        return text
    if f'{digest(body + "}")}"}}' != seal:
        raise ValueError("its content does not match its hash")
    return body + "}"


def lost(gone: Gone, now: Moment) -> Record:
    """The record that says what was written here before and is not there any more. None: nobody knows how many, or since when."""
    data = {"dropped": gone.records, "from_unix": gone.since, "to_unix": now.wall}
    return Record("gap", "", now.mono, gone_sentence(gone), data)


def gone_sentence(gone: Gone) -> str:
    """The same for the log."""
    head = f"record {gone.head.number}, hash {gone.head.hash[:12]}"
    if gone.records is None:
        return f"another ledger was here before ({head} was its newest): it was moved away, cut or exchanged"
    some = (
        "1 record that was written here is gone"
        if gone.records == 1
        else f"{gone.records} records that were written here are gone"
    )
    return f"{some} (up to {head}): the file was torn or cut, or an older copy was put back"


def clean(text: str) -> str:
    """Half a surrogate pair, from some server's answer, has no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def link(record: Record, vantage: str, boot: str, now: Moment) -> Link:
    """The record as a row, except for its place in the chain."""
    at = record.at if math.isfinite(record.at) else now.mono
    # Adding 0.0 turns -0.0, which SQLite would not keep, into 0.0.
    return Link(
        0,
        vantage,
        boot,
        at + 0.0,
        now.wall_of(at) + 0.0,
        clean(record.kind),
        clean(record.system),
        clean(record.sentence),
        compact(plain(record.data)),
        "",
        "",
    )
