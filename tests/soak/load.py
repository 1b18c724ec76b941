"""One real hour under load with faults, and what became of the exporter in it."""

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exporter.ledger import commands
from tests.bench.rig import ask, cpu_seconds, total
from tests.faults.exporter import instants
from tests.servers import until
from tests.soak import gauges
from tests.soak.breaking import SURE
from tests.soak.record import Verdict, judge
from tests.soak.stage import DATABASES, Stage, stage

EVERY = 10.0
"""Seconds between two samples of what the process holds."""
WARM = 600.0
"""Seconds that do not count for the slopes; a third of the run where that is less."""
JOIN = 240.0
"""Seconds that a fault may still last when the time is up, its mending included."""
ENOUGH = 30.0
"""Minutes from which on growth is judged: in less all is still filling that is kept for half an hour."""
GROWTH: Mapping[str, float] = {"rss": 5.0, "descriptors": 4.0, "threads": 1.0}
"""By how much each may seem to grow in an hour: MB, descriptors, threads."""


@dataclass
class Found:
    """What the hour brought."""

    minutes: float
    systems: int
    outages: Verdict
    runs: list[dict[str, Any]]
    samples: list[gauges.Sample]
    growth: Mapping[str, float]
    """In an hour, by a fit that a few odd samples do not bend."""
    crowd: dict[str, Any]
    exporter: dict[str, float]
    """What it cost, and what it says of itself at the end."""
    acts: dict[str, int]
    wrong: list[str] = field(default_factory=list)

    def table(self) -> Iterator[str]:
        """For people."""
        outages, crowd = self.outages, self.crowd
        widest = max([outages.widest, *(run["width"] for run in self.runs)])
        yield f"{self.minutes:g} minutes, {self.systems} systems; {self.acts}"
        yield (
            f"{outages.faults} faults at pages and names: {outages.told} told as incidents, {outages.blips} blips; "
            f"{len(self.runs)} at databases; widest RTO {widest:.2f} s"
        )
        yield (
            f"{crowd['scrapes']} scrapes, slowest {crowd['slowest']:.2f} s, {crowd['failed']} failed; "
            f"{crowd['streams']} streams, {crowd['cut']} cut"
        )
        yield f"at the end {self.samples[-1].words()}; {self.exporter}"
        yield "growth in an hour: " + ", ".join(f"{name} {value:+.2f}" for name, value in self.growth.items())
        yield from (f"WRONG {one}" for one in self.wrong)
        yield f"{len(self.wrong)} wrong"


def measure(minutes: float, seed: int, keep: Path | None = None) -> Found:
    """Run it, and judge it. `keep`: where to copy what the exporter said, for whoever wants to know more."""
    with stage(seed) as made:
        ask(made.crowd, "begin")
        for actor in made.actors:
            actor.start()
        samples = _watch(made, minutes * 60)
        made.over.set()
        wrong = list(_ended(made))
        until(lambda: not _open(made), "all incidents are closed", within=120, step=1)
        found = _judged(made, minutes, samples)
        found.wrong[:0] = wrong
        if keep is not None:
            keep.mkdir(exist_ok=True)
            shutil.copy(made.subject.folder / "exporter.log", keep)
            (keep / "incidents.json").write_text(json.dumps(made.subject.all_incidents(), indent=1))
            copy = keep / "ledger.db"  # with the looks around each incident
            copy.unlink(missing_ok=True)
            found.wrong += [f"the copy of the ledger: {one}" for one in commands.backup(made.subject.ledger, copy)]
        return found


def _watch(made: Stage, seconds: float) -> list[gauges.Sample]:
    subject, begun = made.subject, time.monotonic()
    samples: list[gauges.Sample] = []
    while (now := time.monotonic() - begun) < seconds:
        samples.append(gauges.sample(now, subject.pid, subject.ledger, subject.records()))
        if len(samples) % 30 == 1:
            print(f"  {now / 60:5.1f} min  {samples[-1].words()}  {len(made.record.truths)} faults", flush=True)
        time.sleep(max(0.0, EVERY - (time.monotonic() - begun - now)))
    return samples


def _ended(made: Stage) -> Iterator[str]:
    """Every actor has mended what it broke; yields what went wrong with one."""
    for actor in made.actors:
        actor.join(JOIN)
        if actor.is_alive() or actor.error is not None:
            yield f"{actor.name} did not end well: {actor.error!r}"


def _open(made: Stage) -> list[Any]:
    return [one for one in made.subject.all_incidents() if one["open"]]


def _judged(made: Stage, minutes: float, samples: list[gauges.Sample]) -> Found:
    subject = made.subject
    told = subject.all_incidents()
    outages = judge(
        made.record.truths,
        [one for one in told if one["system"] not in DATABASES],
        lambda one, which: instants(one[which]),
        sure=SURE,
    )
    warm = min(WARM, minutes * 60 / 3)
    growth = gauges.an_hour(samples, warm)
    text, crowd = subject.metrics(), json.loads(ask(made.crowd, "now"))
    own = {name: total(text, f"dr_exporter_{name}") for name in ("faults_total", "blind", "ledger_waiting_records")}
    own |= {"cpu_seconds": cpu_seconds(subject.pid), "blind_seconds": total(text, "dr_blind_seconds_total")}
    acts = {actor.name: actor.acts for actor in made.actors}
    found = Found(
        minutes, made.systems, outages, [asdict(run) for run in made.runs], samples, growth, crowd, own, acts
    )  # fmt: skip
    found.wrong += outages.wrong
    found.wrong += [f"{run.fault}: {'; '.join(one.words for one in run.wrong)}" for run in made.runs if run.wrong]
    found.wrong += [
        f"{name} grows by {growth[name]:.2f} an hour" for name, most in GROWTH.items() if growth[name] > most
    ]
    found.wrong += [f"the ledger: {finding}" for finding in commands.verify(subject.ledger)]
    found.wrong += [f"a counter fell: {one}" for one in crowd["fallen"]]
    in_pairs = [one for one in told if one["system"] in DATABASES and one["kind"] != "blip"]
    judged = sum(kind not in ("blip", "-") for run in made.runs for kind in run.kind.split("+"))
    if len(in_pairs) != judged:
        found.wrong.append(f"{len(in_pairs)} incidents of the pairs were told, {judged} were held against a fault")
    if own["faults_total"] or own["ledger_waiting_records"]:
        found.wrong.append(f"of itself it says: {own}")
    if re.search("Traceback", (subject.folder / "exporter.log").read_text()):
        found.wrong.append("a traceback in its log")
    if crowd["failed"] or crowd["cut"]:
        found.wrong.append(f"{crowd['failed']} scrapes failed, {crowd['cut']} streams were cut")
    return found
