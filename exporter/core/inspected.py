"""What is remembered of the questions that are asked now and then beside the looks: backups, parity, business figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.core.backup import BackupFacts
from exporter.core.model import Instant, Proven, Reason


class Answer(NamedTuple):
    """What a site answered to one question: a number, or a text that is compared as it is. `reason`: it gave none."""

    at: Instant
    """Before it was asked."""
    number: float | None = None
    text: str | None = None
    reason: Reason | None = None
    detail: str = ""
    """A sentence for people; never holds a secret."""

    def differs_from(self, other: "Answer") -> float:
        """By how much two numbers differ; 0 or 1 for anything else."""
        if self.number is not None and other.number is not None:
            return abs(self.number - other.number)
        return float((self.number, self.text) != (other.number, other.text))


@dataclass(frozen=True, slots=True)
class BackupState:
    """One backup, by its newest inspection that went well."""

    facts: BackupFacts | None = None
    """None: never inspected with success."""
    point: Proven | None = None
    """T: every write acknowledged before it is in the backup. The backup's wall clock is taken over to ours."""
    succeeded: Proven | None = None
    """When the newest usable backup was made, on our clock."""
    verified: Proven | None = None
    """When a restore was last verified, whether the backup's own look told it or it was reported to us."""
    seen: Instant | None = None
    """Start of the inspection that told."""
    reason: Reason | None = None
    """Why the newest inspection failed; None: it went well, or there was none yet."""
    detail: str = ""
    gone: Proven | None = None
    """T of what was there last, while nothing usable is there: what it held is exposed again."""


@dataclass(frozen=True, slots=True)
class ParityState:
    """The same question at several sites."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    """By site: the newest."""
    site: str = ""
    """The serving site, to which the others are compared."""
    reference: tuple[Answer, ...] = ()
    """What the serving site answered lately: as far back as a standby may be behind."""
    differences: Mapping[str, float] = field(default_factory=dict)
    """By site: to the nearest of these answers. A site that is not in it did not answer."""
    differs: Mapping[str, Instant] = field(default_factory=dict)
    """By site: since when its answers differ by more than is tolerated, without a break."""
    alike: Mapping[str, bool] = field(default_factory=dict)
    """By site: what was proven last. A difference outlives silence, likeness does not; absent: nothing is proven."""
    lost: bool = False
    """A difference was told, and not yet that all are alike again."""


@dataclass(frozen=True, slots=True)
class KpiState:
    """One business figure."""

    value: float | None = None
    """Of the newest answer; None when that failed."""
    normal: float | None = None
    """What it should be about now; None: unknown."""
    seen: Instant | None = None
    reason: Reason | None = None
    detail: str = ""
    low: bool = False
    """It was told to be below its floor, and not yet to be back."""
