"""Active-active systems: what is told of them where components, sites or restarts differ, and what it may not claim."""

from dataclasses import replace

from exporter.core.model import Component, Facts, Instant, Part, Reason, Role
from exporter.core.readings import writable_expected, writable_sites
from exporter.core.state import Mode
from tests.core.filming import HK, SG
from tests.core.test_active import BOTH, DEAD, Two

STORE = Component("database", critical=True, stateful=True)
PLAIN = replace(BOTH, components={"database": STORE}, parts=frozenset({HK, SG}), entry_tells_site=False)
"""Two sites with one database, no entry and no canary."""
QUEUE_AT_HK, QUEUE_AT_SG = Part("hk", "queue"), Part("sg", "queue")
QUEUED = replace(
    PLAIN,
    components={"database": STORE, "queue": Component("queue", critical=True, stateful=True)},
    parts=frozenset({HK, SG, QUEUE_AT_HK, QUEUE_AT_SG}),
)


class Sites(Two):
    """Looks at single parts, and markers to single sites."""

    def all(self, at: Instant, **reasons: Reason) -> None:
        """One look at each part; those whose component or site is named fail."""
        for part in sorted(self.system.parts):
            self.part(part, at, reasons.get(part.site, reasons.get(part.component)))

    def part(self, part: Part, at: Instant, reason: Reason | None = None) -> None:
        self.one(part, at, reason, Facts(Role.PRIMARY, writable=True) if part.site else Facts())


# --- how many sites take writes


def test_the_component_that_takes_writes_at_fewest_sites_counts() -> None:
    """A database that is well hides no queue that takes writes at one site, or at none."""
    film = Sites(QUEUED)
    for tick in range(1, 4):
        film.all(float(tick))
    assert writable_sites(QUEUED, film.state) == 2
    film.part(QUEUE_AT_SG, 4.0, DEAD)
    assert writable_sites(QUEUED, film.state) == 1
    for tick in range(5, 9):
        for part in (QUEUE_AT_HK, QUEUE_AT_SG):
            film.part(part, float(tick), Reason.READ_ONLY)
    assert (writable_sites(QUEUED, film.state), film.state.mode) == (0, Mode.OUTAGE)


def test_as_many_sites_are_expected_as_there_can_be() -> None:
    """A queue that is at one site only takes writes at one when all is well; elsewhere it is one site, or each."""
    alone = replace(QUEUED, parts=QUEUED.parts - {QUEUE_AT_SG})
    film = Sites(alone)
    film.all(1.0)
    assert writable_expected(alone) == writable_sites(alone, film.state) == 1
    standby = replace(PLAIN, mode="active-standby")
    stateless = replace(PLAIN, components={"database": replace(STORE, stateful=False)})
    assert [writable_expected(system) for system in (PLAIN, standby, stateless)] == [2, 1, None]
