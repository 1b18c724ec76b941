"""What may be written in dr.yml. Checks of one value stand here; those that compare several stand in checks.py.

Almost everything has a default, so that one bad value does not keep the rest from being checked. What belongs to a kind of
endpoint, or to a source of backups, stays raw here.
"""

import re
import socket
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, Strict

from exporter.config.address import Address
from exporter.config.hooks import Hooks
from exporter.core.contacts import CONFIRMED_FOR
from exporter.core.model import Policy
from exporter.settings import Duration, DurationOrZero, Ratio, Settings

MAX_NAME = 200
SHORTEST_RETENTION = 400 * 86400.0
"""Seconds."""
SHORTEST_LOOK = 0.01
"""Seconds: looks are started in slots of this length."""
Scenario = Literal["site_loss", "data_corruption"]

_POLICY = Policy()
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?")
_REFERENCE = re.compile(r"tcp://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})")
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _text(value: object, right: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is not text; write {right}")  # noqa: TRY004 - pydantic reports a ValueError, not a TypeError
    return value


def _name(value: str) -> str:
    if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > MAX_NAME:
        raise ValueError(f"is no name; use 1 to {MAX_NAME} printable characters, without spaces at the ends")
    return value


def _table(value: str) -> str:
    if not _TABLE.fullmatch(value):
        raise ValueError("is not the name of a table; write it like rto_rpo.canary")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch("[A-Z]{3}", value):
        right = value.upper() if re.fullmatch("[A-Za-z]{3}", value) else "USD"
        raise ValueError(f"is not an ISO 4217 code; write three capital letters, like {right}")
    return value


def _look(seconds: float) -> float:
    if seconds < SHORTEST_LOOK:
        raise ValueError("is shorter than 10ms, in which no look can be made; write 250ms or 1s")
    return seconds


def _long_enough(seconds: float) -> float:
    if seconds < SHORTEST_RETENTION:
        raise ValueError("is too short for a report of a year; write 400d or more, like 7y")
    return seconds


def _day(value: object) -> date:
    text = _text(value, "a date like 2026-10-01")
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a date; write it like 2026-10-01")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is a day that does not exist; write one like 2026-10-01") from None


def _ledger(value: object) -> str:
    text = _text(value, "sqlite:////var/lib/rto-rpo-exporter/ledger.db")
    if text.startswith(("postgres://", "postgresql://")):
        raise ValueError(
            "a ledger in PostgreSQL is not supported yet; write sqlite:////var/lib/rto-rpo-exporter/ledger.db"
        )
    if not text.startswith("sqlite:///") or not text.removeprefix("sqlite:///").strip("/ ") or "\0" in text:
        raise ValueError(
            "is not a ledger; write sqlite:///ledger.db beside this file, or sqlite:////var/lib/rto-rpo-exporter/ledger.db (four slashes: from the root)"
        )
    return text


