"""An incident once more, from what was seen, by rules that are written down here a second time and share no code with the first.

This file travels inside `verify.py`: nothing but the standard library.
"""

from collections.abc import Sequence
from typing import Any

Span = tuple[float, float]
Row = dict[str, Any]
Loss = tuple[Span | None, float, tuple[int, int, int]]
"""((lower, upper), or None where no upper bound is known; proven seconds; (lost, surviving, never acknowledged))."""


class Track:
    """The looks at one thing, by what they prove. Instants are seconds; looks may overlap and come in any order."""

    def __init__(self) -> None:
        self.good: float | None = None  # start of the newest good look
        self.bad_start = 0.0  # start of the first bad look of the run
        self.bad_end = 0.0  # earliest end of one
        self.last_bad: float | None = None  # start of the newest look that is known not to have succeeded
        self.back: Span | None = None  # the first good look after the run
        self.count = 0  # bad looks in a row
        self.needed: tuple[float, float, bool] | None = None  # since when, (lower, upper), and whether it failed then

    def look(self, start: float, end: float, good: bool, pending: Sequence[float] = ()) -> None:
        """One more look, in the order in which they were folded in."""
        if not good and self.good is not None and start < self.good:
            self.abandon(start)
        elif not good:
            self.bad_start = start if self.count == 0 else min(self.bad_start, start)
            self.bad_end = end if self.count == 0 else min(self.bad_end, end)
            self.last_bad = start if self.count == 0 or self.last_bad is None else max(self.last_bad, start)
            self.count, self.back = self.count + 1, None
        elif self.good is None or start > self.good:
            if self.count == 0:
                self.back = self.back or (start, end)
                self.good = start
            elif not (self.last_bad is not None and start < self.last_bad):
                self.good, self.count, self.back = start, 0, (start, end)
        for one in pending:
            self.abandon(one)

    def run(self) -> tuple[float | None, float, float]:
        """Of the run of bad looks: until when it went well, and the first bad look. Before it was needed it harmed nobody."""
        if self.needed is None or (self.good is not None and self.good > self.needed[0]):
            return self.good, self.bad_start, self.bad_end
        lower, upper, failed = self.needed
        return (lower, upper, upper) if failed else (lower, self.bad_start, self.bad_end)

    def abandon(self, start: float) -> None:
        """A look that was given up because a later one went well: until it began nothing had come back."""
        if self.back is not None and self.last_bad is not None and self.last_bad < start < self.back[0]:
            self.last_bad = start


