"""What is asked now and then beside the looks: backups, parity, business figures, and the third parties a system needs."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import Field, PlainSerializer, PlainValidator

from exporter.config.endpoints import Endpoint, Kind, Named, Source, check_secrets, endpoint, told
from exporter.config.problem import Path
from exporter.config.report import Report, nearest, quoted
from exporter.config.schema import Count, Flag, Look, Name, Number, SystemSection
from exporter.config.validate import validate
from exporter.core.model import Backup, Component, Kpi, Parity, Part
from exporter.settings import Duration, DurationOrZero, Ratio, Settings, parse_ratio

S = TypeVar("S", bound=Settings)
T = TypeVar("T")


class Tolerance(NamedTuple):
    """By how much two numbers may differ: absolute, or a share of the serving site's."""

    amount: float = 0.0
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.amount * 100:g}%" if self.relative else f"{self.amount:g}"


def _tolerance(value: object) -> Tolerance:
    if isinstance(value, str) and value.endswith("%"):
        return Tolerance(parse_ratio(value), relative=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        raise ValueError(f"{str(value)[:40]!r} is not a tolerance; write a number like 0 or 5, or a share like 1%")
    return Tolerance(float(value))


def _normal(value: object) -> float | Literal["last_week"]:
    if value == "last_week":
        return "last_week"
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise ValueError(f"{str(value)[:40]!r} is not a normal; write a number like 1200, or last_week")
    return float(value)


class BackupSection(Settings):
    """What was promised of a backup; beside these keys stands its source."""

    site: Name | None = None
    component: Name | None = None
    every: Duration | None = None
    versions: Count | None = None
    verify_every: Duration | None = None
    check_every: Look = 300.0
    timeout: Look = 60.0


class ParitySection(Settings):
    """A question to all sites of a component; beside these keys stands what is asked."""

    component: Name
    tolerance: Annotated[Tolerance, PlainValidator(_tolerance), PlainSerializer(str, return_type=str)] = Tolerance()
    delay: DurationOrZero = 10.0
    every: Look = 60.0
    timeout: Look = 10.0


class KpiSection(Settings):
    """A business figure; beside these keys stands what is asked, of a component or of a URL of its own."""

    component: Name | None = None
    normal: Annotated[float | Literal["last_week"], PlainValidator(_normal)] | None = None
    at_least: Ratio | None = None
    every: Look = 30.0
    timeout: Look = 10.0


class DependencySection(Settings):
    """Something that others run; beside these keys stands how it is looked at."""

    critical: Flag = False
    weight: Number = Field(default=1.0)


class BackupPlan(NamedTuple):
    """How to inspect a backup: the source of this name with these settings."""

    source: str
    settings: Settings
    verified: Settings | None
    every: float
    """Seconds between two inspections."""
    timeout: float


class Asked(NamedTuple):
    """One question: to the endpoint of a part, or (None) to nobody but what the question itself names."""

    kind: str
    settings: Settings
    part: Part | None


class QuestionPlan(NamedTuple):
    """The same question at several sites; "" is the only one of a figure that belongs to no site."""

    asked: Mapping[str, Asked]
    every: float
    timeout: float


class Inspections(NamedTuple):
    """All of it, of one system: as core sees it, and how it is asked."""

    backups: Mapping[str, tuple[Backup, BackupPlan]] = {}
    parity: Mapping[str, tuple[Parity, QuestionPlan]] = {}
    kpis: Mapping[str, tuple[Kpi, QuestionPlan]] = {}
    dependencies: Mapping[str, tuple[Component, Endpoint]] = {}


class _Reader:
    """Reads these sections of one system; what is wrong is reported and left out."""

    def __init__(
        self,
        name: str,
        section: SystemSection,
        endpoints: Mapping[Part, Endpoint],
        kinds: Mapping[str, Kind],
        sources: Mapping[str, Source],
        report: Report,
    ) -> None:
        self._at: Path = ("systems", name)
        self._section = section
        self._endpoints = endpoints
        self._kinds = kinds
        self._sources = sources
        self._report = report

    def read(self) -> Inspections:
        section = self._section
        return Inspections(
            _sound(section.backups, self._backup),
            _sound(section.parity, self._parity),
            _sound(section.kpis, self._kpi),
            _sound(section.dependencies, self._dependency),
        )

    def _backup(self, name: str, raw: Any) -> tuple[Backup, BackupPlan] | None:
        path = (*self._at, "backups", name)
        mine = self._own(BackupSection, raw, path, self._sources)
        if mine is None:
            return None
        own, rest = mine
        self._known_site(own.site, path)
        self._known_component(own.component, path)
        example = '{restic: {command: ["restic", "snapshots", "--json"]}}'
        verified = rest.pop("verified", None)
        found = told(rest, path, self._sources, self._report, "tells about it", example)
        if found is None:
            return None
        proof = None
        if verified is not None:
            model = self._sources[found[0]].verified
            proof = validate(model, verified, (*path, "verified"), self._report)
            if proof is not None:
                check_secrets(proof, (*path, "verified"), self._report)
        backup = Backup(name, own.site or "", own.component, own.every, own.versions, own.verify_every)
        return backup, BackupPlan(*found, proof, own.check_every, own.timeout)

    def _parity(self, name: str, raw: Any) -> tuple[Parity, QuestionPlan] | None:
        path = (*self._at, "parity", name)
        mine = self._own(ParitySection, raw, path)
        if mine is None:
            return None
        own, rest = mine
        asked = self._questions(own.component, rest, path)
        if asked is None:
            return None
        if len(asked) < 2:
            text = f"'{own.component}' is looked at at fewer than two sites; there is nothing to compare"
            self._report.error((*path, "component"), text)
            return None
        parity = Parity(name, own.component, tuple(asked), *own.tolerance, own.delay)
        return parity, QuestionPlan(asked, own.every, own.timeout)

    def _kpi(self, name: str, raw: Any) -> tuple[Kpi, QuestionPlan] | None:
        path = (*self._at, "kpis", name)
        mine = self._own(KpiSection, raw, path, self._askable())
        if mine is None:
            return None
        own, rest = mine
        asked: Mapping[str, Asked] | None
        if own.component is not None:
            asked = self._questions(own.component, rest, path)
        else:
            example = '{http: {url: "http://10.1.0.7/kpi", json: $.value}}'
            found = told(rest, path, self._askable(), self._report, "can be asked for it", example)
            asked = None if found is None else {"": Asked(*found, None)}
        if asked is None:
            return None
        if own.at_least is not None and own.normal is None:
            text = "a share of what? add `normal: 1200`, or `normal: last_week`"
            self._report.error((*path, "at_least"), text, at_key=True)
        normal = None if isinstance(own.normal, str) else own.normal
        return Kpi(name, normal, own.at_least, own.normal == "last_week"), QuestionPlan(asked, own.every, own.timeout)

    def _dependency(self, name: str, raw: Any) -> tuple[Component, Endpoint] | None:
        path = (*self._at, "dependencies", name)
        if name in self._section.components or name == "entry":
            text = "there is a component of this name already; give one of them another name"
            self._report.error(path, text, at_key=True)
        mine = self._own(DependencySection, raw, path, self._kinds)
        if mine is None:
            return None
        own, rest = mine
        found = endpoint(Part("", name), rest, path, self._kinds, self._report)
        if found is None:
            return None
        return Component(name, own.critical, own.weight, dependency=True), found

    # --- the pieces

    def _own(self, model: type[S], raw: Any, path: Path, others: Iterable[str] = ()) -> tuple[S, dict[str, Any]] | None:
        """Our own keys, read, and the rest, which belongs to somebody else."""
        if not isinstance(raw, dict):
            self._report.error(path, "this is not a mapping of keys; write it like {key: value}")
            return None
        mine = {key: value for key, value in raw.items() if key in model.written_keys() and key not in others}
        rest = {key: value for key, value in raw.items() if key not in mine}
        own = validate(model, mine, path, self._report)  # which takes out of `mine` what is wrong
        return None if own is None else (own, rest)

    def _known_site(self, site: str | None, path: Path) -> None:
        sites = self._report.names(*self._at, "sites")
        if site is not None and site not in sites:
            self._report.error((*path, "site"), f"'{site}' is not among the sites; {nearest(site, sites)}")

    def _known_component(self, component: str | None, path: Path) -> bool:
        components = self._report.names(*self._at, "components")
        if component is None or component in components:
            return True
        text = f"'{component}' is not among the components; {nearest(component, components)}"
        self._report.error((*path, "component"), text)
        return False

    def _askable(self) -> dict[str, Named]:
        """Kinds that can be asked without an endpoint: the question names whom."""
        asked = {name: kind.question.alone for name, kind in self._kinds.items() if kind.question}
        return {name: alone for name, alone in asked.items() if alone is not None}

    def _questions(self, component: str, raw: dict[str, Any], path: Path) -> dict[str, Asked] | None:
        """The question as each site's endpoint of the component understands it."""
        if not self._known_component(component, path):
            return None
        mine = [one for part, one in self._endpoints.items() if part.component == component and part.site]
        asked: dict[str, Asked] = {}
        for one in mine:
            question = self._kinds[one.kind].question
            if question is None:
                can = quoted(sorted(name for name, kind in self._kinds.items() if kind.question))
                text = f"the {one.kind} endpoint at '{one.part.site}' cannot be asked; choose a component of kind {can}"
                self._report.error((*path, "component"), text)
                return None
            settings = validate(question.settings, deepcopy(raw), path, self._report)
            if settings is None:
                return None
            check_secrets(settings, path, self._report)
            asked[one.part.site] = Asked(one.kind, settings, one.part)
        return asked


def _sound(sections: Mapping[str, Any], read: Callable[[str, Any], T | None]) -> dict[str, T]:
    found = {name: read(name, raw) for name, raw in sections.items()}
    return {name: one for name, one in found.items() if one is not None}


def inspections_of(
    name: str,
    section: SystemSection,
    endpoints: Mapping[Part, Endpoint],
    kinds: Mapping[str, Kind],
    sources: Mapping[str, Source],
    report: Report,
) -> Inspections:
    """What can be used of these sections of a system; what is wrong with the others is reported."""
    return _Reader(name, section, endpoints, kinds, sources, report).read()
