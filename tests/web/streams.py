"""A client of `/api/v1/stream`, as a browser's EventSource reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

WITHIN = 20.0


class Event(NamedTuple):
    """One event; what it brought."""

    name: str
    data: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return [item["name"] for item in self.data["items"]]


class Listener:
    """An open stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.retry: int | None = None

    async def next(self) -> Event:
        """The next event; raises EOFError at the end of the stream."""
        name, data = "", ""
        async with asyncio.timeout(WITHIN):
            while line := (await self.answer.content.readline()).decode():
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif field == "retry":
                    self.retry = int(value)
                elif not field and data:
                    return Event(name, json.loads(data))
        raise EOFError

    async def until(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The first summary of this system that has these values."""
        while True:
            for item in (await self.next()).data["items"]:
                if item["name"] == name and wanted.items() <= item.items():
                    return dict(item)


@asynccontextmanager
async def listening(url: str, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    """The stream at `url`, which has no slash at its end."""
    lasting = aiohttp.ClientTimeout(total=None, sock_connect=WITHIN)
    async with (
        aiohttp.ClientSession(timeout=lasting, read_bufsize=1 << 24, headers=headers) as session,
        session.get(f"{url}/api/v1/stream{query}") as answer,
    ):
        assert answer.status == 200, await answer.text()
        yield Listener(answer)