class Replay:
    """An incident, from the looks around it: `start` and `end` as (lower, upper)."""

    def __init__(self, head: Row) -> None:
        self.stateful = set(head["stateful"])
        self.tracks: dict[tuple[str, ...], Track] = {}
        self.needs: list[list[str]] = []
        self.start: Span | None = None
        self.end: Span | None = None
        self.declared = self.moved = False
        self.losses: dict[str, Loss] = {}  # by component, of all its moves that were counted
        self.uncounted: dict[str, float] = {}  # the components that have moved since, and when they first did

    @property
    def loss(self) -> Loss | None:
        """What all components lost together; None while one of them is not counted by its markers."""
        return None if self.uncounted or not self.losses else together(list(self.losses.values()))

    def track(self, key: Sequence[str]) -> Track:
        return self.tracks.setdefault(tuple(key), Track())

    def row(self, row: Row) -> None:
        """One line of the samples."""
        if "look" in row:
            site, component = row["look"]
            dead = site and component in self.stateful and (row["role"] == "standby" or row["writable"] is False)
            self.track((site, component, "look")).look(
                row["from"], row["to"], row["reason"] is None and not dead, row.get("pending", ())
            )
        elif row["counts"]:
            self.track((*row["write"], "write")).look(
                row["from"], row["to"], row["reason"] is None, row.get("pending", ())
            )
        if "moved" in row:
            self.move(row)
        if "needs" in row:
            self.need(row["needs"], row.get("since", ()))
        if "loss" in row:
            component = row["loss"]["component"]
            self.losses[component] = added(self.losses.get(component), row["loss"])
            first = row["loss"].get("since")
            if first is None or first <= self.uncounted.get(component, first):  # else one was estimated by its position
                self.uncounted.pop(component, None)
        if self.needs:
            self.assess(row["at"])
        self.declared = self.declared or row.get("declared", False)  # the look that declares it still widens it

    def need(self, needs: list[list[str]], since: Sequence[Any]) -> None:
        """From here on these have to work."""
        self.needs = needs
        for key in needs:
            self.track(key).needed = None
        for key, lower, upper, failed in since:
            self.track(key).needed = (lower, upper, failed)

    def move(self, row: Row) -> None:
        """The role, or the epoch, of a component moved: always an incident, however short."""
        component, lower, upper = row["moved"]
        self.uncounted.setdefault(component, upper)
        if self.start is None:
            wanted = [self.track(key) for key in row.get("before", ())]
            failing = [one for one in wanted if one.count]
            if failing:
                self.dark(failing)
            else:
                self.start = (min([one.good for one in wanted if one.good is not None] + [lower]), upper)
        self.end, self.moved = None, True
        kept = self.written_since(row)
        for key in [key for key in self.tracks if key[1] == component and key[2] == "write" and key != kept]:
            del self.tracks[key]
        for key in row.get("needs", ()):
            track = self.track(key)
            if key[1] == component and key[2] == "look" and track.count:  # it fails from the move on, not before
                track.good, track.bad_end, track.back, track.count = lower, upper, None, 1
                track.bad_start = upper if track.last_bad is None else min(track.last_bad, upper)

    def written_since(self, row: Row) -> tuple[str, ...] | None:
        """Whose writes still count: those at a server that came back with this look, if one began after all looks that failed."""
        if "look" not in row:
            return None
        key = (*row["look"], "write")
        seen, written = self.tracks.get((*row["look"], "look")), self.tracks.get(key)
        if seen is None or written is None or seen.back != (row["from"], row["to"]) or seen.last_bad is None:
            return None
        return key if written.count == 0 and written.back is not None and written.back[0] > seen.last_bad else None

    def dark(self, failing: Sequence[Track]) -> None:
        """It began with the first of them; until it is declared the bounds may still widen, then only by what had begun before."""
        runs = [one.run() for one in failing]
        if self.start is not None and self.declared:
            if self.end is None:
                begun = self.start[1]
                known = [good for good, bad_start, _ in runs if good is not None and bad_start <= begun]
                self.start = (min([self.start[0], *known]), begun)
            return
        upper = min(bad_end for _, _, bad_end in runs)
        lower = min([upper, *(good for good, _, _ in runs if good is not None)])
        if self.start is None:
            self.start = (lower, upper)
        else:
            self.start = (min(self.start[0], lower), min(self.start[1], upper))

    def assess(self, at: float) -> None:
        """Whether all that is needed works."""
        wanted = [self.track(key) for key in self.needs]
        failing = [one for one in wanted if one.count]
        if failing:
            self.dark(failing)
            self.end = None
        elif self.start is not None and self.end is None and all(one.good is not None for one in wanted):
            floor = lower = upper = self.start[0]
            for one in wanted:
                if one.back is not None and one.back[1] > floor:
                    upper = max(upper, one.back[1])
                    if one.last_bad is not None and floor < one.last_bad <= one.back[1]:
                        lower = max(lower, one.last_bad)
            if upper <= floor:
                upper = at
            if self.declared or self.moved:
                self.end = (max(lower, floor), max(upper, self.start[1]))
            else:
                # Over before it was declared, so not this incident yet, which tells itself what has to work when it begins.
                self.start, self.needs = None, []


