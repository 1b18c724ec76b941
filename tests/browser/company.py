"""Companies of made-up systems, as many and in such condition as a test wants."""

from collections.abc import Iterable
from dataclasses import replace

from exporter.core.snapshot import Snapshot, Watched
from exporter.core.state import Mode
from exporter.core.timeline import incident_json
from tests.metrics import scenes
from tests.web.fakes import Stage

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "a\nb",
    "\u202eevil\u202c",
    "\u200fشركة‏ (1)",
    "{{7*7}} {name} ${1}",
    "x" * 200,
    "long words " * 18,
)


def one(name: str, mode: Mode = Mode.HEALTHY, tier: str = "critical") -> Watched:
    """A system in this condition."""
    of = replace(scenes.system(name), tier=tier)
    match mode:
        case Mode.OUTAGE:
            return scenes.watched(of, scenes.outage(of))
        case Mode.UNKNOWN:
            return scenes.watched(of, scenes.unknown(of))
    return scenes.watched(of, replace(scenes.healthy(of), mode=mode))


def company(count: int, bad: Iterable[int] = ()) -> Snapshot:
    """`count` systems, of which those in `bad` are down."""
    down = set(bad)
    return scenes.snapshot(
        *(one(f"system-{n}", Mode.OUTAGE if n in down else Mode.HEALTHY, f"tier-{n % 3}") for n in range(count))
    )


def full_stage() -> Stage:
    """Every state, everything that can be told of a system, and a closed incident, with a sentence that tries to be markup."""
    modes = (Mode.OUTAGE, Mode.SUSPECTED, Mode.RECOVERING, Mode.DEGRADED)
    stage = Stage(snapshot=scenes.snapshot(*scenes.everything().systems.values(), *(one(f"in {m}", m) for m in modes)))
    stage.ledger.closed = [{**incident_json(scenes.failover(), scenes.NOW), "n": 12}]
    return stage


def hostile() -> Snapshot:
    """Systems whose names and sentences try to be more than text."""
    watched = [one(name, Mode.OUTAGE if at % 2 else Mode.HEALTHY) for at, name in enumerate(HOSTILE)]
    return scenes.snapshot(*(replace(each, state=replace(each.state, sentence=each.system.name)) for each in watched))
