"""`rto-rpo-exporter demo`: the pair, the exporter that watches it, and the story of a failover."""

import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import aiohttp
import yaml

from exporter.core.interval import Interval
from exporter.demo.comparison import Row, bounds, compare, seconds, timeline
from exporter.demo.observer import Observer
from exporter.demo.pair import AWAY, HOME, Pair, SitePair
from exporter.demo.postgres_pair import PostgresPair
from exporter.demo.process import LOOPBACK, Children, DemoError, free_ports, until
from exporter.demo.terminal import Style, Terminal, wants_colour
from exporter.demo.truth import find

SYSTEM, VANTAGE = "orders", "demo"
DELAY = 1.5
"""Seconds from one site to the other, so that a kill loses acknowledged orders for real."""
DETECTION = 3.0
"""Seconds until the demo's operator has noticed the dead primary and promotes the standby."""
SETTLED_WITHIN = 30.0
KILL_WITHIN = 2.0
"""The kill comes at a random instant of this many seconds, so that it falls anywhere between two looks."""


class Kill(NamedTuple):
    """The kill and what followed, on CLOCK_MONOTONIC; `wall` added to such an instant is Unix time."""

    killed: Interval
    promoted: float
    wall: float


def at_once(line: str) -> None:
    """Print a line now: a pipe would hold it back."""
    print(line, flush=True)


async def run_demo(
    *,
    break_: bool,
    postgres: bool,
    out: Callable[[str], object] = at_once,
    listen: str | None = None,
    seed: int | None = None,
) -> int:
    """Run the demo until it is over or somebody stops it (SIGINT, SIGTERM). Leaves no process and no file behind.

    `out` gets every line. The exporter listens on `listen` (host:port; a free loopback port if None). `seed` fixes the
    random instant of the kill. Returns the exit code: 0; 1 if a claim of the exporter contradicts the truth; 2 if the
    demo could not run; 130 if it was stopped before it could tell.
    """
    terminal = Terminal(out, colour=wants_colour())
    story = asyncio.create_task(_run(terminal, break_, postgres, listen, random.Random(seed)))  # noqa: S311 - no secret
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, story.cancel)
    try:
        return await story
    except asyncio.CancelledError:
        terminal.say()
        terminal.say("stopped; every process of the demo has ended")
        return 130 if break_ else 0
    except DemoError as error:
        terminal.say(f"the demo cannot go on: {error}", Style.RED)
        return 2
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


