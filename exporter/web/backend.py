"""What the web needs from the rest of the exporter: handed in by `exporter.app`, so that neither knows the other."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from exporter.core.drill import Order
from exporter.core.marks import Mark
from exporter.core.ports import Json, Query
from exporter.core.snapshot import Clocked, Head
from exporter.core.wanted import Wanted
from exporter.web.news import News


class Evidence(Protocol):
    """The part of `exporter.core.ports.Ledger` that is shown."""

    @property
    def head(self) -> Head: ...

    @property
    def writable(self) -> bool: ...

    @property
    def waiting(self) -> int: ...

    async def incidents(self, wanted: Wanted, *, before: int | None, limit: int) -> Sequence[Json]: ...

    async def incident(self, wanted: str) -> Json | None: ...

    async def told(self, query: Query) -> Sequence[Json]: ...


class People(Protocol):
    """`exporter.engine.people.People`: each returns once it is in the ledger, or waits for it. Raises LookupError for a
    system that is not watched, `exporter.core.drilling.Refused` for what cannot be done now."""

    async def start_drill(self, system: str, order: Order) -> None: ...

    async def stop_drill(self, system: str, drill: str, by: str, outcome: str) -> None: ...

    async def sign_drill(self, system: str, drill: str, by: str, role: str, note: str) -> None: ...

    async def mark(self, system: str, incident: str, mark: Mark) -> None: ...


class Hook(Protocol):
    """`exporter.hooks.dingtalk.DingTalk`, as far as it is asked here."""

    @property
    def is_on(self) -> bool: ...

    async def deliver(self, body: bytes, is_there: Callable[[], bool]) -> tuple[int, str]:
        """The status and the sentence to answer with, within 10 s. `is_there`: whether the client would still get it."""
        ...


class Scraped(Protocol):
    """The answer to a scrape."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> AsyncGenerator[bytes, None]: ...


class Scrape(Protocol):
    """`exporter.metrics.exposition.Exposition.answer`."""

    def __call__(self, clocked: Clocked, accept: str, accept_encoding: str, names: Collection[str], /) -> Scraped: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """Every call returns at once, except `reload`, `masked_config`, the ledger's and the people's."""

    clocked: Callable[[], Clocked]
    scrape: Scrape
    reload: Callable[[], Awaitable[list[str]]]
    """Returns what is wrong with the new configuration; empty when it is in use."""
    masked_config: Callable[[], str]
    """The configuration in use as YAML, secrets masked. Called in a thread, since it may take a second."""
    ledger: Evidence
    token: Callable[[], str | None]
    """The bearer token that allows changes; None when none is configured. Raises ValueError if it cannot be read."""
    restore_verified: Callable[[str, str], bool]
    """Told the system and the backup of which a restore was verified; False: there is no such backup."""
    people: People
    news: News
    """Is told of every record once it is kept."""
    dingtalk: Hook | None = None
    hook_token: Callable[[], str | None] = lambda: None
    """The bearer token of Alertmanager, as `token` is the one for changes."""


BACKEND = web.AppKey("backend", Backend)
