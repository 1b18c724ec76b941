"""`python -m tests.faults --only kills [--runs 1000] [--seed 1]`: `kill -9` of the exporter at random moments under load.

Six systems are broken and mended at random, with canary writes and failovers, drills are begun and stopped, and
streams, scrapes and questions go on all the time. The exporter is killed while it starts, while it runs, or right after it
told something. After each kill the ledger must verify; after each restart everything that was ever told must still be so: each
incident that was declared, each closed one with the same figures, each counter, each drill. When a season of fifty lives is
over, all that was told is held against the record of what was broken when.
"""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from exporter.ledger import commands
from tests.bench.rig import machine
from tests.exporter.rig import until
from tests.faults.forked import ForkedExporter, Zygote
from tests.faults.judgement import Life, judged
from tests.faults.table import RESULTS
from tests.faults.witness import GONE, TOKEN, Witness
from tests.faults.world import PAGES, World

LIVES = 50
"""Kills in one season: each has a ledger of its own, so that verifying all of it fifty times stays cheap."""
NEWS_WITHIN = 4.0


@dataclass
class Tally:
    """What all seasons brought."""

    kills: Counter[str] = field(default_factory=Counter)
    """By the moment: at the start, in between, at news."""
    verified: int = 0
    restarts: int = 0
    records: int = 0
    breaks: int = 0
    incidents: int = 0
    blips: int = 0
    failovers: int = 0
    drills: int = 0
    events: int = 0
    scrapes: int = 0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    """What was wrong, with its class before a colon."""
    disturbed: list[str] = field(default_factory=list)
    """The same of what was measured while the machine stood still, and the pages with it."""

    def add(self, other: "Tally") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class Season:
    """One ledger and many lives."""

    def __init__(self, exporter: ForkedExporter, world: World, seed: int) -> None:
        self._exporter = exporter
        self._world = world
        self._dice = random.Random(seed)
        self._witness = Witness(exporter)
        self._lives: list[Life] = []
        self.tally = Tally()

    async def run(self, lives: int) -> Tally:
        """So many kills; then everything is mended, told to its end and judged."""
        self._configure()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._witness.watch()), group.create_task(self._drill())]
            for _ in range(lives):
                await self._live()
            await self._world.mended()
            await self._exporter.start()
            await self._check_told()
            await until(self._settled, "all is told to its end")
            for task in tasks:
                task.cancel()
        await self._check_told()
        assert await self._exporter.stop() == 0
        await self._verify()
        self._judge()
        return self.tally

    def _configure(self) -> None:
        self._exporter.config.with_name("token").write_text(TOKEN, encoding="utf-8")
        reference = f"tcp://127.0.0.1:{self._world.reference}"
        self._exporter.configure(
            self._world.systems,
            exporter={"references": [reference]},
            api={"token_file": "token"},
            probing={"stable_for": "500ms", "timeout": "2s", "fast_timeout": "1s"},
        )

    async def _live(self) -> None:
        """Start it, and kill it at a random moment."""
        if self._dice.random() < 0.15:
            moment = "at the start"
            await self._exporter.launch()
            await asyncio.sleep(self._dice.uniform(0, 0.4))
        else:
            await self._exporter.start()
            began = time.monotonic()
            await self._check_told()
            moment = await self._wait()
            self._lives.append(Life(began, time.monotonic()))
        await self._exporter.kill()
        self.tally.kills[moment] += 1
        await self._verify()

    async def _wait(self) -> str:
        """Until the moment comes; what moment it is."""
        if self._dice.random() < 0.3:
            self._witness.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(NEWS_WITHIN):
                    await self._witness.news.wait()
                    await asyncio.sleep(self._dice.choice((0.0, self._dice.uniform(0, 0.03))))
                    return "at news"
        else:
            await asyncio.sleep(self._dice.choice((self._dice.uniform(0, 1.0), self._dice.uniform(0, 3.0))))
        return "in between"

    async def _verify(self) -> None:
        path = self._exporter.ledger
        if not path.exists():
            return  # killed before its first start had made one
        findings = await asyncio.to_thread(commands.verify, path)
        self.tally.wrong += [f"does not verify: {one.sentence}" for one in findings]
        self.tally.verified += 1

    async def _check_told(self) -> None:
        """After a restart: what was told before is still so."""
        self.tally.restarts += 1
        witness = self._witness
        incidents, promised = witness.declared.keys() | witness.closed.keys(), list(witness.drills)
        items = await witness.all_incidents()
        witness.told_list(items)
        self.tally.wrong += [f"lost: incident {one}" for one in incidents - {item["id"] for item in items}]
        drills = Counter(item["id"] for item in await witness.all_drills())
        self.tally.wrong += [f"lost: drill {one}" for one in promised if not drills[one]]
        self.tally.wrong += [f"doubled: drill {one}" for one, count in drills.items() if count > 1]

    async def _settled(self) -> bool:
        """No incident is open, and no doubt."""
        return not any(item["open"] for item in await self._witness.all_incidents())

    async def _drill(self) -> None:
        """Begin drills and stop them, for ever. One that was acknowledged must never be lost."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 2.0))
            order = {"system": self._dice.choice(PAGES), "operator": "ops", "reason": "practice", "expires_in": 5}
            with suppress(*GONE):
                status, told = await self._exporter.post("/api/v1/drills", TOKEN, order)
                if status == 201:
                    self._witness.drills[told["id"]] = False
            for one in [one for one, stopped in self._witness.drills.items() if not stopped][:-1]:
                with suppress(*GONE):
                    status = await self._exporter.delete(f"/api/v1/drills/{one}", TOKEN)
                    self._witness.drills[one] = status in (200, 409)

    def _judge(self) -> None:
        told = list(self._witness.closed.values())
        witness, tally = self._witness, self.tally
        tally.wrong += witness.contradictions
        for one in judged(told, self._world.breaks, self._lives):
            disturbed = any(one.concerns(stall) for stall in self._world.stalls)
            (tally.disturbed if disturbed else tally.wrong).append(one.words)
        tally.breaks = len(self._world.breaks)
        tally.blips = sum(not one["declared"] for one in told)
        tally.incidents = len(told) - tally.blips
        tally.failovers = sum(one["kind"] in ("failover", "failback") for one in told)
        tally.drills = len(witness.drills)
        tally.events, tally.scrapes, tally.answers = witness.events, witness.scrapes, witness.answers
        records = self._exporter.records()
        tally.records = len(records)
        ended = Counter(line.kind for line in records if line.kind in ("incident", "blip"))
        if sum(ended.values()) != len(told):
            tally.wrong.append(f"doubled: {sum(ended.values())} incidents and blips in the ledger, {len(told)} told")


async def kill(
    runs: int, seed: int, *, parallel: int = 2, pair: bool = True, keep: Callable[[Tally], None] = lambda total: None
) -> Tally:
    """So many kills in seasons, some of which run beside each other; each is printed, and the sum kept, when it is over."""
    total, free = Tally(), asyncio.Semaphore(parallel)

    async def season(number: int, lives: int, zygote: Zygote) -> None:
        async with free:
            with tempfile.TemporaryDirectory(prefix="dr-kills-") as folder:
                path = Path(folder)
                async with (
                    World(path, seed * 1000 + number, pair=pair) as world,
                    ForkedExporter(path, zygote) as exporter,
                ):
                    found = await Season(exporter, world, seed * 1000 + number).run(lives)
                    exporter.quiet = not found.wrong
            total.add(found)
            print(f"season {number}: {line(found)}", flush=True)
            keep(total)

    async with Zygote() as zygote, asyncio.TaskGroup() as group:
        for number, done in enumerate(range(0, runs, LIVES)):
            group.create_task(season(number, min(LIVES, runs - done), zygote))
    return total


def line(tally: Tally) -> str:
    kills = ", ".join(f"{count} {moment}" for moment, count in sorted(tally.kills.items()))
    return (
        f"{tally.kills.total()} kills ({kills}), ledger verified {tally.verified} times, {tally.records} records, "
        f"{tally.breaks} faults, {tally.incidents} incidents ({tally.failovers} failovers), {tally.blips} blips, "
        f"{tally.drills} drills, {tally.events} events, {tally.scrapes} scrapes: {len(tally.wrong)} wrong, "
        f"{len(tally.disturbed)} disturbed by others on the machine"
        + "".join(f"\n  {one}" for one in [*tally.wrong, *tally.disturbed])
    )


def run(runs: int, seed: int, parallel: int = 2) -> Tally:
    """All of it, printed, and kept in results/kills.json."""
    began = time.monotonic()

    def keep(total: Tally) -> None:
        RESULTS.mkdir(exist_ok=True)
        result = {"machine": machine(), "seed": seed, "seconds": round(time.monotonic() - began), **vars(total)}
        (RESULTS / "kills.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    tally = asyncio.run(kill(runs, seed, parallel=parallel, keep=keep))
    print(f"all: {line(tally)}")
    return tally
