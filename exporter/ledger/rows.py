"""What the ledger is given, made fit for its tables."""

import json
import logging
from collections.abc import Mapping

from exporter.core.ports import Json
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