@dataclass(frozen=True, slots=True)
class Reference:
    """A host that is reachable whenever we are not cut off."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def _reference(value: object) -> Reference:
    text = _text(value, "tcp://198.51.100.1:443")
    found = _REFERENCE.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(
            f"{text[:80]!r} is not a reference; write it like tcp://198.51.100.1:443, with a port from 1 to 65535"
        )
    return Reference(found[1].strip("[]"), int(found[2]))


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` exporters that share one configuration; `index` counts from 0."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def owns(self, system: str) -> bool:
        """Whether this exporter watches the system: each is owned by exactly one, whatever else is configured."""
        return int.from_bytes(sha256(system.encode()).digest()[:8]) % self.count == self.index


def parse_shard(value: object) -> Shard:
    """`0/3` -> the first of three. Raises ValueError with what would be right."""
    found = _SHARD.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) >= int(found[2]):
        raise ValueError(
            f"{str(value)[:40]!r} is not a shard; write index/count with the index from 0, like 0/1 or 2/3"
        )
    return Shard(int(found[1]), int(found[2]))


Name = Annotated[str, AfterValidator(_name)]
Count = Annotated[int, Strict(), Field(ge=1, le=1000)]
Number = Annotated[float, Strict(), Field(ge=0, le=1e15)]
Flag = Annotated[bool, Strict()]
Look = Annotated[Duration, AfterValidator(_look)]
_AS_TEXT = PlainSerializer(str, return_type=str)


class Exporter(Settings):
    vantage: Name = Field(default_factory=socket.gethostname)
    ledger: Annotated[str, PlainValidator(_ledger)] = "sqlite:///rto-rpo-ledger.db"
    references: tuple[Annotated[Reference, PlainValidator(_reference), _AS_TEXT], ...] = ()
    shard: Annotated[Shard, PlainValidator(parse_shard), _AS_TEXT] = Shard()
    contacts_confirmed_for: Duration = CONFIRMED_FOR
    grafana_url: Address | None = None


class Api(Settings):
    token_file: str | None = None


class Retention(Settings):
    """How long the ledger keeps what: a report of a rolling year needs more than a year of records."""

    records: Annotated[Duration, AfterValidator(_long_enough)] = 7 * 365 * 86400.0
    samples: Duration = 2 * 365 * 86400.0


class Probing(Settings):
    """The policy of core, as it is written. A system may override single keys."""

    interval: Look = _POLICY.interval
    background_interval: Look = _POLICY.background_interval
    fast_interval: Look = _POLICY.fast_interval
    timeout: Look = _POLICY.timeout
    fast_timeout: Look = _POLICY.fast_timeout
    declare_after: Count = _POLICY.declare_after
    stable_for: DurationOrZero = _POLICY.stable_for
    tripwire: Flag = _POLICY.tripwire
    split_brain_after: DurationOrZero = _POLICY.split_brain_after
    stuck_after: Duration = _POLICY.stuck_after


class Promises(Settings):
    """The objectives of a tier, or of one system where they differ from its tier. What is not given is not promised."""

    rto: DurationOrZero | None = None
    rpo: Mapping[Scenario, DurationOrZero] = Field(default_factory=dict)
    """One duration stands for site_loss; see `normalised`."""
    availability: Ratio | None = None
    drill_every: Duration | None = None


DEFAULT_TIER = {"rto": "4h", "rpo": {"site_loss": "15m"}, "availability": "99.9%", "drill_every": "90d"}


Counts = Literal["count", "exclude"]


class AccountingSection(Settings):
    """Whether downtime that was declared beforehand counts. It is booked apart in any case."""

    drills: Counts = "count"
    maintenance: Counts = "count"


class Contact(Settings):
    name: Name
    who: Name
    deputies: tuple[Name, ...] = ()
    confirmed: Annotated[date, PlainValidator(_day)] | None = None


class Cost(Settings):
    amount: Number
    currency: Annotated[str, AfterValidator(_currency)]


class Canary(Settings):
    every: Look = 1.0
    table: Annotated[str, AfterValidator(_table)] | None = None


class ComponentSection(Settings):
    critical: Flag = False
    weight: Number = 1.0
    canary: Canary | None = None


class SystemSection(Settings):
    """One system: what it consists of, where, and what was promised for it."""

    tier: Name = "default"
    owner: Annotated[str, Field(max_length=MAX_NAME)] = ""
    home: Name = ""
    mode: Literal["active-standby", "active-active"] = "active-standby"
    objectives: Promises = Promises()
    cost_per_minute: Cost | None = None
    switch_time: DurationOrZero | None = None
    baseline_rto: Duration | None = None
    probing: Probing = Probing()
    accounting: AccountingSection = AccountingSection()
    entry: Any = None
    components: dict[Name, ComponentSection] = Field(default_factory=dict)
    sites: dict[Name, dict[Name, Any]] = Field(default_factory=dict)
    dependencies: dict[Name, Any] = Field(default_factory=dict)
    parity: dict[Name, Any] = Field(default_factory=dict)
    backups: dict[Name, Any] = Field(default_factory=dict)
    kpis: dict[Name, Any] = Field(default_factory=dict)


class File(Settings):
    """The whole of dr.yml, with the systems of systems_from merged in."""

    exporter: Exporter = Exporter()
    api: Api = Api()
    hooks: Hooks = Hooks()
    retention: Retention = Retention()
    probing: Probing = Probing()
    accounting: AccountingSection = AccountingSection()
    tiers: dict[Name, Promises] = Field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    systems_from: tuple[str, ...] = ()
    systems: dict[Name, SystemSection] = Field(default_factory=dict)


def normalised(data: dict[str, Any]) -> dict[str, Any]:
    """The same data with the short forms written out: `rpo: 5s` is `rpo: {site_loss: 5s}`, an empty section is none."""
    data = {key: value for key, value in data.items() if value is not None}
    holders = [
        *_values(data.get("tiers")),
        *(s.get("objectives") for s in _values(data.get("systems")) if isinstance(s, dict)),
    ]
    for holder in holders:
        if isinstance(holder, dict) and isinstance(holder.get("rpo"), (str, int, float)):
            holder["rpo"] = {"site_loss": holder["rpo"]}
    if isinstance(data.get("systems"), dict):
        data["systems"] = {name: {} if system is None else system for name, system in data["systems"].items()}
    for system in _values(data.get("systems")):
        if isinstance(system, dict) and isinstance(system.get("sites"), dict):
            system["sites"] = {site: {} if parts is None else parts for site, parts in system["sites"].items()}
    tiers = data.setdefault("tiers", {})
    if isinstance(tiers, dict):
        tiers.setdefault("default", deepcopy(DEFAULT_TIER))
    return data


def _values(data: Any) -> list[Any]:
    return list(data.values()) if isinstance(data, dict) else []
