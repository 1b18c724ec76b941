"""What has just been published, for those who pass it on: told by the engine, waited for by the streams."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from exporter.core.state import Record


class News:
    """The systems of which something happened since it was asked last."""

    def __init__(self) -> None:
        self._systems: set[str] = set()
        self._came = asyncio.Event()

    def observe(self, records: Sequence[Record]) -> None:
        """An observer of the engine: records that are kept, whose states are shown now. Returns at once."""
        self._systems.update(record.system for record in records)
        if records:
            self._came.set()

    async def wait(self, seconds: float) -> None:
        """Until something happened, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._came.wait()

    def take(self) -> set[str]:
        """The systems, once."""
        taken, self._systems = self._systems, set()
        self._came.clear()
        return taken
