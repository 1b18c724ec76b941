"""What no single value tells: homes that are no sites, parts that nobody looks at, promises that cannot be proven.

A check is left out where what it would compare is already known to be wrong.
"""

from collections.abc import Mapping
from typing import TypeAlias

from exporter.config.endpoints import Endpoint, Kind
from exporter.config.problem import Path
from exporter.config.report import Report, nearest, quoted
from exporter.config.schema import File, Probing, SystemSection
from exporter.config.systems import resolved
from exporter.core.model import ENTRY, Part
from exporter.settings import format_duration

Endpoints: TypeAlias = Mapping[Part, Endpoint]


def check_file(file: File, report: Report) -> None:
    """What concerns the whole file."""
    if not report.names("systems") and report.sound(("systems",)):
        report.error(("systems",), "there is no system to watch; write at least one under systems:", at_key=True)
    if not file.exporter.references and report.sound(("exporter", "references")):
        text = "no references; when everything is silent it cannot be told whether we are cut off; add two hosts elsewhere, like tcp://198.51.100.1:443"
        report.warning(("exporter",), text, at_key=True)
    names = [contact.name for contact in file.contacts]
    for index, name in enumerate(names):
        if name in names[:index]:
            report.error(
                ("contacts", index, "name"), f"there is a contact '{name}' already; give each a name of its own"
            )
    _check_probing(("probing",), file.probing, report, report.sound(("probing",)))


def check_system(name: str, file: File, endpoints: Endpoints, kinds: Mapping[str, Kind], report: Report) -> None:
    """What concerns one system. `endpoints` are those that can be used."""
    at: Path = ("systems", name)
    written = file.systems[name]
    section = resolved(written, file)
    _check_tier(at, written, report)
    _check_home(at, written, report)
    _check_sites(at, report)
    _check_components(at, written, report)
    if written.probing.model_fields_set:
        _check_probing((*at, "probing"), section.probing, report, report.sound(("probing",), (*at, "probing")))
    if report.sound((*at, "sites"), (*at, "components"), (*at, "entry")):
        _check_canaries(at, section, endpoints, kinds, report)
        _check_serving(at, section, endpoints, kinds, report)
        _check_named_sites(at, section, endpoints, kinds, report)
        if report.sound((*at, "objectives"), ("tiers", section.tier), ("probing",), (*at, "probing")):
            _check_objectives(at, section, report)


def _check_tier(at: Path, section: SystemSection, report: Report) -> None:
    tiers = {"default", *report.names("tiers")}
    if section.tier not in tiers and report.sound((*at, "tier"), ("tiers",)):
        report.error((*at, "tier"), f"there is no tier '{section.tier}'; {nearest(section.tier, tiers)}")


def _check_home(at: Path, section: SystemSection, report: Report) -> None:
    sites = report.names(*at, "sites")
    if not sites or not report.sound((*at, "home")):
        return
    if "home" not in report.names(*at):
        if len(sites) > 1:
            report.error((*at,), f"'home' is missing; name the site that normally serves: {quoted(sites)}", at_key=True)
    elif section.home not in sites:
        report.error((*at, "home"), f"'{section.home}' is not among the sites; {nearest(section.home, sites)}")


def _check_sites(at: Path, report: Report) -> None:
    sites = report.names(*at, "sites")
    if not sites and report.sound((*at, "sites")):
        text = 'has no site to look at; write at least one, like `sites: {hk: {web: {http: {url: "http://10.1.0.7/healthz"}}}}`'
        report.error((*at, "sites") if "sites" in report.names(*at) else at, text, at_key=True)
    for site in sites:
        if not report.names(*at, "sites", site) and report.sound((*at, "sites", site)):
            report.error(
                (*at, "sites", site),
                "is empty; write at least one component to look at there, or remove the site",
                at_key=True,
            )


