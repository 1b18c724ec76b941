"""The configuration as it takes effect, for people: defaults filled in, secrets masked."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import yaml
from pydantic_core import to_jsonable_python

from exporter.config.endpoints import Endpoint
from exporter.config.inspections import (
    BackupSection,
    DependencySection,
    Inspections,
    KpiSection,
    ParitySection,
    QuestionPlan,
)
from exporter.config.result import Loaded
from exporter.config.schema import File, SystemSection
from exporter.core.model import ENTRY, Part
from exporter.settings import MASK, Settings, is_secret_key, mask


def effective(
    file: File,
    systems: Mapping[str, SystemSection],
    endpoints: Mapping[str, Mapping[Part, Endpoint]],
    inspections: Mapping[str, Inspections],
) -> dict[str, Any]:
    """Plain data of the file with these resolved systems in it, masked."""
    data = _data(file.model_copy(update={"systems": dict(systems)}))
    del data["systems_from"]  # what they hold is in
    for name, parts in endpoints.items():
        for part, one in parts.items():
            shown = {one.kind: _data(one.settings)}
            if part == ENTRY:
                data["systems"][name]["entry"] = shown
            else:
                data["systems"][name]["sites"][part.site][part.component] = shown
    for name, mine in inspections.items():
        data["systems"][name] |= _inspected(systems[name], mine)
    return {key: _masked(key, value) for key, value in data.items()}


def _inspected(section: SystemSection, mine: Inspections) -> dict[str, Any]:
    """What stands beside the looks: our own keys as they were written, the rest as its owner understood it."""
    return {
        "backups": {
            name: _own(section.backups[name], BackupSection)
            | {plan.source: _data(plan.settings)}
            | ({"verified": _data(plan.verified)} if plan.verified else {})
            for name, (_, plan) in mine.backups.items()
        },
        "parity": {
            name: _own(section.parity[name], ParitySection) | _question(plan) for name, (_, plan) in mine.parity.items()
        },
        "kpis": {name: _own(section.kpis[name], KpiSection) | _question(plan) for name, (_, plan) in mine.kpis.items()},
        "dependencies": {
            name: _own(section.dependencies[name], DependencySection) | {found.kind: _data(found.settings)}
            for name, (_, found) in mine.dependencies.items()
        },
    }


def _own(raw: Mapping[str, Any], model: type[Settings]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key in model.written_keys()}


def _question(plan: QuestionPlan) -> dict[str, Any]:
    asked = next(iter(plan.asked.values()))
    shown: dict[str, Any] = _data(asked.settings)
    return shown if asked.part is not None else {asked.kind: shown}


def masked_yaml(loaded: Loaded) -> str:
    """YAML of what is in effect. Secrets read `<secret>`; passwords inside URLs and DSNs are masked, too."""
    return yaml.safe_dump(dict(loaded.effective), allow_unicode=True, sort_keys=False, width=1000)


def digest(data: Mapping[str, Any]) -> str:
    """The SHA-256 of plain data, in hex; the order of keys does not matter."""
    return sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _data(value: Any) -> Any:
    return to_jsonable_python(value, exclude_none=True, by_alias=True, fallback=str)


def _masked(key: str, value: Any, *, inside: bool = False) -> Any:
    """`inside`: of something whose key says that it is a secret, whatever the keys in it are called."""
    secret = inside or is_secret_key(key)
    match value:
        case dict():
            return {name: _masked(str(name), deeper, inside=secret) for name, deeper in value.items()}
        case list():
            return [_masked(key, deeper, inside=secret) for deeper in value]
        case bool() | None:
            return value
        case str():
            return MASK if secret and value else mask(value)
        case _:  # a PIN may be written as a number
            return MASK if secret else value
