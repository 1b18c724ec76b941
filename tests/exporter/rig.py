"""The real `serve` process, started, asked and ended as an operator would; and two real sites for it to watch."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.pair import AWAY, HOME, SitePair
from exporter.demo.process import Children
from exporter.ledger import commands
from tests.servers import free_port

PROBING = {
    "interval": "200ms",
    "background_interval": "500ms",
    "fast_interval": "50ms",
    "timeout": "1s",
    "stable_for": "1s",
}
LASTING = (
    "dr_incidents_total",
    "dr_failovers_total",
    "dr_blips_total",
    "dr_blip_seconds_total",
    "dr_observed_seconds_total",
    "dr_downtime_seconds_total",
    "dr_blind_seconds_total",
    "dr_downtime_cost_total",
)
WITHIN = 60.0
"""Seconds: a bound for what should take one or two, on a machine that others may be using."""
ROOT = Path(__file__).parents[2]
Value = TypeVar("Value")


async def until(condition: Callable[[], Awaitable[Value]], what: str, within: float = WITHIN) -> Value:
    """The first true value of `condition`. Raises AssertionError naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := await condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        await asyncio.sleep(0.01)
    return value


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """The series with exactly these labels; None if there is none."""
        return self._values.get((name, frozenset(labels.items())))

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of this name that have these labels."""
        return sum(v for (n, have), v in self._values.items() if n == name and labels.items() <= have)

    def those(self, name: str, label: str, **labels: str) -> set[str]:
        """The values of `label` among the series of this name with these labels that are not 0."""
        return {
            dict(have)[label] for (n, have), v in self._values.items() if n == name and v and labels.items() <= have
        }

    def state(self, system: str) -> str | None:
        return next(iter(self.those("dr_state", "state", system=system)), None)

    def counters(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """What must go on after a restart; looks and markers are counted anew, as the exporter's own figures are."""
        return {key: value for key, value in self._values.items() if key[0] in LASTING}


BOOKKEEPING = frozenset({"config_loaded", "watch_started", "watch_ended", "absence", "samples", "standing_changed"})
"""Kinds of records that tell of the watching, not of what happened."""


class Line(NamedTuple):
    """One record as `ledger list` prints it."""

    number: int
    kind: str
    system: str
    sentence: str


class Process(Protocol):
    """What is needed of `asyncio.subprocess.Process`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, signal: int, /) -> None: ...
    async def wait(self) -> int: ...


class Exporter:
    """One configuration, one ledger, and the process on them, which a test may start as often as it likes."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "dr.yml"
        self.ledger = folder / "ledger.db"
        self.log = folder / "exporter.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.login: dict[str, str] = {}
        """Headers to read with, where `--web.config.file` asks for a login."""
        self._process: Process | None = None
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20.0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        await self._http.close()
        if self.log.exists():
            print(self.log.read_text(encoding="utf-8")[-20000:])  # pytest shows it when the test failed

    def configure(self, systems: Mapping[str, Any], **more: Any) -> None:
        """Write dr.yml. `more`: further sections; those of `exporter` are added to vantage and ledger."""
        own = {"vantage": "test", "ledger": "sqlite:///ledger.db", **more.pop("exporter", {})}
        document = {"exporter": own, "probing": {**PROBING, **more.pop("probing", {})}, **more, "systems": systems}
        self.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *options: str, looked: bool = True, within: float = WITHIN) -> float:
        """Returns when it serves (and has looked at everything): the seconds until its first /metrics."""
        began = time.monotonic()
        await self.launch(*options)
        await until(lambda: self._answers("/metrics"), "the exporter serves /metrics", within)
        took = time.monotonic() - began
        if looked:
            await until(lambda: self._answers("/-/ready"), "the exporter has looked at everything", within)
        return took

    async def launch(self, *options: str) -> None:
        """`start` without waiting for anything."""
        listen = f"--web.listen-address={self.url.removeprefix('http://')}"
        self._process = await self._launch("serve", f"--config.file={self.config}", listen, *options)

    async def _launch(self, *arguments: str) -> "Process":
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "exporter", *arguments, stdout=log, stderr=log
            )

    async def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log.read_text(encoding="utf-8")
        try:
            return (await self.get(path))[0] == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int | None:
        """SIGTERM; its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return None if process is None else process.returncode
        process.send_signal(number)
        async with asyncio.timeout(WITHIN):
            return await process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def run(self, *arguments: str, within: float = WITHIN) -> tuple[int | None, str, str]:
        """Another command, in the folder of dr.yml: its exit code, standard output and standard error."""
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", *arguments), cwd=self.config.parent, env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(within):
            out, error = await process.communicate()
        return process.returncode, out.decode(), error.decode()

    # --- what it says

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with self._http.get(self.url + path, headers=self.login) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, token: str = "", body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.post(self.url + path, headers=headers, json=body) as answer:
            return answer.status, await answer.json()

    async def delete(self, path: str, token: str) -> int:
        """Status."""
        async with self._http.delete(self.url + path, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status

    async def metrics(self) -> Metrics:
        return Metrics((await self.get("/metrics"))[1])

    async def system(self, name: str = "orders") -> dict[str, Any]:
        """One system as the API tells it."""
        async with self._http.get(f"{self.url}/api/v1/systems/{name}", raise_for_status=True) as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def incidents(self, *, blips: bool = False) -> list[dict[str, Any]]:
        """Open ones first, then closed ones, newest first."""
        query = f"?blips={str(blips).lower()}"
        async with self._http.get(f"{self.url}/api/v1/incidents{query}", raise_for_status=True) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items

    async def until_state(self, *states: str, system: str = "orders", within: float = WITHIN) -> dict[str, Any]:
        """Wait until the system is in one of these states; returns it."""

        async def there() -> dict[str, Any] | None:
            status, text = await self.get(f"/api/v1/systems/{system}")
            told: dict[str, Any] = json.loads(text) if status == 200 else {}
            return told if told.get("state") in states else None

        told = await until(there, f"{system} is {' or '.join(states)}", within)
        assert told is not None
        return told

    async def closed(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many incidents are closed; returns them, newest first."""

        async def found() -> list[dict[str, Any]]:
            closed = [one for one in await self.incidents() if not one["open"]]
            if len(closed) < count:
                return []
            # A record can be read as soon as it is on disk; what is told of the system follows.
            for name in {one["system"] for one in closed}:
                status, text = await self.get(f"/api/v1/systems/{name}")
                told = json.loads(text)["incident"] if status == 200 else None
                if told is not None and told["id"] in {one["id"] for one in closed}:
                    return []
            return closed

        return await until(found, f"{count} incidents are closed")

    # --- what it wrote

    def records(self, *kinds: str, system: str | None = None) -> list[Line]:
        """The ledger's records of these kinds (all, if none is named), oldest first."""
        lines = []
        for text in commands.listing(self.ledger, system=system):
            _, number, kind, name, sentence = text.split(maxsplit=4)
            if not kinds or kind in kinds:
                lines.append(Line(int(number), kind, name, sentence))
        return lines

    def whole(self) -> None:
        """The chain has no fault, no gap and no number twice."""
        assert commands.verify(self.ledger) == []
        numbers = [line.number for line in self.records()]
        assert numbers == list(range(1, len(numbers) + 1))


