"""The boards, in the order in which they are listed."""

from collections.abc import Callable

from dashboards.backups import backups
from dashboards.exporter_health import exporter_health
from dashboards.failovers import failovers
from dashboards.frame import Board
from dashboards.overview import overview
from dashboards.scope import Feature, Scope
from dashboards.sla import sla
from dashboards.system import system

BOARDS: tuple[tuple[Callable[[Scope], Board], frozenset[Feature]], ...] = (
    (overview, frozenset()),
    (system, frozenset()),
    (failovers, frozenset()),
    (sla, frozenset()),
    (backups, frozenset({Feature.BACKUPS, Feature.PARITY, Feature.KPIS})),
    (exporter_health, frozenset()),
)
"""Each board, and the features of which it needs at least one."""


def boards(scope: Scope) -> list[Board]:
    """Those that have something to show."""
    return [make(scope) for make, needs in BOARDS if not needs or needs & scope.features]
