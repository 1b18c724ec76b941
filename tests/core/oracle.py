"""What a film amounts to, found by counting letters: an independent reading of the rules, for films without `b`.

It knows nothing of the code under test: looks in their order, who holds the role, runs of bad looks.
"""

from dataclasses import dataclass, field

Told = tuple[tuple[int, int], tuple[int, int], str]
"""((start.lower, start.upper), (end.lower, end.upper), kind), in ticks."""
ENOUGH, STABLE = 3, 2


@dataclass
class Running:
    """An incident that is not closed."""

    start: tuple[int, int]
    end: tuple[int, int] | None = None
    declared: bool = False
    kind: str = ""


@dataclass
class Oracle:
    """Watches the looks one by one."""

    role: str = ""
    running: Running | None = None
    incidents: list[Told] = field(default_factory=list)
    blips: list[Told] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    good: dict[str, int] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)

    def show(self, tick: int, letter: str) -> None:
        if letter == "x":
            return
        primary = {"h": "hk", "s": "sg"}.get(letter)
        for site in ("sg", "hk") if letter == "h" else ("hk", "sg"):
            self._look(tick, site, serves=site == primary, answers=letter in "hsr")

    def _look(self, tick: int, site: str, *, serves: bool, answers: bool) -> None:
        self.runs[site] = 0 if serves else self.runs.get(site, 0) + 1
        (self.good if serves else self.bad)[site] = tick
        if not answers:
            self.dead[site] = tick
        if serves and self.role and site != self.role:
            assert self.running is not None
            failed = self.dead.get(self.role, -1) >= self.running.start[0]
            kind = "failback" if site == "hk" else "failover" if failed else "switchover"
            self.running.kind, self.running.end = kind, None
            self.moves.append(kind)
        if serves:
            self.role = site
        if self.role:
            self._judge(tick)

    def _judge(self, tick: int) -> None:
        count, now = self.runs[self.role], self.running
        if count:
            if now is None:
                self.running = Running((self.good[self.role], tick))
                return
            now.end = None
            now.declared |= count >= ENOUGH
        elif now is not None and now.end is None:
            now.end = max(self.bad.get(self.role, 0), now.start[0]), tick
            if not now.declared and not now.kind:
                self.blips.append((now.start, now.end, "blip"))
                self.running = None
        elif now is not None and now.end is not None and tick - now.end[1] >= STABLE:
            self.incidents.append((now.start, now.end, now.kind or "outage_in_place"))
            self.running = None

    @property
    def mode(self) -> str:
        if not self.role:
            return "unknown"
        if self.running is None:
            return "calm"
        if self.running.end is not None:
            return "recovering"
        return "outage" if self.running.declared else "suspected"
