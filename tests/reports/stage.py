"""A real watch over two made-up sites that lose writes: what it tells, and what it keeps of what it saw."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from exporter.core import fold, watching
from exporter.core.losses import unmeasured
from exporter.core.model import Component, Facts, Moment, Objectives, Part, Policy, Reason, Role, Sample, System
from exporter.core.ports import Kept
from exporter.core.sources import markers_above
from exporter.core.state import Record
from exporter.engine.eye import Eye
from exporter.engine.haste import Haste
from exporter.engine.publish import Entry
from exporter.engine.sight import Sight
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.ledger.chain import GENESIS, Link, compact, exported, plain, seal_all
from exporter.probes.kind import Probe

WALL = 1_800_000_000.0
HK, SG = Part("hk", "database"), Part("sg", "database")
POLICY = Policy(interval=1, fast_interval=1, declare_after=3, declare_min=1, stable_for=2, stuck_after=5)
SYSTEM = System(
    name="orders",
    home="hk",
    sites=("hk", "sg"),
    components={"database": Component("database", critical=True, stateful=True, canary_every=1.0)},
    parts=frozenset({HK, SG}),
    objectives=Objectives(rto=4.0, rpo={"site_loss": 1.5}),
    policy=POLICY,
)
LETTERS = "hscpor"
"""h: hk serves; c: the same, and its link is cut; s: sg serves; p: hk is dead, sg stands by; o: both dead; r: both read-only."""


@dataclass
class Site:
    """Which markers are there, and in which epoch it is."""

    markers: set[int] = field(default_factory=set)
    epoch: int = 1


@dataclass
class Stage:
    """Looks and markers by hand; `records` are what the ledger would hold, `kept` what lies beside it."""

    system: System = SYSTEM
    now: float = 0.0
    records: list[Record] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    sites: dict[str, Site] = field(default_factory=lambda: {"hk": Site(), "sg": Site()})
    holder: str = "hk"
    reload_after: int = -1
    """The configuration is reloaded after so many looks and markers."""
    acts: int = 0

    def __post_init__(self) -> None:
        eyes = {part: Eye(part, cast("Probe", None), POLICY, self.system.components["database"]) for part in (HK, SG)}
        tools = Tools(
            cast("Any", None), lambda: self.now, self.moment, cast("Any", None), cast("Any", self), cast("Any", self),
            Sight(2), cast("Any", None), lambda at: None, lambda: None, Haste(lambda: self.now),
        )  # fmt: skip
        self.watch = Watch(self.system, eyes, fold.begin(self.system, self.moment()), tools)
        self.eyes, self.tools = eyes, tools

    def reload(self) -> None:
        """The same system under a configuration that changed in something."""
        step = watching.reconfigured(self.system, self.watch.state, self.moment())
        self.watch = Watch(self.system, self.eyes, step.state, self.tools, self.watch)
        self.watch.accept(step)

    def moment(self) -> Moment:
        return Moment(self.now, WALL + self.now)

    # --- what the watch asks of a ledger and of a publisher

    def put(self, entry: Entry) -> None:
        self.records += entry.records
        self.walls += [self.moment().wall_of(record.at) for record in entry.records]
        self.watch.publish(self.watch.state)

    def keep(self, kept: Kept, now: Moment) -> None:
        self.kept.append(kept)

    def mark(self, *ignored: object) -> None:
        """Markers have a table of their own."""

    # --- what happens

    def frame(self, letter: str, width: float = 0.1) -> None:
        """One second, with looks at both sites and a marker in it; each look takes `width`."""
        holder = {"h": "hk", "c": "hk", "s": "sg"}.get(letter)
        if holder is not None and holder != self.holder:
            self.sites[holder].epoch = max(site.epoch for site in self.sites.values()) + 1
            self.holder = holder
        if letter in "hs":
            other = self.sites["sg" if letter == "h" else "hk"]
            other.markers |= self.sites[self.holder].markers
            other.markers &= self.sites[self.holder].markers
        dead = {"o": ("hk", "sg"), "p": ("hk",)}.get(letter, ())
        begin = self.now
        for index, part in enumerate((HK, SG)):
            self.now = begin + 0.2 * index + width
            self.look(part, self.now - width, None if part.site in dead else letter != "r" and part.site == self.holder)
        self.now = begin + 0.6
        self.write(letter in "hcs", width)
        self.now = begin + 1.0

    def look(self, part: Part, started: float, primary: bool | None) -> None:
        facts, reason, above = Facts(), Reason.REFUSED, None
        if primary is not None:
            site = self.sites[part.site]
            above = markers_above(self.watch.system, self.watch.state, part)
            there = None if above is None else tuple(sorted(n for n in site.markers if n > above))
            facts = Facts(Role.PRIMARY if primary else Role.STANDBY, primary, epoch=str(site.epoch), markers=there)
        sample = Sample(part, started, self.now, None if primary is not None else reason, "", facts)
        self.watch.looked(self.eyes[part], sample, above)
        self.acted()

    def acted(self) -> None:
        self.acts += 1
        if self.acts == self.reload_after:
            self.reload()

    def write(self, works: bool, width: float) -> None:
        eye = self.watch._writer("database")
        if eye is None:
            return
        self.watch.state, marker = fold.marker_sent(self.watch.state, "database", eye.part.site, self.now)
        self.now += width
        taken = works and eye.part.site == self.holder
        if taken:
            self.sites[eye.part.site].markers.add(marker.seq)
        reason = None if taken else Reason.READ_ONLY
        self.watch._wrote(eye, marker, Sample(eye.part, marker.sent, self.now, reason), self.now - marker.sent)
        self.acted()

    # --- what is left of it

    def links(self) -> list[Link]:
        bare = [
            Link(0, "hk-noc-1", "boot", r.at + 0.0, wall, r.kind, r.system, r.sentence, compact(plain(r.data)), "", "")
            for r, wall in zip(self.records, self.walls, strict=True)
        ]
        return seal_all(bare, GENESIS)

    def lines(self) -> list[str]:
        return [exported(link) for link in self.links()]

    def incidents(self) -> list[tuple[dict[str, Any], dict[str, Any], list[list[dict[str, Any]]]]]:
        """(data, record, chunks of samples) of each closed incident, as a verifier reads them."""
        records = [json.loads(line) for line in self.lines()]
        texts = {kept.hash: [json.loads(line) for line in kept.text.splitlines()] for kept in self.kept}

        def chunks(name: str) -> list[list[dict[str, Any]]]:
            of = [r["data"] for r in records if r["kind"] == "samples" and r["data"]["incident"] == name]
            return [texts[data["sha256"]] for data in of]

        return [(r["data"], r, chunks(r["data"]["id"])) for r in records if r["kind"] == "incident"]

    @property
    def measuring(self) -> bool:
        return bool(unmeasured(self.watch.state))


def staged(letters: Sequence[str], reload_after: int = -1, **objectives: float) -> Stage:
    """A whole film, which ends in a calm that is long enough for everything to close."""
    rpo = {"site_loss": objectives.get("rpo", 1.5)}
    system = replace(SYSTEM, objectives=Objectives(rto=objectives.get("rto", 4.0), rpo=rpo))
    stage = Stage(system, reload_after=reload_after)
    for letter in [*"hhh", *letters, *(("s" if letters and letters[-1] == "s" else "h") * 6)]:
        stage.frame(letter)
    return stage
