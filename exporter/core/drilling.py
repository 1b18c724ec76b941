"""What people do with drills, folded into the state of a system.

    open drill   what comes          next          record
    -----------  ------------------  ------------  --------------------------------------------------------------------
    none         start               runs          drill_started; refused while an incident is open, or two sites claim a role,
                                                   which would be hidden, and while nobody can tell whether one is
    any          start               the same      refused: one at a time
    runs         its expiry          expired       drill_expired (maintenance: none open any more, maintenance_stopped)
    any          stop                none          drill_stopped

`state.mode` and the incidents do not depend on any of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from exporter.core.drill import Drill, DrillType, Order, Proof, belongs, drill_json, stamp
from exporter.core.model import Instant, Moment, System
from exporter.core.past import Incident
from exporter.core.readings import down_until
from exporter.core.state import CALM, Mode, Record, Step, SystemState

STARTED, EXPIRED, STOPPED, SIGNED = "drill_started", "drill_expired", "drill_stopped", "drill_signed"
MAINTENANCE_STARTED, MAINTENANCE_STOPPED = "maintenance_started", "maintenance_stopped"
FINISHED = (STOPPED, MAINTENANCE_STOPPED)
"""Kinds of the records that close a drill or a maintenance."""
DECLARED = (STARTED, EXPIRED, STOPPED, SIGNED, MAINTENANCE_STARTED, MAINTENANCE_STOPPED)
"""All kinds of records about them."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """What was asked for cannot be done in this state; the sentence says why, and what would be right."""


# --- what people do


def start(system: System, state: SystemState, order: Order, now: Moment) -> Step:
    """Raises Refused."""
    drill, incident = state.drill, state.incident
    if drill is not None:
        raise Refused(f"{system.name} has a {drill.type} open already, {drill.id}; stop it first")
    if incident is not None:
        raise Refused(
            f"{system.name} is {state.mode}: {state.sentence}. A {order.type} cannot begin in an incident, "
            f"which it would hide; start it when {system.name} is healthy again"
        )
    contest = next(iter(state.contests.values()), None)
    if contest is not None:
        name, holder = contest.component, state.roles[contest.component].site
        raise Refused(
            f"{name} of {system.name} is claimed by {holder} and by {contest.claimant}. A {order.type} cannot "
            "begin in a split brain, which it would hide; start it when one of the two no longer takes writes"
        )
    if state.blind_since is not None or state.mode is Mode.UNKNOWN:
        raise Refused(
            f"nobody can tell how {system.name} is: {state.sentence or 'it was not looked at yet'}. A {order.type} would hide "
            f"what may have gone wrong meanwhile; start it when {system.name} is seen to be healthy"
        )
    begun = Drill(
        id=f"{order.type}-{system.name}-{stamp(now, now.mono)}",
        type=order.type,
        scenario=order.scenario,
        operator=order.operator,
        reason=order.reason,
        expected=order.expected,
        started=now.mono,
        expires=now.mono + order.seconds,
    )
    sentence = f"{order.type} started by {order.operator}: {order.scenario}, until {_clock(now, begun.expires)}: {order.reason}"
    kind = STARTED if order.type is DrillType.DRILL else MAINTENANCE_STARTED
    return Step(replace(state, drill=begun), (_record(system, kind, begun, now, sentence, {}),))


def stop(system: System, state: SystemState, drill: str, by: str, outcome: str, now: Moment) -> Step:
    """Raises Refused if it is not the open one."""
    known = state.drill
    if known is None or known.id != drill:
        raise Refused(f"{drill} is not open; the open drill of {system.name} is {known.id if known else 'none'}")
    return _stopped(system, state, known, by, outcome, now)


def signature(system: str, drill: str, by: str, role: str, note: str, now: Moment) -> Record:
    """Somebody signs a drill off. Many may; none is ever taken back."""
    told = {"id": f"sign-{stamp(now, now.mono)}", "drill": drill, "by": by, "role": role or None, "note": note or None}
    as_role, said = f" as {role}" if role else "", f": {note}" if note else ""
    return Record(SIGNED, system, now.mono, f"{drill} signed off by {by}{as_role}{said}", {**told, "at": now.wall})


# --- what time does


def expire(system: System, state: SystemState, now: Moment) -> Step:
    """Called now and then: tells an expiry, once."""
    drill = state.drill
    if drill is None or drill.told or drill.runs(now.mono):
        return Step(state)
    if drill.type is DrillType.MAINTENANCE:
        return _stopped(system, state, drill, None, "it expired", now)
    told = replace(drill, told=True)
    open_ = _open_in(state, drill)
    trouble = f"; {system.name} is {state.mode}" if open_ is not None else ""
    sentence = f"drill expired, and is left open until somebody stops it: nothing is muted any more{trouble}"
    more = {"state": str(state.mode), "incident": open_.id if open_ else None}
    after = replace(state, drill=told, incident=_settled(state, drill, drill.expires))
    return Step(after, (_record(system, EXPIRED, told, now, sentence, more, at=drill.expires),))


def _stopped(system: System, state: SystemState, drill: Drill, by: str | None, outcome: str, now: Moment) -> Step:
    maintenance = drill.type is DrillType.MAINTENANCE
    ended = min(now.mono, drill.expires) if by is None else now.mono
    open_ = _open_in(state, drill)
    found = [*drill.incidents, *([open_.id] if open_ is not None else [])]
    told = {
        "ended": now.wall_of(ended),
        "by": by,
        "outcome": outcome or None,
        "state": str(state.mode),
        "incident": open_.id if open_ else None,
        "incidents": found,
    }
    who, count = by or "itself", "no incident" if not found else f"incidents: {', '.join(found)}"
    sentence = f"{drill.type} stopped by {who} after {ended - drill.started:.0f} s, {count}" + (
        f"; outcome: {outcome}" if outcome and by else ""
    )
    after = replace(
        state,
        drill=None,
        incident=_settled(state, drill, min(ended, drill.expires)),
        drilled=state.drilled if maintenance else ended,
        proof=_unnoticed(system, state, drill, ended) or state.proof,
    )
    kind = MAINTENANCE_STOPPED if maintenance else STOPPED
    return Step(after, (_record(system, kind, drill, now, sentence, told, at=ended),))


def _unnoticed(system: System, state: SystemState, drill: Drill, ended: Instant) -> Proof | None:
    """What a drill proves in which a site of an active-active system was lost, and users lost nothing.

    That is known only of one that was watched from its start to its end, and at whose end nothing is in doubt.
    """
    if not (system.active_active and drill.site_lost and drill.type is DrillType.DRILL):
        return None
    watched = state.blind_since is None and state.trusted_since <= drill.started
    lossless = state.incident is None and not drill.incidents and state.mode in CALM
    return Proof(ended, None, drill.id) if watched and lossless else None


def _open_in(state: SystemState, drill: Drill) -> Incident | None:
    """The open incident, if it began in this drill."""
    incident = state.incident
    return incident if incident is not None and drill.id in (incident.drill, incident.maintenance) else None


def _settled(state: SystemState, drill: Drill, until: Instant) -> Incident | None:
    """The open incident; if it is the drill's, with the downtime that is booked apart: from now on it is like any other."""
    incident = state.incident
    if incident is None or incident.apart is not None or _open_in(state, drill) is None:
        return incident
    return replace(incident, apart=down_until(state, incident, until))


def _record(
    system: System,
    kind: str,
    drill: Drill,
    now: Moment,
    sentence: str,
    more: Mapping[str, Any],
    at: Instant | None = None,
) -> Record:
    data = {**drill_json(system.name, drill, now), **more}
    return Record(kind, system.name, now.mono if at is None else at, sentence, data)


def _clock(now: Moment, at: Instant) -> str:
    return datetime.fromtimestamp(now.wall_of(at), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# --- what is read


def mutes(state: SystemState, now: Instant) -> bool:
    """Whether pages of the system are muted: a drill runs, and no open incident or split brain began outside of it."""
    drill = state.drill
    if drill is None or drill.type is not DrillType.DRILL or not drill.runs(now):
        return False
    if not all(belongs(drill, contest.since) for contest in state.contests.values()):
        return False
    return state.incident is None or state.incident.drill == drill.id


def left_open(state: SystemState, now: Instant) -> bool:
    """Whether a drill is open past its expiry."""
    drill = state.drill
    return drill is not None and drill.type is DrillType.DRILL and not drill.runs(now)


def maintained(state: SystemState, now: Instant) -> bool:
    drill = state.drill
    return drill is not None and drill.type is DrillType.MAINTENANCE and drill.runs(now)
