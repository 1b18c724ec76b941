"""What all boards have in common: variables, links, and how panels are laid out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafanalib.core import (
    Annotations,
    Dashboard,
    DashboardLink,
    GridPos,
    RowPanel,
    Template,
    Templating,
    Time,
    TimePicker,
)

from dashboards.panels import Placed
from dashboards.promql import SCOPE
from dashboards.scope import Scope
from exporter.catalogue import metrics as m

TAG = "rto-rpo"
OVERVIEW, SYSTEM, FAILOVERS, SLA, BACKUPS, EXPORTER = (
    "dr-overview",
    "dr-system",
    "dr-failovers",
    "dr-sla",
    "dr-backups",
    "dr-exporter",
)
"""The boards' uids: they never change, because people bookmark them and alerts link to them."""

ADDRESS_VARIABLE = "exporter_url"
WIDTH = 24
REFRESHES = ["5s", "10s", "30s", "1m", "5m", "15m", "1h"]
ALL = ".+"

ONE = 'system=~"$system"'
"""The systems that are chosen at the top of the board."""

_KEPT = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "job", "instance", ADDRESS_VARIABLE))


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a title; without a title they simply come first."""

    title: str
    placed: Sequence[Placed]


@dataclass(frozen=True, slots=True)
class Board:
    """What one board is, before it is laid out."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    system: str = ""
    """Whether systems can be chosen: "one", "many", or not at all."""
    since: str = "now-6h"
    refresh: str = "30s"
    annotations: Sequence[Mapping[str, Any]] = ()
    links: Sequence[DashboardLink] = ()
    variables: Sequence[Template] = ()
    """Those that only this board has."""


def link_to(board: str, title: str, header: str) -> dict[str, Any]:
    """From a cell that names a system, in the column with this header, to a board about it; keeps time and variables."""
    url = f"/d/{board}?var-system=${{__data.fields.{header}:percentencode}}&${{__url_time_range}}&{_KEPT}"
    return {"title": title, "url": url, "targetBlank": False}


def page_of(header: str) -> dict[str, Any]:
    """From a cell that names a system to the exporter's own page about it, with its incident."""
    url = f"${{{ADDRESS_VARIABLE}}}/systems/${{__data.fields.{header}:percentencode}}"
    return {"title": "Its page, with the incident", "url": url, "targetBlank": True}


def system_links(header: str) -> list[dict[str, Any]]:
    return [link_to(SYSTEM, "Show the system", header), page_of(header)]


def dashboard(board: Board, scope: Scope) -> Dashboard:
    """The board as grafanalib has it; it still needs to be normalised."""
    return Dashboard(
        title=board.title,
        uid=board.uid,
        description=board.description,
        tags=[TAG],
        editable=False,
        graphTooltip=1,
        timezone="browser",
        refresh=board.refresh,
        time=Time(board.since, "now"),
        timePicker=TimePicker(refreshIntervals=REFRESHES, timeOptions=[]),
        templating=Templating(list=_variables(board, scope)),
        annotations=Annotations(list=list(board.annotations)),
        links=[*_links(), *board.links],
        panels=list(_laid_out(board.sections)),
    ).auto_panel_ids()


def _variables(board: Board, scope: Scope) -> list[Template]:
    chosen = [
        Template(name="datasource", label="Data source", type="datasource", query="prometheus", default="default"),
        _query("job", f"label_values({m.BUILD_INFO.name}, job)"),
        _query("instance", f'label_values({m.BUILD_INFO.name}{{job=~"$job"}}, instance)'),
    ]
    if board.system:
        known = f"label_values({m.SYSTEM_INFO.name}{{{SCOPE}}}, system)"
        chosen.append(_query("system", known, many=board.system == "many", default=(scope.systems or ("",))[0]))
    address = Template(
        name=ADDRESS_VARIABLE, label="Exporter", type="textbox", query=scope.address, default=scope.address
    )
    return [*chosen, *board.variables, address]


def _query(name: str, query: str, *, many: bool = True, default: str = "") -> Template:
    return Template(
        name=name,
        label=name.title(),
        query=query,
        dataSource="$datasource",
        multi=many,
        includeAll=many,
        allValue=ALL if many else None,
        default="$__all" if many else default,
    )


def _links() -> list[DashboardLink]:
    tagged = DashboardLink(
        title="Recovery", type="dashboards", tags=[TAG], keepTime=True, includeVars=True, icon="dashboard"
    )
    page = DashboardLink(
        title="The exporter's page",
        type="link",
        uri=f"${{{ADDRESS_VARIABLE}}}/",
        keepTime=False,
        targetBlank=True,
        tooltip="What the exporter itself shows, whether or not Prometheus and Grafana are there",
    )
    return [tagged, page]


def _laid_out(sections: Sequence[Section]) -> Iterator[Any]:
    """From left to right, in lines as high as their highest panel; a section without panels is left out."""
    top = 0
    for section in sections:
        if not section.placed:
            continue
        if section.title:
            yield RowPanel(title=section.title, gridPos=GridPos(h=1, w=WIDTH, x=0, y=top))
            top += 1
        left = highest = 0
        for placed in section.placed:
            if left + placed.width > WIDTH:
                top, left, highest = top + highest, 0, 0
            placed.panel.gridPos = GridPos(h=placed.height, w=placed.width, x=left, y=top)
            yield placed.panel
            left, highest = left + placed.width, max(highest, placed.height)
        top += highest
