"""Building an inspector from settings as they are written, and inspecting once with it."""

from pathlib import Path
from typing import Any

import pytest

from exporter.backups import SOURCES
from exporter.backups.failure import BackupFailure
from exporter.backups.source import Inspector
from exporter.backups.verified import Verified
from exporter.core.backup import BackupFacts

RECORDED = Path(__file__).parent / "recorded"
RECORDED_AT = 1795380300.0
"""Unix seconds just after the outputs were recorded."""


def inspector(source: str, now: float = RECORDED_AT, verified: Any = None, **settings: Any) -> Inspector:
    """As the exporter builds it, with commands allowed and a clock that stands at `now`."""
    chosen = SOURCES[source]
    check = None if verified is None else Verified.model_validate(verified)
    made = chosen.settings.model_validate(settings)
    return chosen.build(made, check, allow_exec=True, clock=lambda: now)


async def inspect(source: str, now: float = RECORDED_AT, verified: Any = None, **settings: Any) -> BackupFacts:
    return await inspector(source, now, verified, **settings).inspect()


async def failure(source: str, now: float = RECORDED_AT, **settings: Any) -> BackupFailure:
    """Of an inspection that has to fail."""
    with pytest.raises(BackupFailure) as raised:
        await inspect(source, now, **settings)
    return raised.value


async def read(source: str, name: str, now: float = RECORDED_AT, **settings: Any) -> BackupFacts:
    """What a recorded output tells."""
    return await inspect(source, now, file=str(RECORDED / name), **settings)
