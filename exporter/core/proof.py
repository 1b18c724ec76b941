"""What events and drills prove of the recovery that was promised, and when the next proof is due."""

from collections.abc import Mapping

from exporter.core.drill import Measurement, Proof
from exporter.core.interval import Verdict
from exporter.core.model import Instant, System
from exporter.core.past import MOVES, Incident, Kind
from exporter.core.state import SystemState
from exporter.core.timeline import verdicts

ELSEWHERE = frozenset({*MOVES, Kind.TRAFFIC_MOVED, Kind.SITE_LOST})
"""Ends of an incident in which another site served."""
_KEPT = (Verdict.MET, Verdict.NO_OBJECTIVE)


def proof_of(system: System, closed: Incident) -> Proof | None:
    """What a closed incident proves: that the system comes back inside its objectives.

    It does if its RTO kept the objective with its upper bound (or there is none), no RPO objective is known to be broken, it
    was seen and not inferred, and another site took over: a process that came back where it was proves that only of a system
    of one site, and of a drill of another scenario than the loss of the site, such as a restore in place.
    """
    judged = verdicts(closed)
    kept = judged["rto"] in _KEPT and judged["rpo"] != Verdict.MISSED
    return _tested(system, closed) if kept else None


def missed_by(system: System, closed: Incident) -> Proof | None:
    """The same for one that certainly broke an objective: it proves the contrary."""
    return _tested(system, closed) if Verdict.MISSED in verdicts(closed).values() else None


def measured_by(closed: Incident) -> Mapping[str, Measurement]:
    """By figure, what a closed incident that was seen tells for certain."""
    if closed.inferred or closed.end is None:
        return {}
    figures = {"rto": closed.rto, "rpo": closed.rpo}
    return {
        which: Measurement(closed.end.upper, closed.id, verdict)
        for which, verdict in verdicts(closed).items()
        if verdict in (Verdict.MET, Verdict.MISSED) and figures[which] is not None
    }


def _tested(system: System, closed: Incident) -> Proof | None:
    """When it served again, if it says anything of the recovery that was promised."""
    if closed.inferred or closed.end is None:
        return None
    rehearsed = closed.drill is not None and closed.scenario != "site_loss"
    tells = closed.kind in ELSEWHERE or rehearsed or len(system.sites) == 1
    return Proof(closed.end.upper, closed.id, closed.drill) if tells else None


def due(system: System, state: SystemState) -> Instant | None:
    """When the proof goes stale; None where no interval was promised. What was never proven is due from when we began."""
    every = system.objectives.drill_every
    if every is None:
        return None
    return (state.watched_since if state.proof is None else state.proof.at) + every


def proof_state(system: System, state: SystemState, now: Instant) -> str:
    """`proven`, `stale` (longer ago than was promised) or `missing` (never)."""
    if state.proof is None:
        return "missing"
    until = due(system, state)
    return "proven" if until is None or now < until else "stale"