def _check_components(at: Path, section: SystemSection, report: Report) -> None:
    sites = report.names(*at, "sites")
    declared = report.names(*at, "components")
    used = {site: report.names(*at, "sites", site) for site in sites}
    if not report.sound((*at, "components")) and not declared:
        return
    for site, components in used.items():
        for component in components:
            if component not in declared:
                text = f"is not declared under components; add it there ({nearest(component, declared)})"
                report.error((*at, "sites", site, component), text, at_key=True)
    for component in declared:
        missing = [site for site, components in used.items() if component not in components]
        path = (*at, "components", component)
        if missing == sites:
            if sites:
                report.error(path, "is looked at nowhere; add a probe for it under a site, or remove it", at_key=True)
        elif missing and component in section.components and section.components[component].critical:
            text = f"is critical, but has no probe at {quoted(missing)}: the system can never be seen to serve from there; add one"
            report.warning(path, text, at_key=True)


def _check_probing(at: Path, probing: Probing, report: Report, comparable: bool) -> None:
    pairs = (("fast_interval", "interval"), ("fast_timeout", "timeout"))
    for smaller, larger in pairs if comparable else ():
        low, high = getattr(probing, smaller), getattr(probing, larger)
        if low > high:
            text = f"{smaller} ({format_duration(low)}) is longer than {larger} ({format_duration(high)}); write at most {format_duration(high)}"
            key = smaller if smaller in report.names(*at) else larger
            report.error((*at, key), text)


def _check_canaries(
    at: Path, section: SystemSection, endpoints: Endpoints, kinds: Mapping[str, Kind], report: Report
) -> None:
    for name, component in section.components.items():
        path = (*at, "components", name)
        mine = [e for part, e in endpoints.items() if part != ENTRY and part.component == name]
        if component.canary is not None:
            unable = [e for e in mine if not kinds[e.kind].canary(e.settings)]
            if unable:
                text = f"the {unable[0].kind} endpoint at '{unable[0].part.site}' cannot store markers; give it a kind or settings that can (postgres; http with canary: {{put, get}}), or remove the canary"
                report.error((*path, "canary"), text, at_key=True)
        elif component.critical and any(kinds[e.kind].stateful(e.settings) for e in mine):
            text = "is critical and keeps data, but has no canary: lost writes cannot be counted, nor a write proven to work; add `canary: {every: 1s}`"
            report.warning(path, text, at_key=True)


def _check_serving(
    at: Path, section: SystemSection, endpoints: Endpoints, kinds: Mapping[str, Kind], report: Report
) -> None:
    has_entry = ENTRY in endpoints
    tells = any(part != ENTRY and kinds[e.kind].stateful(e.settings) for part, e in endpoints.items())
    if len(section.sites) > 1 and section.mode == "active-standby" and not tells and not has_entry:
        text = "nothing tells which site serves; add an entry, or a component that tells its role (postgres; http with role or writable)"
        report.warning(at, text, at_key=True)
    if section.components and not has_entry and not any(c.critical for c in section.components.values()):
        text = "no component is critical and there is no entry: it can never be seen to fail; mark one `critical: true`, or add an entry"
        report.warning(at, text, at_key=True)


def _check_named_sites(
    at: Path, section: SystemSection, endpoints: Endpoints, kinds: Mapping[str, Kind], report: Report
) -> None:
    entry = endpoints.get(ENTRY)
    if entry is None:
        return
    for name in sorted(set(kinds[entry.kind].names_sites(entry.settings)) - set(section.sites)):
        text = f"names a site '{name}', which is not among the sites; {nearest(name, section.sites)}"
        report.error(report.existing((*at, "entry", entry.kind)), text)


def _check_objectives(at: Path, section: SystemSection, report: Report) -> None:
    promised = section.objectives.rpo.get("site_loss")
    finest = 2 * section.probing.interval
    if promised is None or promised >= finest or any(c.canary for c in section.components.values()):
        return
    own: Path = (*at, "objectives", "rpo")
    path = own if "rpo" in report.names(*at, "objectives") else (*at, "tier")
    text = f"promises an RPO of {format_duration(promised)}, but without a canary nothing finer than {format_duration(finest)} (twice the interval) can be proven; add `canary: {{every: 1s}}` to a component"
    report.warning(path, text)
