"""A server on a free port over a made-up snapshot, with a ledger that only remembers."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from exporter.core import drilling, marks
from exporter.core.drill import Order
from exporter.core.marks import Mark
from exporter.core.model import Moment, System
from exporter.core.ports import Json, Query
from exporter.core.snapshot import Clocked, Head, Snapshot
from exporter.core.state import Record, Step, SystemState
from exporter.core.wanted import Wanted
from exporter.metrics.exposition import Exposition
from exporter.web.backend import Backend
from exporter.web.news import News
from exporter.web.server import listen, make_app
from tests.metrics import scenes
from tests.servers.accepting import end

HEAD = Head(17, "c0ffee")


@dataclass
class RememberedLedger:
    """The part of a ledger that the web reads, over a list of closed incidents, newest first."""

    closed: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """What people did, oldest first."""
    head: Head = HEAD
    writable: bool = True
    waiting: int = 0

    async def incidents(self, wanted: Wanted, *, before: int | None, limit: int) -> Sequence[Json]:
        """Newest first, like the real one."""
        found = [
            each
            for each in self.closed
            if ("blip" if each["kind"] == "blip" else "incident") in wanted.record_kinds
            and wanted.admits(each)
            and (before is None or each["n"] < before)
        ]
        return found[:limit]

    async def told(self, query: Query) -> Sequence[Json]:
        """Like the real one, over `records`."""
        found = [
            {**record.data, "n": n}
            for n, record in enumerate(self.records, start=1)
            if record.kind in query.kinds
            and query.system in (None, record.system)
            and (query.about is None or record.data.get(query.about[0]) in query.about[1])
            and (query.before is None or n < query.before)
        ]
        return found[::-1][: query.limit]

    async def incident(self, wanted: str) -> Json | None:
        """Any of them, blips too."""
        return next((each for each in self.closed if each["id"] == wanted), None)


class TakingHook:
    """Alertmanager's receiver, which delivers everything at once."""

    is_on = True

    async def deliver(self, body: bytes, is_there: Callable[[], bool]) -> tuple[int, str]:
        return 200, "delivered"


@dataclass
class FoldingPeople:
    """What the engine does of it, on the stage's snapshot: folded at once, and remembered by its ledger."""

    stage: "Stage"

    async def start_drill(self, system: str, order: Order) -> None:
        self._fold(system, lambda of, state, now: drilling.start(of, state, order, now))

    async def stop_drill(self, system: str, drill: str, by: str, outcome: str) -> None:
        self._fold(system, lambda of, state, now: drilling.stop(of, state, drill, by, outcome, now))

    async def sign_drill(self, system: str, drill: str, by: str, role: str, note: str) -> None:
        self.stage.ledger.records.append(drilling.signature(system, drill, by, role, note, self.stage.now))

    async def mark(self, system: str, incident: str, mark: Mark) -> None:
        self._fold(system, lambda of, state, now: marks.marked(of.name, state, incident, mark, now))

    def _fold(self, system: str, deed: Callable[[System, SystemState, Moment], Step]) -> None:
        watched = self.stage.snapshot.systems[system]
        step = deed(watched.system, watched.state, self.stage.now)
        self.stage.ledger.records.extend(step.records)
        after = {**self.stage.snapshot.systems, system: replace(watched, state=step.state)}
        self.stage.snapshot = replace(self.stage.snapshot, systems=after)


@dataclass
class Stage:
    """What the server shows; may be changed while it runs."""

    snapshot: Snapshot = field(default_factory=scenes.usual)
    now: Moment = scenes.NOW
    token: str | None = "s3cret"
    reload_errors: list[str] = field(default_factory=list)
    reloads: int = 0
    backups: set[tuple[str, str]] = field(default_factory=lambda: {("orders", "nightly")})
    verified: list[tuple[str, str]] = field(default_factory=list)
    ledger: RememberedLedger = field(default_factory=RememberedLedger)
    news: News = field(default_factory=News)

    def backend(self) -> Backend:
        return Backend(
            clocked=lambda: Clocked(self.snapshot, self.now),
            scrape=Exposition().answer,
            reload=self.reload,
            masked_config=lambda: "systems:\n  orders: {token: '***'}\n",
            ledger=self.ledger,
            token=lambda: self.token,
            restore_verified=self.restore_verified,
            people=FoldingPeople(self),
            dingtalk=TakingHook(),
            hook_token=lambda: self.token,
            news=self.news,
        )

    def restore_verified(self, system: str, name: str) -> bool:
        known = (system, name) in self.backups
        self.verified.extend([(system, name)] * known)
        return known

    async def reload(self) -> list[str]:
        self.reloads += 1
        return self.reload_errors


@asynccontextmanager
async def serving(stage: Stage) -> AsyncIterator[str]:
    """The server's URL without a slash at the end."""
    async with running(make_app(stage.backend())) as runner:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"


@asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """The application on a free port."""
    runner = await listen(app, "127.0.0.1", 0)
    try:
        yield runner
    finally:
        await end(runner)
