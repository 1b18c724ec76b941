"""A system as it is written -> a system as core sees it."""

from collections.abc import Mapping
from typing import Any

from exporter.config.endpoints import Endpoint, Kind, endpoint
from exporter.config.inspections import Inspections
from exporter.config.report import Report
from exporter.config.result import SystemConfig
from exporter.config.schema import AccountingSection, File, Probing, Promises, SystemSection
from exporter.core.model import ENTRY, Accounting, Component, Objectives, Part, Policy, System


def endpoints_of(name: str, section: SystemSection, kinds: Mapping[str, Kind], report: Report) -> dict[Part, Endpoint]:
    """Every endpoint of a system that can be used; what is wrong with the others is reported."""
    raw: dict[Part, tuple[Any, tuple[str, ...]]] = {
        Part(site, component): (value, ("systems", name, "sites", site, component))
        for site, components in section.sites.items()
        for component, value in components.items()
    }
    if "entry" in section.model_fields_set:
        raw[ENTRY] = (section.entry, ("systems", name, "entry"))
    found = {part: endpoint(part, value, path, kinds, report) for part, (value, path) in raw.items()}
    return {part: one for part, one in found.items() if one is not None}


def resolved(section: SystemSection, file: File) -> SystemSection:
    """The same with what it inherits filled in: probing and accounting from the file, objectives from its tier, home from its only site."""
    tier = file.tiers.get(section.tier, Promises())
    own = section.objectives
    objectives = tier.model_copy(update=_given(own) | {"rpo": {**tier.rpo, **own.rpo}})
    probing = file.probing.model_copy(update=_given(section.probing))
    accounting = file.accounting.model_copy(update=_given(section.accounting))
    home = section.home or (next(iter(section.sites)) if len(section.sites) == 1 else "")
    inherited = {"objectives": objectives, "probing": probing, "accounting": accounting, "home": home}
    return section.model_copy(update=inherited)


def system_config(
    name: str,
    section: SystemSection,
    endpoints: Mapping[Part, Endpoint],
    inspections: Inspections,
    kinds: Mapping[str, Kind],
) -> SystemConfig:
    """The result for a section that is `resolved` and without errors."""
    promises = section.objectives
    cost = section.cost_per_minute
    parts = {**endpoints, **{found.part: found for _, found in inspections.dependencies.values()}}
    model = System(
        name=name,
        home=section.home,
        sites=tuple(section.sites),
        components=_components(section, endpoints, kinds) | {n: c for n, (c, _) in inspections.dependencies.items()},
        parts=frozenset(parts),
        tier=section.tier,
        owner=section.owner,
        mode=section.mode,
        entry_tells_site=ENTRY in endpoints and kinds[endpoints[ENTRY].kind].tells_site(endpoints[ENTRY].settings),
        objectives=Objectives(
            promises.rto,
            {str(scenario): seconds for scenario, seconds in promises.rpo.items()},
            promises.availability,
            promises.drill_every,
            section.baseline_rto,
        ),
        policy=_policy(section.probing),
        cost_per_minute=cost.amount if cost else None,
        currency=cost.currency if cost else "",
        accounting=Accounting(section.accounting.drills == "count", section.accounting.maintenance == "count"),
        switch_time=section.switch_time,
        backups={key: backup for key, (backup, _) in inspections.backups.items()},
        parity={key: parity for key, (parity, _) in inspections.parity.items()},
        kpis={key: kpi for key, (kpi, _) in inspections.kpis.items()},
    )
    tables = {key: part.canary.table for key, part in section.components.items() if part.canary and part.canary.table}
    return SystemConfig(model, parts, inspections, tables)


def _components(
    section: SystemSection, endpoints: Mapping[Part, Endpoint], kinds: Mapping[str, Kind]
) -> dict[str, Component]:
    mine = [one for part, one in endpoints.items() if part != ENTRY]
    stateful = {one.part.component for one in mine if kinds[one.kind].stateful(one.settings)}
    permissions = {one.part.component for one in mine if kinds[one.kind].permissions(one.settings)}
    return {
        name: Component(
            name,
            part.critical,
            part.weight,
            name in stateful,
            part.canary.every if part.canary else None,
            name in permissions,
        )
        for name, part in section.components.items()
    }


def _policy(probing: Probing) -> Policy:
    return Policy(**{key: getattr(probing, key) for key in Probing.model_fields})


def _given(section: AccountingSection | Probing | Promises) -> dict[str, Any]:
    return {key: getattr(section, key) for key in section.model_fields_set}