async def _run(terminal: Terminal, break_: bool, postgres: bool, listen: str | None, dice: random.Random) -> int:
    listen, url = addresses(listen or f"{LOOPBACK}:0")
    with tempfile.TemporaryDirectory(prefix="rto-rpo-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with Children(folder) as children, Observer(url, SYSTEM) as observer:
            pair = (PostgresPair if postgres else SitePair)(folder, children, DELAY)
            terminal.title(f"RTO/RPO exporter demo: orders, served from {HOME}, with a standby at {AWAY}")
            try:
                await _start(terminal, pair, observer, listen)
                if break_:
                    return await _break(terminal, pair, observer, dice)
                await _invite(terminal, pair, observer)
            except (aiohttp.ClientError, TimeoutError) as error:
                await _explain(children, error)


def addresses(listen: str) -> tuple[str, str]:
    """Where the exporter is to listen, with a free port instead of 0, and the URL at which we reach it there."""
    host, _, port = listen.rpartition(":")
    port = str(free_ports(1)[0]) if port == "0" else port
    everywhere = host.strip("[]") in ("", "::", "0.0.0.0")  # noqa: S104 - it is the person's wish
    return f"{host}:{port}", f"http://{LOOPBACK if everywhere else host}:{port}"


async def _explain(children: Children, error: Exception) -> NoReturn:
    """Somebody did not answer: raise DemoError with the last words of whoever ended, else with the error's."""

    for _ in range(10):
        children.must_live()
        await asyncio.sleep(0.1)
    raise DemoError(f"somebody does not answer: {str(error) or 'not in time'}")


async def _start(terminal: Terminal, pair: Pair, observer: Observer, listen: str) -> None:
    await pair.start()
    for name, what in pair.processes():
        terminal.say(f"    {name:<10}{what:<49}pid {pair.children.pid(name)}", Style.DIM)
    terminal.done(f"the standby replicates asynchronously, {pair.delay:g} s behind; an order every 20 ms")
    config = pair.folder / "dr.yml"
    config.write_text(yaml.safe_dump(configuration(pair), sort_keys=False), encoding="utf-8")
    began = time.monotonic()
    await pair.children.start_module(
        "exporter", "exporter", "serve", f"--config.file={config}", f"--web.listen-address={listen}"
    )

    async def ready() -> bool:
        pair.children.must_live()
        return await observer.ready()

    async def proven() -> bool:
        pair.children.must_live()
        return await observer.proven(AWAY, "canary")

    await until(ready, "the exporter is ready", SETTLED_WITHIN)
    terminal.done(f"the exporter is ready after {time.monotonic() - began:.1f} s: {observer.url}/")
    await until(proven, f"the system is healthy and a recovery point at {AWAY} is proven", SETTLED_WITHIN)
    terminal.done(f"healthy, and a canary proves what {AWAY} has: {await _exposure(observer)}")


def configuration(pair: Pair) -> dict[str, Any]:
    """dr.yml for this pair."""
    system = {
        "owner": "demo",
        "home": HOME,
        "objectives": {"rto": "30s", "rpo": "5s"},
        "cost_per_minute": {"amount": 26000, "currency": "USD"},
        **pair.system(),
    }
    return {
        "exporter": {"vantage": VANTAGE, "ledger": f"sqlite:///{pair.folder}/ledger.db"},
        "probing": {"stable_for": "5s"},
        "systems": {SYSTEM: system},
    }


async def _exposure(observer: Observer) -> str:
    value = await observer.value("dr_rpo_seconds", scenario="site_loss")
    objective = await observer.value("dr_rpo_objective_seconds", scenario="site_loss")
    return f"live RPO {value:.1f} s, objective {objective:g} s" if value is not None else "live RPO unknown"


async def _invite(terminal: Terminal, pair: Pair, observer: Observer) -> NoReturn:
    """Say what can be tried and tell what the exporter makes of it, until cancelled."""
    terminal.title("try this in another terminal (Ctrl-C here ends everything)")
    for what, command in [*pair.hints(), ("read the numbers", f"curl -s {observer.url}/metrics | grep ^dr_")]:
        terminal.say(f"  # {what}", Style.DIM)
        terminal.say(f"  {command}")
    terminal.title("what the exporter sees")
    before: str | None = None
    told: str | None = None
    while True:
        pair.children.must_live("exporter")
        state = await observer.state()
        if state != before:
            clock = await observer.value("dr_rto_seconds")
            running = f", down for {clock:.1f} s" if clock else ""
            terminal.say(f"  {time.strftime('%H:%M:%S')}  {state or 'unseen':<12}{await _exposure(observer)}{running}")
            before = state
        incident = await observer.failover()
        if incident is not None and incident["id"] != told:
            _tell_objectives(terminal, incident)
            told = incident["id"]
        await asyncio.sleep(0.2)


async def _break(terminal: Terminal, pair: Pair, observer: Observer, dice: random.Random) -> int:
    terminal.title("the disaster")
    kill = await _kill_and_promote(terminal, pair, observer, dice)
    await until(pair.acknowledges(kill.killed.upper), "orders are taken again", SETTLED_WITHIN)
    terminal.done("orders are acknowledged again; the exporter waits until that is stable")

    async def closed() -> bool:
        pair.children.must_live()
        return await observer.failover() is not None

    await until(closed, "the exporter closes the incident", SETTLED_WITHIN)
    incident = await observer.failover()
    assert incident is not None
    await pair.children.stop("writer")
    lost_markers = await pair.lost_markers(VANTAGE)
    try:
        truth = find(pair.attempts(), kill.killed, await pair.orders())
    except ValueError as error:
        raise DemoError(str(error)) from None
    killed = Interval(kill.killed.lower + kill.wall, kill.killed.upper + kill.wall)
    done = {
        f"kill -9 of the primary at {HOME}": killed.lower,
        f"the standby at {AWAY} is told to take over": kill.promoted + kill.wall,
        "first order acknowledged after the kill": truth.restored.upper + kill.wall,
    }
    _tell_timeline(terminal, incident, killed.lower, done)
    rows = compare(incident, truth, killed, lost_markers)
    _tell_comparison(terminal, rows)
    terminal.say(
        f"  the outage is estimated to have begun {incident['start']['estimate'] - killed.lower:+.3f} s from the kill"
    )
    _tell_objectives(terminal, incident)
    terminal.say(f"  orders: {truth.acknowledged} acknowledged before the kill, {truth.lost} of them lost")
    return 0 if all(row.holds for row in rows) else 1


async def _kill_and_promote(terminal: Terminal, pair: Pair, observer: Observer, dice: random.Random) -> Kill:
    await asyncio.sleep(dice.uniform(0, KILL_WITHIN))
    exposure = await _exposure(observer)
    killed = await pair.kill()
    wall = time.time() - time.monotonic()
    terminal.happens(f"kill -9 of the primary at {HOME} ({exposure})")
    await asyncio.sleep(max(0.0, killed.upper + DETECTION - time.monotonic()))
    clock = await observer.value("dr_rto_seconds")
    terminal.say(f"    the exporter says: {await observer.state()}, and counts {clock or 0:.1f} s")
    terminal.happens(f"the demo's operator promotes the standby at {AWAY}")
    promoted = time.monotonic()
    await pair.promote()
    return Kill(killed, promoted, wall)


def _tell_timeline(terminal: Terminal, incident: dict[str, Any], killed: float, done: dict[str, float]) -> None:
    terminal.title(f"timeline of incident {incident['id']}, in seconds since the kill")
    for moment in timeline(incident, killed, done):
        styles = (Style.YELLOW,) if moment.truth else ()
        by = "demo" if moment.truth else "exporter"
        terminal.columns((f"{moment.at:+.3f}", -10), ("  " + moment.what, 60), (by, -10), styles=styles)


def _tell_comparison(terminal: Terminal, rows: list[Row]) -> None:
    terminal.title("what the exporter says, beside the truth that only the demo knows")
    widths = (22, 22, 22, -14)
    heads = ("", "the exporter", "the truth", "truth inside?")
    terminal.columns(*zip(heads, widths, strict=True), styles=(Style.DIM,))
    for row in rows:
        cells = (row.what, row.said, row.true, "yes" if row.holds else "NO")
        terminal.columns(*zip(cells, widths, strict=True), styles=(Style.GREEN if row.holds else Style.RED,))
    terminal.say()


def _tell_objectives(terminal: Terminal, incident: dict[str, Any]) -> None:
    for name, objective in (("rto", "30 s"), ("rpo", "5 s")):
        said = bounds(incident[name])
        about = f"about {said.estimate:.2f} s" if said else seconds(said)
        terminal.say(f"  {name.upper()} {about}; objective {objective}: {incident['verdicts'][name]}")
    if incident["markers"]:
        counts = ", ".join(
            f"{incident['markers'][outcome]} {outcome}" for outcome in ("lost", "surviving", "indeterminate")
        )
        terminal.say(f"  canary markers: {counts}")
