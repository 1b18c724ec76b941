"""The measured outages as rows of the table: what is promised, then by length and by fault what it comes from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.bench.breakable import FAULTS
from tests.bench.judged import Ours, Told, median, percentile
from tests.bench.rig import Row

USUAL = 5
"""Seconds between two samples of those that the promises are held against."""
WHOSE = f"blackbox + Prometheus at {USUAL} s"
LENGTHS = (0.5, 1, 2, 3, 5, 10, 20, 45, 90)
"""Seconds; each outage is within 2 % of one of them."""
FOLDS = 5
"""Parts of the services, each with ratios of its own: their spread."""


class Found(NamedTuple):
    """All that one run brought."""

    ours: list[Ours]
    theirs: Mapping[int, list[Told]]
    """By the interval."""
    cpu: Mapping[int, float]
    """Cores in these minutes; 0 is ours."""
    calm: Mapping[int, float]
    """The same before the first outage."""
    lasted: float
    """Seconds."""
    false: int
    """Incidents of ours that tell of no outage."""
    left_out: int
    """Outages near which the services stood still."""

    def sides(self) -> Mapping[int, list[Told]]:
        """By the interval; 0 is ours."""
        return {0: [one.told for one in self.ours], **self.theirs}


def rows(found: Found) -> Iterator[Row]:
    """What is promised first."""
    mine, usual = found.sides()[0], found.theirs[USUAL]
    for name, of, limit in (("median", median, 0.2), ("maximum", max, 0.15)):
        words = f"{of(_errors(mine)):.2f} s, theirs {of(_errors(usual)):.2f} s; {len(mine):,} outages, {found.left_out} left out"
        yield Row(f"error of the measured outage, {name}, / {WHOSE}", _ratios(mine, usual, of), limit, words=words)
    worst = max(mine, key=lambda one: one.error)
    told_as = "not noticed" if worst.seconds is None else f"told as {worst.seconds:.2f} s"
    words = f"{worst.outage.fault} of {worst.outage.lasted:.2f} s, {told_as}"
    yield Row("largest error of all", [worst.error], None, "s", words)
    yield _unnoticed(found, 2, limit=0)
    told = [one for one in found.ours if one.told.seconds is not None]
    wrong = [one for one in told if one.missed]
    words = "; ".join(f"{', '.join(one.missed)} of {one.told.outage}" for one in wrong)
    yield Row(
        "bounds that miss the truth",
        [len(wrong)],
        0,
        words=f"{len(told) - len(wrong):,} of {len(told):,} hold it {words}",
    )
    yield Row("incidents without an outage", [found.false], 0)
    late = [abs(one.start_error) for one in told if one.told.outage.fault == "crash" and one.start_error is not None]
    words = f"median {median(late) * 1000:.1f} ms, most {max(late) * 1000:.0f} ms, of {len(late)}"
    yield Row("estimated start after a crash, p99 error", [percentile(late, 0.99) * 1000], 5, "ms", words)
    yield _cost(f"CPU while all is well / {WHOSE}", found.calm, 1.0)
    yield _cost(f"CPU of {found.lasted / 60:.0f} min, every service down each half minute / {WHOSE}", found.cpu, None)
    yield from _told_only(found)


def _told_only(found: Found) -> Iterator[Row]:
    """What nothing is promised of."""
    sides = found.sides()
    noticed = {side: [one.noticed for one in told if one.noticed is not None] for side, told in sides.items()}
    yield _delay("fault to first doubt on the stream, theirs to first failed sample", noticed)
    declared = {side: [one.declared for one in told if one.declared is not None] for side, told in sides.items()}
    yield _delay("fault to outage on the stream, theirs to alert without `for`", declared)
    yield _unnoticed(found, 0.5)
    yield _unnoticed(found, 1)
    for length in LENGTHS:
        yield _errors_of(f"{length:g} s", found, lambda one, length=length: _planned(one) == length)  # type: ignore[misc]  # mypy does not infer a lambda with a default
    for fault in FAULTS:
        yield _errors_of(fault, found, lambda one, fault=fault: one.outage.fault == fault)  # type: ignore[misc]  # mypy does not infer a lambda with a default


def _errors(told: Sequence[Told]) -> list[float]:
    return [one.error for one in told]


def _ratios(mine: Sequence[Told], usual: Sequence[Told], of: Callable[[list[float]], float]) -> list[float]:
    """The ratio of all, between the least and the most of the parts of the services."""
    ratios = [of(_errors(mine)) / of(_errors(usual))]
    for fold in range(FOLDS):
        part = [at for at, one in enumerate(mine) if one.outage.service % FOLDS == fold]
        ratios.append(of([mine[at].error for at in part]) / of([usual[at].error for at in part]))
    return [min(ratios), ratios[0], max(ratios)]


def _unnoticed(found: Found, length: float, limit: float | None = None) -> Row:
    shares = {side: _unseen([one for one in told if _planned(one) == length]) for side, told in found.sides().items()}
    words = "theirs " + ", ".join(f"{shares[every]:.0f} % at {every} s" for every in found.theirs)
    return Row(f"{length:g} s outages that nobody noticed", [shares[0]], limit, "%", words)


def _unseen(told: Sequence[Told]) -> float:
    """Percent."""
    return 100 * sum(one.seconds is None for one in told) / max(1, len(told))


def _delay(name: str, sides: Mapping[int, list[float]]) -> Row:
    said = [f"{_name(side)} {median(each):.2f} (p99 {percentile(each, 0.99):.2f})" for side, each in sides.items()]
    return Row(name, [min(sides[0]), median(sides[0]), max(sides[0])], None, "s", "; ".join(said))


def _cost(name: str, cores: Mapping[int, float], limit: float | None) -> Row:
    words = ", ".join(f"{_name(side)} {spent * 100:.1f} %" for side, spent in cores.items())
    return Row(name, [cores[0] / cores[USUAL]], limit, words=f"of a core: {words}")


def _name(side: int) -> str:
    return f"theirs at {side} s" if side else "ours"


def _errors_of(name: str, found: Found, chosen: Callable[[Told], bool]) -> Row:
    """Median, between the least and the most."""
    words = []
    for side, told in found.sides().items():
        those = [one for one in told if chosen(one)]
        if not those:
            return Row(f"error of {name} outages (0)", [0.0], None, "s")
        middle, most = median(_errors(those)), max(_errors(those))
        words.append(f"{_name(side)} {middle:.2f} (most {most:.2f}, {_unseen(those):.0f} % not noticed)")
    mine = _errors([one for one in found.sides()[0] if chosen(one)])
    return Row(
        f"error of {name} outages ({len(mine)})", [min(mine), median(mine), max(mine)], None, "s", "; ".join(words)
    )


def _planned(one: Told) -> float:
    """The round length of which the planned one is a variation."""
    return float(min(LENGTHS, key=lambda length: abs(length - one.outage.length)))
