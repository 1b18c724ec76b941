"""What several boards ask: state, exposure and outage clock, and their shares of the objectives."""

from dashboards import marks
from dashboards.expressions import SAME_EVENT
from dashboards.promql import EXPORTER, cases, is_, promised, ranked, select, share, worst, worst_rank
from exporter.catalogue import metrics as m

SITE_LOSS, CORRUPTION = 'scenario="site_loss"', 'scenario="data_corruption"'


def state(*systems: str) -> str:
    """Rank of the state of each system, worst highest."""
    return worst_rank(ranked(select(m.STATE, *systems), "state", marks.STATES))


def rpo(scenario: str, *systems: str) -> str:
    return worst(select(m.RPO, scenario, *systems))


def rpo_share(scenario: str, *systems: str) -> str:
    return share(rpo(scenario, *systems), promised(m.RPO_OBJECTIVE, scenario, *systems))


def rto(*systems: str) -> str:
    return worst(select(m.RTO, *systems))


def rto_share(*systems: str) -> str:
    return share(rto(*systems), promised(m.RTO_OBJECTIVE, *systems))


def ready(*systems: str) -> str:
    """1 for each system of which a standby site could take over now; the serving site is none."""
    return f"max by (system) ({worst_rank(select(m.SITE_READY, *systems), 'system, site', 'min')})"


def serving(*systems: str) -> str:
    """Each system once, with the site that serves it as `site`: its name, several, or nowhere."""
    serves = worst_rank(select(m.SERVING_SITE, *systems), "system, site")
    count = f"sum by (system) ({serves})"
    return cases(
        f"({serves} == 1) and on (system) ({count} == 1)",
        "site",
        {"several": f"{count} > 1", "nowhere": f"{count} == 0"},
    )


def newest(series: str, systems: str, end: m.Metric = m.LAST_END) -> str:
    """Only of the exporters whose event is the newest of its system, by its end: one that was away tells of an older one,
    and the figures of two events must not stand beside each other."""
    ended = select(end, systems)
    young = f"{ended} > on (system) group_left () (max by (system) ({ended}) - {SAME_EVENT})"
    return f"({series} and on (system, {EXPORTER}) {young})"


def last(metric: m.Metric, systems: str, *matchers: str) -> str:
    """Of the newest event."""
    return f"max by (system) ({newest(select(metric, systems, *matchers), systems)})"


def last_loss(metric: m.Metric, systems: str, *matchers: str) -> str:
    """Of the newest event that is proven to have lost acknowledged writes."""
    return f"max by (system) ({newest(select(metric, systems, *matchers), systems, m.LAST_LOSS_END)})"


def verdict(objective: str, systems: str) -> str:
    """Rank of the verdict on an objective, `rto` or `rpo`."""
    judged = newest(select(m.LAST_VERDICT, systems, is_("objective", objective)), systems)
    return f"max by (system) ({ranked(judged, 'verdict', marks.VERDICTS)})"


def until(metric: m.Metric, *matchers: str, by: str = "system") -> str:
    """Seconds until the time that the metric tells; negative once it is past."""
    return f"min by ({by}) ({select(metric, *matchers)}) - time()"


def since(metric: m.Metric, *matchers: str, by: str = "system", how: str = "max") -> str:
    """Seconds since the time that the metric tells."""
    return f"time() - {how} by ({by}) ({select(metric, *matchers)})"


def milliseconds(expression: str) -> str:
    """Unix seconds as Grafana wants a date."""
    return f"1000 * ({expression})"
