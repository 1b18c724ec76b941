"""What is amiss with a system that serves: nothing that stops it, but something that a disaster would find."""

from exporter.core.active import lost_sites
from exporter.core.checks import kpi_low, kpi_sentence
from exporter.core.model import Instant, System
from exporter.core.readiness import readiness
from exporter.core.readings import part_of
from exporter.core.state import SystemState


def complaint(system: System, state: SystemState, now: Instant) -> str | None:
    """Why it is only degraded, in words; None when all is well."""
    for component in system.components.values():
        if component.critical:
            continue
        role = state.roles.get(component.name) if component.stateful else None
        here = state.believed if role is None else role.site
        for site in system.sites if system.active_active else (here,):
            part = part_of(component, site)
            seen = state.parts.get(part)
            if seen is not None and seen.serve.count >= system.policy.declare_after:
                return f"{part} fails: {seen.serve.reason}"
    contested = [name for name, contest in state.contests.items() if contest.declared]
    if contested:
        return f"{' and '.join(contested)} {'takes' if len(contested) == 1 else 'take'} writes at two sites"
    for name, kpi in system.kpis.items():
        if kpi_low(kpi, state.kpis.get(name)):
            return kpi_sentence(kpi, state.kpis[name])
    if system.active_active:
        lost = lost_sites(state)
        return f"{' and '.join(lost)} is lost" if lost else None
    return _no_standby(system, state, now)


def _no_standby(system: System, state: SystemState, now: Instant) -> str | None:
    """A standby that was never looked at yet is waited for; one that fails a check is not ready."""
    faults: list[str] = []
    for site in system.sites:
        if site == state.believed or not _matters(system, site):
            continue
        checks = readiness(system, state, site, now)
        if not checks or all(checks.values()):
            return None
        faults.append(f"{site} ({', '.join(name for name, good in checks.items() if not good)})")
    return f"no standby is ready: {'; '.join(faults)}" if faults else None


def _matters(system: System, site: str) -> bool:
    """Whether anything critical is looked at there."""
    for component in system.components.values():
        if component.critical and not component.dependency and part_of(component, site) in system.parts:
            return True
    return False
