"""Which systems are asked for: `?tier=&site=&system=`, each as often as wanted."""

from typing import NamedTuple

from aiohttp import web

from exporter.core.model import System


class Selection(NamedTuple):
    """Empty sets select everything; of each kind one has to fit. Equal ones can share what is made for them."""

    tiers: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()

    def admits(self, system: System) -> bool:
        """A system is at all the sites that it is configured with, wherever it serves."""
        return (
            (not self.tiers or system.tier in self.tiers)
            and (not self.sites or not self.sites.isdisjoint(system.sites))
            and (not self.systems or system.name in self.systems)
        )


def selection(request: web.Request) -> Selection:
    """As it stands in the request's query."""
    return Selection(*(frozenset(request.query.getall(name, [])) for name in ("tier", "site", "system")))