class Sites(SitePair):
    """The demo's two sites alone: no entry, no writer; `facade` are the URLs at which they are looked at."""

    def __init__(self, folder: Path, children: Children, delay: float = 0.0) -> None:
        super().__init__(folder, children, delay)
        self.facade = dict(self.urls)

    async def start(self) -> None:
        await self.start_site(HOME)
        await self.order(-1)
        await self.start_site(AWAY, follow=self.urls[HOME])
        await until(self._replicates, "the standby applies orders")

    async def start_site(self, name: str, follow: str | None = None) -> None:
        """Start one site on its own store, as primary or following; returns when it answers."""
        options = ["--name", name, "--port", self.urls[name].rpartition(":")[2], "--store", str(self.store(name))]
        extra = ["--follow", follow] if follow else []
        await self.children.start_module(name, "exporter.demo.site", *options, "--delay", str(self.delay), *extra)
        await until(lambda: self._up(name), f"{name} answers")

    async def order(self, number: int) -> None:
        """One order at HOME, acknowledged."""
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.post(f"{self.urls[HOME]}/orders", json={"id": number})

    async def stop_replication(self) -> float:
        """The standby goes on answering, and follows nobody any more; the instant before the last that it may have got."""
        await self.children.stop(AWAY)
        before = time.monotonic()
        await self.start_site(AWAY, follow="http://127.0.0.1:1")
        return before

    async def start_replication(self) -> None:
        await self.children.stop(AWAY)
        await self.start_site(AWAY, follow=self.urls[HOME])

    async def markers(self, vantage: str, site: str = HOME) -> list[int]:
        """The canary markers that can be read at a site, ascending."""
        found: list[int] = (await self._get(f"{self.urls[site]}/canary?vantage={vantage}&after=0"))["seqs"]
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.children.pid(name), number)

    async def _up(self, name: str) -> bool:
        self.children.must_live(name)
        try:
            return bool(await self.status(name))
        except (aiohttp.ClientError, TimeoutError):
            return False

    def system(self, **more: Any) -> dict[str, Any]:
        """A database with a canary at both sites, and nothing else."""

        def database(url: str) -> dict[str, Any]:
            facts = {fact: f"$.{fact}" for fact in ("role", "writable", "epoch", "position", "applied", "connected")}
            return {
                "http": {"url": f"{url}/status", **facts, "canary": {"put": f"{url}/canary", "get": f"{url}/canary"}}
            }

        return {
            "home": HOME,
            "objectives": {"rto": "30s", "rpo": "5s"},
            "components": {"database": {"critical": True, "canary": {"every": "200ms"}}},
            "sites": {name: {"database": database(url)} for name, url in self.facade.items()},
            **more,
        }


def page(port: int, **http: Any) -> dict[str, Any]:
    """A system of one page at one site."""
    return {
        "home": HOME,
        "components": {"web": {"critical": True}},
        "sites": {HOME: {"web": {"http": {"url": f"http://127.0.0.1:{port}/"} | http}}},
    }
