"""The one composition root: builds the parts, introduces them to each other, runs them, and takes them down again."""

import asyncio
import gc
import json
import logging
import signal
import socket
import time
from calendar import timegm
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from exporter import __version__, descriptors
from exporter.config import Config, ConfigError, Loaded, masked_yaml
from exporter.core.model import Contact, Moment
from exporter.core.ports import Kept
from exporter.core.snapshot import Clocked, ExporterState, Snapshot
from exporter.core.state import Record
from exporter.engine.engine import Engine, Environment
from exporter.hooks.dingtalk import DingTalk
from exporter.ledger.retention import Keeper
from exporter.ledger.sqlite import SqliteLedger
from exporter.metrics.exposition import Exposition
from exporter.plans import plans, read_config, references
from exporter.probes.attempt import attempt
from exporter.settings import read_secret_file
from exporter.web.backend import Backend
from exporter.web.guard import Guard
from exporter.web.limits import STREAMS_MOST
from exporter.web.news import News
from exporter.web.server import listen, make_app
from exporter.web.stream import STREAMS
from exporter.web.webconfig import WebConfigError

_LOG = logging.getLogger(__name__)
_EVENTS = logging.getLogger("exporter.events")


class Options(NamedTuple):
    """What `serve` was told on its command line."""

    config: Path
    host: str
    port: int
    web_config: Path | None = None
    allow_exec: bool = False


def moment() -> Moment:
    return Moment(time.monotonic(), time.time())


def log_records(records: Sequence[Record]) -> None:
    """Every record is a line of the log too."""
    for record in records:
        _EVENTS.info(record.sentence, extra={"fields": {"system": record.system, "kind": record.kind}})


