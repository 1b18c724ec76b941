"""From when to when a system was watched, and what was promised then: what a report of a year is made from.

Each function does what its namesake in `exporter.core.fold` does, and adds the records that only an account needs:

    watch_started       somebody begins to look; what was promised
    objectives_changed  from what to what
    absence             the exporter did not run, or stood still, from ... to ...
    blind_began         nothing can be said any more since ...
    blind_ended         from ... to ... nothing could be said
    watch_ended         nobody looks any more, because it was taken out of the configuration
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from exporter.core import fold
from exporter.core.events import Draft
from exporter.core.model import Instant, Moment, Objectives, System
from exporter.core.reload import follow_reload
from exporter.core.state import Record, Step, SystemState


def promised(objectives: Objectives) -> dict[str, float | None]:
    """Objectives as records and reports name them: seconds and a ratio; None is what was not promised."""
    return {
        "rto": objectives.rto,
        **{f"rpo_{scenario}": seconds for scenario, seconds in sorted(objectives.rpo.items())},
        "availability": objectives.availability,
        "drill_every": objectives.drill_every,
    }


def begun(system: System, now: Moment) -> Step:
    """Nobody ever looked at it before."""
    state = replace(fold.begin(system, now), promised=system.objectives)
    return Step(state, (_started(system, now),))


def resumed(system: System, state: SystemState, written: Instant, now: Moment) -> Step:
    """An exporter that ran until `written` is gone, and this one goes on."""
    since = written if state.blind_since is None else min(written, state.blind_since)
    data = {"from_unix": now.wall_of(since), "to_unix": now.wall}
    sentence = f"the exporter was away for {max(0.0, now.mono - since):.1f} s"
    away = Record("absence", system.name, now.mono, sentence, data)
    after = fold.resume(system, state, written, now)
    changed = _changed(system, state, now)
    return Step(replace(after.state, promised=system.objectives), (away, *changed, *after.records))


def paused(system: System, state: SystemState, since: Instant, now: Moment) -> Step:
    """The exporter stood still since `since`, and goes on."""
    if state.blind_since is not None:
        return Step(state)
    data = {"from_unix": now.wall_of(since), "to_unix": now.wall}
    sentence = f"the exporter stood still for {max(0.0, now.mono - since):.1f} s: nothing was looked at"
    record = Record("absence", system.name, now.mono, sentence, data)
    return Step(fold.paused(state, since, now.mono), (record,))


def reconfigured(system: System, state: SystemState, now: Moment) -> Step:
    """The configuration changed while the exporter runs."""
    draft = Draft(system.name, state)
    follow_reload(system, draft, now)
    return Step(replace(draft.state, promised=system.objectives), (*draft.records, *_changed(system, state, now)))


def blinded(system: System, state: SystemState, since: Instant, now: Moment, why: str = "") -> Step:
    """The exporter is cut off since `since`, or, with a sentence `why`, unable to look at what this system needs.

    What an earlier absence or blindness hid is told already, and what was seen before it stays seen.
    """
    if state.blind_since is not None:
        return Step(state)
    since = max(since, state.trusted_since)
    record = Record("blind_began", system.name, now.mono, why or "blind", {"since_unix": now.wall_of(since)})
    after = fold.blinded(system, state, since, now, why)
    return Step(after.state, (record, *after.records))


def sighted(system: System, state: SystemState, now: Moment) -> Step:
    """Somebody answers again."""
    since = state.blind_since
    if since is None:
        return Step(state)
    data = {"from_unix": now.wall_of(since), "to_unix": now.wall}
    sentence = f"no longer blind after {max(0.0, now.mono - since):.1f} s"
    after = fold.sighted(system, state, now)
    return Step(after.state, (Record("blind_ended", system.name, now.mono, sentence, data), *after.records))


def ended(name: str, state: SystemState, at: Instant, now: Moment) -> Step:
    """Nobody looks any more since `at`, because it was taken out of the configuration. If it is ever put back it is resumed."""
    record = Record("watch_ended", name, min(at, now.mono), "no longer watched: it is not in the configuration", {})
    return Step(state.left(at), (record,))


def _started(system: System, now: Moment) -> Record:
    return Record("watch_started", system.name, now.mono, f"{system.name} is watched from now on", _terms(system))


def _changed(system: System, state: SystemState, now: Moment) -> tuple[Record, ...]:
    before, after = state.promised, system.objectives
    if before == after:
        return ()
    if before is None:  # written by an exporter that did not keep it
        return (_started(system, now),)
    old, new = promised(before), promised(after)
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    names += [] if before.baseline_rto == after.baseline_rto else ["baseline_rto"]
    old, new = {**old, "baseline_rto": before.baseline_rto}, {**new, "baseline_rto": after.baseline_rto}
    told = ", ".join(f"{name} from {old.get(name)} to {new.get(name)}" for name in names)
    data = {"from": old, "to": new, **_terms(system)}
    return (Record("objectives_changed", system.name, now.mono, f"objectives changed: {told}", data),)


def _terms(system: System) -> Mapping[str, Any]:
    """What an auditor asks of every event later: what was promised, and how often was looked."""
    policy = system.policy
    return {
        "tier": system.tier,
        "owner": system.owner,
        "home": system.home,
        "sites": list(system.sites),
        "objectives": promised(system.objectives),
        "baseline_rto": system.objectives.baseline_rto,
        "probing": {
            "interval": policy.interval,
            "fast_interval": policy.fast_interval,
            "timeout": policy.timeout,
            "declare_after": policy.declare_after,
            "stable_for": policy.stable_for,
        },
    }
