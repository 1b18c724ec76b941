"""What a configuration means: the tree that the rest of the exporter is built from. Immutable, secrets by reference."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.config.endpoints import Endpoint
from exporter.config.hooks import Dingtalk
from exporter.config.inspections import Inspections
from exporter.config.problem import Problem
from exporter.config.schema import Contact, Reference, Retention, Shard
from exporter.core.model import Part, System


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One system: as core sees it, and what stands behind each of its parts."""

    model: System
    endpoints: Mapping[Part, Endpoint]
    inspections: Inspections
    canary_tables: Mapping[str, str] = field(default_factory=dict)
    """By component, where `canary: {table: …}` overrides the kind's own."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration file says, once it is free of errors."""

    vantage: str
    ledger: Path
    """The SQLite file."""
    references: tuple[Reference, ...]
    shard: Shard
    retention: Retention
    token_file: Path | None
    """Holds the bearer token for what changes something; None: nothing may."""
    contacts: tuple[Contact, ...]
    contacts_confirmed_for: float
    """Seconds after which a contact has to be confirmed again."""
    grafana_url: str
    """Where the boards are; empty: nobody said."""
    dingtalk: Dingtalk | None
    """None: Alertmanager finds nothing at /hooks/dingtalk."""
    systems: Mapping[str, SystemConfig]
    """All of them, whichever shard owns them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without errors. `hash` is the SHA-256 of `effective` with sorted keys, in hex."""

    config: Config
    warnings: list[Problem]
    hash: str
    text: str
    """`effective` as JSON: kept in this form, because that of thousands of systems takes ten times the room as objects."""

    @property
    def effective(self) -> Mapping[str, Any]:
        """Plain data with defaults filled in and secrets masked, for people. Read anew each time."""
        data: Mapping[str, Any] = json.loads(self.text)
        return data
