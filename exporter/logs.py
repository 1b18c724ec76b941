"""The log: one line an event, as logfmt or JSON, to standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
OURS = "exporter"
"""All loggers of ours are named by their module."""
FORMATS = ("logfmt", "json")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"ts": when, "level": record.levelname.lower().replace("warning", "warn"), "msg": record.getMessage()}
    fields |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[0] is not None:
        fields["error"] = logging.Formatter().formatException(record.exc_info)
    return fields


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record), ensure_ascii=False, default=str)


class Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(value)}" for key, value in _fields(record).items() if value is not None)


def _quoted(value: object) -> str:
    """Bare where nothing in it could be misread; else as a JSON string, so that no value can forge a line."""
    text = str(value)
    bare = bool(text) and all(char.isalnum() or char in "-_.:/+" for char in text)
    return text if bare else json.dumps(text, ensure_ascii=False)


def set_up(level: str, style: str) -> None:
    """Send everything of ours at or above `level` to standard error. Of others only warnings: what a library tells in its debugging
    is what went over the wire, tokens and all."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if style == "json" else Logfmt())
    logging.basicConfig(level=max(LEVELS[level], logging.WARNING), handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(LEVELS[level])
