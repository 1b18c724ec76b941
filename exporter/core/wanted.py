"""Which incidents somebody asks for, out of those that are open and those in the ledger alike."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.core.past import Kind


class Wanted(NamedTuple):
    """All that is given has to fit. Times are Unix seconds: an incident fits if any of it lies between them."""

    system: str | None = None
    blips: bool = False
    """Outages that ended before they were declared too."""
    kinds: frozenset[str] = frozenset()
    """Any of these; empty: all. `blip` stands for `blips`."""
    since: float | None = None
    until: float | None = None
    drill: str | None = None
    """`true`: in any drill, `false`: in none, else the id of one."""

    @property
    def record_kinds(self) -> tuple[str, ...]:
        """The kinds of records among which they are."""
        return ("incident", "blip") if self.blips or Kind.BLIP in self.kinds else ("incident",)

    def admits(self, told: Mapping[str, Any]) -> bool:
        """Whether an incident, as JSON, fits; an open one has no end yet. Does not look at `blips`."""
        drill, end = told.get("drill"), told.get("end")
        in_drill = {None: True, "true": drill is not None, "false": drill is None}.get(self.drill, drill == self.drill)
        return (
            self.system in (None, told["system"])
            and (not self.kinds or told["kind"] in self.kinds)
            and (self.since is None or end is None or end["upper"] >= self.since)
            and (self.until is None or told["start"]["lower"] < self.until)
            and in_drill
        )
