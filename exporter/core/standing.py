"""How ready the standbys and the backups of a system are, in a form that only changes when something does."""

from dataclasses import replace
from typing import Any

from exporter.core.checks import backup_complaint
from exporter.core.model import Backup, Instant, Moment, System
from exporter.core.readiness import readiness
from exporter.core.state import Record, SystemState


def standing(system: System, state: SystemState, now: Instant) -> dict[str, Any]:
    """`sites`: by standby its checks, without those that were not looked at yet; `backups`: by name what is amiss, and facts."""
    sites = {site: dict(checks) for site in system.sites if (checks := readiness(system, state, site, now))}
    return {
        "sites": sites,
        "backups": {
            name: _backup(backup, state, now) for name, backup in system.backups.items() if name in state.backups
        },
    }


def _backup(backup: Backup, state: SystemState, now: Instant) -> dict[str, Any]:
    known = state.backups[backup.name]
    complaint = backup_complaint(backup, known, now)
    facts = known.facts
    return {
        # Without its details, which may differ at each look.
        "complaint": None if complaint is None else complaint.partition(":")[0],
        "unverified": complaint is not None
        and backup_complaint(replace(backup, verify_every=None), known, now) is None,
        "verified": known.verified is not None,
        "encrypted": None if facts is None else facts.encrypted,
        "immutable": None if facts is None else facts.immutable,
    }


def standing_record(system: System, told: dict[str, Any], now: Moment) -> Record:
    """A change of it, for the ledger."""
    ready = [site for site, checks in told["sites"].items() if all(checks.values())]
    amiss = [
        f"{site}: {', '.join(name for name, good in checks.items() if not good)}"
        for site, checks in told["sites"].items()
        if not all(checks.values())
    ]
    amiss += [f"backup {name} {found['complaint']}" for name, found in told["backups"].items() if found["complaint"]]
    sentence = f"ready: {', '.join(ready) or 'no standby'}" + (f"; not ready: {'; '.join(amiss)}" if amiss else "")
    return Record("standing_changed", system.name, now.mono, sentence, told)
