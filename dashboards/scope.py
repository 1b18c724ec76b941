"""For what the boards are made: any configuration, or one that is given, of which only what exists is drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from exporter.config import Config, Endpoint, SystemConfig

ADDRESS = "http://localhost:9720"
"""Where an exporter is found if nobody says otherwise."""


class Feature(StrEnum):
    """What a panel may need: without it, it could never show anything."""

    ROLES = "roles"
    """Components that tell a role: databases, mostly."""
    STANDBY = "standby"
    """More than one site."""
    CANARY = "canary"
    BACKUPS = "backups"
    PARITY = "parity"
    KPIS = "kpis"
    COST = "cost"
    TRAFFIC = "traffic"
    """Active-active systems whose entry tells which site answered."""
    AVAILABILITY = "availability"
    """An availability objective."""
    DRILLS = "drills"
    """A promise of how often recovery is proven."""
    CERTIFICATES = "certificates"
    """Something that is looked at over TLS."""
    CONTACTS = "contacts"
    REFERENCES = "references"
    DINGTALK = "dingtalk"
    """The exporter delivers Alertmanager's alerts to DingTalk."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`systems` is empty when it is not known which there are."""

    systems: tuple[str, ...] = ()
    features: frozenset[Feature] = frozenset(Feature)
    address: str = ADDRESS

    def has(self, needs: Feature | None) -> bool:
        return needs is None or needs in self.features


def scope_of(config: Config, address: str = ADDRESS) -> Scope:
    """What one configuration has; `address` is the URL under which people reach its exporter."""
    found = set(chain.from_iterable(_features(system) for system in config.systems.values()))
    found |= {Feature.CONTACTS} if config.contacts else set()
    found |= {Feature.REFERENCES} if config.references else set()
    found |= {Feature.DINGTALK} if config.dingtalk else set()
    return Scope(tuple(sorted(config.systems)), frozenset(found), address)


def _is_encrypted(endpoint: Endpoint) -> bool:
    """Whether looks at it see a certificate."""
    settings = endpoint.settings
    if endpoint.kind in ("http", "flow"):
        return any(text.startswith("https://") for text in _texts(settings.model_dump()))
    return endpoint.kind == "tls" or bool(getattr(settings, "tls", False))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_texts, value))


def _features(system: SystemConfig) -> set[Feature]:
    model = system.model
    components = model.components.values()
    return {
        feature
        for feature, there in (
            (Feature.ROLES, any(component.stateful for component in components)),
            (Feature.STANDBY, len(model.sites) > 1),
            (Feature.CANARY, any(component.canary_every is not None for component in components)),
            (Feature.BACKUPS, bool(model.backups)),
            (Feature.PARITY, bool(model.parity)),
            (Feature.KPIS, bool(model.kpis)),
            (Feature.COST, model.cost_per_minute is not None),
            (Feature.TRAFFIC, model.active_active and model.entry_tells_site),
            (Feature.AVAILABILITY, model.objectives.availability is not None),
            (Feature.CERTIFICATES, any(map(_is_encrypted, system.endpoints.values()))),
            (Feature.DRILLS, model.objectives.drill_every is not None),
        )
        if there
    }