def achieved(loss: Row) -> Loss:
    """The loss of a move from its markers."""
    markers, stop, point = loss["markers"], loss["stop"], loss.get("proven")
    earlier = loss.get("earlier", ())
    acked = [one for one in markers if one[2] is not None]
    there = sum(bool(one[3]) for one in acked)
    counts = (len(acked) - there, there, len(markers) - len(acked))
    if not acked:
        whole = point is not None and all(point <= lower for lower, _, _ in earlier)
        return (0.0, max(0.0, stop - point)) if whole and point is not None else None, 0.0, counts
    hole = next((at for at, one in enumerate(acked) if not one[3]), None)
    if hole is None:
        lower, point, known = 0.0, acked[-1][1], acked[-1][2]
    else:
        # An older exporter counted to the last acknowledgement, and said so.
        until = 1 if loss.get("last") == "sent" else 2
        lower = longest(acked, earlier, until) if earlier else max(0.0, acked[-1][until] - acked[hole][2])
        known = point
        if hole or "proven" not in loss:  # an older exporter counted from the oldest marker, and said so
            _, point, known, _ = acked[max(0, hole - 1)]
        elif point is not None and point > acked[0][2]:
            point = None  # the marker that was lost disproves it
    more = None if point is None else ends(acked, known, earlier)
    return None if more is None else (lower, max(lower, max(0.0, stop - point) + more)), lower, counts


def longest(acked: Sequence[Any], earlier: Sequence[Sequence[float]], until: int) -> float:
    """Of several epochs that are judged together: the longest time between two lost markers of one, with none that survived
    between them. One that either of two may have taken dates nothing. `until`: the column that dates the later one."""
    most, begun, of = 0.0, None, -1
    for one in acked:
        _, sent, acknowledged, there = one
        if there or any(lower < acknowledged and sent <= upper for lower, upper, _ in earlier):
            begun = None
            continue
        epoch = sum(sent > upper for _, upper, _ in earlier)
        if begun is None or epoch != of:
            begun, of = acknowledged, epoch
        most = max(most, one[until] - begun)
    return most


def ends(acked: Sequence[Any], known: float, earlier: Sequence[Sequence[float]]) -> float | None:
    """Seconds at the ends of epochs before `known` of which no marker tells; None if one had none at all."""
    found: dict[float, float] = {}
    for lower, _, stop in earlier:
        if lower >= known:
            continue
        sent = [one[1] for one in acked if one[2] <= lower]
        if not sent:
            return None
        found[max(sent)] = max(found.get(max(sent), 0.0), stop - max(sent))
    return sum(found.values())


def added(first: Loss | None, row: Row) -> Loss:
    """What the moves of a component up to this one lost together."""
    found = achieved(row)
    if first is None or "proven" not in row:  # an older exporter told of the last move alone
        return found
    (bounds, at_least, counts), (further, more, last) = first, found
    summed = (counts[0] + last[0], last[1], counts[2] + last[2])
    whole = None
    if bounds is not None and further is not None and counts[0] + counts[1] > 0:
        whole = (max(bounds[0], further[0]), bounds[1] + further[1])
    return whole, max(at_least, more), summed


def together(losses: Sequence[Loss]) -> Loss:
    """What several components lost: as many seconds as the one that lost more, and the markers of all."""
    known = [bounds for bounds, _, _ in losses if bounds is not None]
    whole = None
    if len(known) == len(losses):
        whole = (max(lower for lower, _ in known), max(upper for _, upper in known))
    lost, there, unknown = (sum(counts[at] for _, _, counts in losses) for at in range(3))
    return whole, max(at_least for _, at_least, _ in losses), (lost, there, unknown)


def verdict(bounds: Span | None, objective: float | None) -> str:
    """`met` only if even the upper bound keeps the objective, `missed` only if even the lower bound breaks it."""
    if objective is None:
        return "no_objective"
    if bounds is None:
        return "not_proven"
    if bounds[1] <= objective:
        return "met"
    return "missed" if bounds[0] > objective else "not_proven"


def on_rpo(bounds: Span | None, at_least: float, lost: int, kept: bool, objective: float | None) -> str:
    """The verdict on an RPO: one of 0 is judged by the count, if there is anything to count. `kept`: of each component some that
    were acknowledged survived or were lost."""
    if objective == 0 and (lost or (kept and bounds is not None)):
        return "missed" if lost else "met"
    return verdict((at_least, float("inf")) if bounds is None else bounds, objective)
