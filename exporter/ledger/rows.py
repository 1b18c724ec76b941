"""What the ledger is given, made fit for its tables."""

import json
import logging
import math
from collections.abc import Mapping

from exporter.core.model import Moment
from exporter.core.ports import Json
from exporter.core.state import Record
from exporter.ledger.chain import Link, compact, plain
from exporter.ledger.file import Checkpoint
from exporter.ledger.instants import Stamp

_LOG = logging.getLogger(__name__)


def encoded(checkpoints: Mapping[str, tuple[Stamp, Json]]) -> list[Checkpoint]:
    """A checkpoint that is not JSON is a fault of ours, and must not keep the evidence from the disk."""
    rows = []
    for system, (stamp, state) in checkpoints.items():
        try:
            rows.append(Checkpoint(clean(system), *stamp, json.dumps(state)))
        except (TypeError, ValueError):
            _LOG.exception("the checkpoint of %s is not JSON and was not kept", system)
    return rows


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
