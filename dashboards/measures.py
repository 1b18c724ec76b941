"""What several boards ask: state, exposure and outage clock, and their shares of the objectives."""

from dashboards import marks
from dashboards.promql import cases, is_, promised, ranked, select, share, worst, worst_rank
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


def last(metric: m.Metric, *matchers: str) -> str:
    """Of the newest incident or move: exporters that were not there tell nothing."""
    return f"max by (system) ({select(metric, *matchers)})"


def verdict(objective: str, *systems: str) -> str:
    """Rank of the verdict on an objective, `rto` or `rpo`."""
    judged = ranked(select(m.LAST_VERDICT, is_("objective", objective), *systems), "verdict", marks.VERDICTS)
    return f"max by (system) ({judged})"


def until(metric: m.Metric, *matchers: str, by: str = "system") -> str:
    """Seconds until the time that the metric tells; negative once it is past."""
    return f"min by ({by}) ({select(metric, *matchers)}) - time()"


def since(metric: m.Metric, *matchers: str, by: str = "system", how: str = "max") -> str:
    """Seconds since the time that the metric tells."""
    return f"time() - {how} by ({by}) ({select(metric, *matchers)})"


def milliseconds(expression: str) -> str:
    """Unix seconds as Grafana wants a date."""
    return f"1000 * ({expression})"