class App:
    """One running exporter."""

    def __init__(self, options: Options, loaded: Loaded, ledger: SqliteLedger, streams: int = STREAMS_MOST) -> None:
        """`streams`: how many may be open at a time. Raises WebConfigError."""
        self._streams = streams
        self._web: web.Application | None = None
        self._options = options
        self._guard = Guard(options.web_config) if options.web_config else None
        self._loaded = loaded
        self._masked: tuple[Loaded, str] | None = None
        self._ledger = ledger
        self._started = time.monotonic()
        self._reload_at = time.time()
        self._reload_error = ""
        self._reloading = asyncio.Lock()
        self._ready = asyncio.Event()
        """Set once the ledger is read and the engine watches: there is nothing to reload before."""
        self._news = News()
        self.engine = Engine(Environment(time.monotonic, moment, attempt, ledger, [log_records, self._news.observe]))
        self._dingtalk = DingTalk(time.time)
        self._dingtalk.apply(loaded.config.dingtalk)

    async def run(self, started: Callable[[str], None]) -> None:
        """Until cancelled. `started` is told the address, with the real port where 0 was asked for.

        Raises OSError when the address cannot be bound.
        """
        config = self._loaded.config
        await self._record_config()
        runner = None
        engine = asyncio.create_task(
            self.engine.run(plans(config, allow_exec=self._options.allow_exec), references(config), self._ready.set)
        )
        started_up = asyncio.create_task(self._ready.wait())
        hook = asyncio.create_task(self._dingtalk.run())
        try:
            await asyncio.wait((engine, started_up), return_when=asyncio.FIRST_COMPLETED)
            started_up.cancel()
            if not engine.done():
                _spare_the_collector()
                tls = self._guard.tls if self._guard else None
                self._web = make_app(self._backend(), self._guard, self._streams)
                runner = await listen(self._web, self._options.host, self._options.port, tls)
                host, port = runner.addresses[0][:2]
                started(f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/")
            await engine
        finally:
            hook.cancel()
            with suppress(asyncio.CancelledError):
                await hook
            if runner is not None:
                await runner.cleanup()
            engine.cancel()
            with suppress(asyncio.CancelledError):
                await engine

    def _backend(self) -> Backend:
        return Backend(
            clocked=self.clocked,
            scrape=Exposition().answer,
            reload=self.reload,
            masked_config=self._masked_config,
            ledger=self._ledger,
            token=self._token,
            restore_verified=self.engine.restore_verified,
            people=self.engine.people,
            news=self._news,
            dingtalk=self._dingtalk,
            hook_token=self._hook_token,
        )

    def _masked_config(self) -> str:
        """Made once for each configuration that was loaded, in a thread of whoever asks first."""
        loaded = self._loaded
        if self._masked is None or self._masked[0] is not loaded:
            self._masked = (loaded, masked_yaml(loaded))
        return self._masked[1]

    def _token(self) -> str | None:
        path = self._loaded.config.token_file
        return None if path is None else read_secret_file(path)

    def _hook_token(self) -> str | None:
        hook = self._loaded.config.dingtalk
        return self._token() if hook is None or hook.token is None else hook.token.reveal()

    def clocked(self) -> Clocked:
        engine, ledger, config = self.engine, self._ledger, self._loaded.config
        exporter = ExporterState(
            vantage=config.vantage,
            version=__version__,
            started=self._started,
            shard=str(config.shard),
            blind_since=engine.blind_since,
            ledger_writable=ledger.writable,
            ledger_waiting=ledger.waiting,
            ledger_head=ledger.head,
            reload_ok=not self._reload_error,
            reload_at=self._reload_at,
            reload_error=self._reload_error,
            config_hash=self._loaded.hash,
            references=engine.references,
            lateness=engine.lateness(),
            hook=self._dingtalk.state,
            faults=engine.faults,
            contacts=[Contact(one.name, one.who, tuple(one.deputies), _unix(one.confirmed)) for one in config.contacts],
            contacts_confirmed_for=config.contacts_confirmed_for,
            grafana_url=config.grafana_url,
        )
        return Clocked(Snapshot(engine.systems(), exporter), moment())

    async def reload(self) -> list[str]:
        """Read the configuration again, once what was read at the start is in use. Returns what is wrong with it; then nothing
        has changed."""
        await self._ready.wait()
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(read_config, self._options.config, allow_exec=self._options.allow_exec)
            except ConfigError as error:
                problems = [str(problem) for problem in error.problems]
                self._reload_error = "\n".join(problems[:3])
                _LOG.error("the configuration was not reloaded: %s", problems[0])
                return problems
            refused = self._fixed(loaded.config) or self._reload_guard()
            if refused:
                self._reload_error = refused
                _LOG.error("the configuration was not reloaded: %s", refused)
                return [refused]
            self._loaded, self._reload_error, self._reload_at = loaded, "", time.time()
            self._dingtalk.apply(loaded.config.dingtalk)
            await self._record_config()
            self.engine.apply(plans(loaded.config, allow_exec=self._options.allow_exec), references(loaded.config))
            _LOG.info("the configuration was reloaded")
            return []

    async def _record_config(self) -> None:
        """The configuration that is in use from now on: its hash goes into the chain, and itself, masked, beside it."""
        loaded, now = self._loaded, moment()
        text = json.dumps(loaded.effective, sort_keys=True, ensure_ascii=False)
        self._ledger.keep(Kept("config", "", "", loaded.hash, text), now)
        data = {"hash": loaded.hash, "version": __version__, "vantage": loaded.config.vantage}
        record = Record("config_loaded", "", now.mono, f"the configuration {loaded.hash[:12]} is in use", data)
        await self._ledger.append([record], {}, now)

    def _reload_guard(self) -> str:
        """What is wrong with the web config file, if it is in use; empty when its users and certificates are renewed."""
        try:
            if self._guard is not None:
                self._guard.reload()
                if self._web is not None:
                    self._web[STREAMS].leave()  # they were opened with a login that may be gone
        except WebConfigError as error:
            return str(error)
        return ""

    def _fixed(self, config: Config) -> str:
        """What a running exporter cannot change, in words; empty when none of it did."""
        old = self._loaded.config
        changed = [name for name in ("ledger", "vantage") if getattr(config, name) != getattr(old, name)]
        if not changed:
            return ""
        return f"exporter.{changed[0]} cannot change while the exporter runs; restart it, or put the old value back"


def _unix(day: date | None) -> float | None:
    """Unix seconds at which the day begins in UTC."""
    return None if day is None else float(timegm(day.timetuple()))


def _spare_the_collector() -> None:
    """What is watched lives as long as we do: walking through it again and again cost a seventh of the CPU at
    5,000 endpoints. Looks leave no cycles behind unless they fail, so it may also come by less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def serve(options: Options, loaded: Loaded) -> None:
    """Run until SIGTERM or SIGINT. Raises OSError with a sentence when the ledger or the address cannot be used."""
    loop = asyncio.get_running_loop()
    spare = descriptors.allow(descriptors.needed(loaded.config))
    kept = loaded.config.retention
    ledger = await SqliteLedger.open(
        loaded.config.ledger, vantage=loaded.config.vantage, keeper=Keeper(kept.records, kept.samples)
    )
    try:
        app = App(options, loaded, ledger, min(STREAMS_MOST, spare))
        main = asyncio.create_task(app.run(lambda url: _LOG.info("listening on %s", url)))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, main.cancel)
        reloads: set[asyncio.Task[list[str]]] = set()

        def reload() -> None:
            task = asyncio.create_task(app.reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        with suppress(asyncio.CancelledError):
            await main
        _LOG.info("stopped")
    finally:
        await ledger.close()


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's event loop where it is installed: half the CPU for the same looks."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def address(text: str) -> tuple[str, int]:
    """`host:port`, `[::1]:port` or `:port` (every interface). Raises ValueError with what would be right."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address to listen on; write host:port, like 127.0.0.1:9720")
    everywhere = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - it is what `:port` asks for
    return host.strip("[]") or everywhere, int(port)
