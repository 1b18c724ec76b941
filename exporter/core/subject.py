"""What the checklist judges, gathered from the ledger's records or from the live snapshot: both have to tell the same."""

from collections.abc import Mapping, Sequence

from exporter.core.checklist import Drilled, Measured, Subject
from exporter.core.happening import Event
from exporter.core.history import History
from exporter.core.model import Contact, Moment
from exporter.core.snapshot import ExporterState, Watched
from exporter.core.standing import standing
from exporter.core.state import SystemState
from exporter.core.timeline import verdicts


def subject_then(
    history: History, at: float, contacts: Sequence[Contact], backups: Sequence[str], confirmed_for: float
) -> Subject:
    """A system as it stood at `at` (Unix seconds), by the records."""
    told = [data for since, data in history.standings if since <= at]
    objectives: Mapping[str, float | None] = history.terms_before(at).get("objectives", {})
    return Subject(
        at=at,
        objectives=objectives,
        measured={which: found for which in ("rto", "rpo") if (found := _measured(history, at, which)) is not None},
        drilled=_drilled(history, at),
        standing=told[-1] if told else None,
        looked=history.looked_until(at),
        contacts=contacts,
        backups=backups,
        confirmed_for=confirmed_for,
    )


def _measured(history: History, at: float, which: str) -> Measured | None:
    for event in reversed(history.events):
        missed = _outlasted(history, event, at) if which == "rto" else None
        if missed is not None:
            return missed
        verdict = event.data["verdicts"][which]
        if event.end is None or event.end > at or event.data.get("inferred") or event.data.get(which) is None:
            continue
        if verdict in ("met", "missed"):
            return Measured(event.id, verdict, event.end)
    return None


def _outlasted(history: History, event: Event, at: float) -> Measured | None:
    """One that runs at `at` and was seen to be longer than its RTO objective by then: only its end is not measured yet.

    One that ended later ran at least until the lower bound of its end."""
    objective = event.data["objectives"].get("rto")
    if objective is None or not event.data["declared"] or event.data.get("inferred"):
        return None
    if event.end is not None and event.end <= at:
        return None
    down = history.looked_until(at) if event.end is None else min(at, event.data["end"]["lower"])
    missed = float(event.data["start"]["upper"]) + objective
    return Measured(event.id, "missed", missed) if missed < down else None


def _outlasted_now(state: SystemState, now: Moment) -> dict[str, Measured]:
    """The same of the incident that is open now."""
    incident = state.incident
    if incident is None or not incident.declared or incident.inferred:
        return {}
    seen = now.mono if state.blind_since is None else state.blind_since
    objective = incident.objectives.get("rto")
    if objective is None or verdicts(incident, seen)["rto"] != "missed":
        return {}
    missed = incident.began.upper + objective if incident.end is None else incident.end.upper
    return {"rto": Measured(incident.id, "missed", now.wall_of(missed))}


def _drilled(history: History, at: float) -> Drilled | None:
    """By when it was stopped, as `dr_drill_last_timestamp_seconds` tells it, though it expired before."""
    finished = [
        Drilled(drill.id, float(drill.data.get("ended") or drill.until))
        for drill in history.declared.values()
        if drill.data and drill.is_drill and drill.stopped
    ]
    return max((drill for drill in finished if drill.at <= at), key=lambda drill: drill.at, default=None)


def subject_now(watched: Watched, exporter: ExporterState, now: Moment) -> Subject:
    """The same of a system that is watched, as it stands now."""
    system, state = watched.system, watched.state
    promised = system.objectives
    return Subject(
        at=now.wall,
        objectives={
            "rto": promised.rto,
            "rpo_site_loss": promised.rpo.get("site_loss"),
            "availability": promised.availability,
            "drill_every": promised.drill_every,
        },
        measured={
            **{
                which: Measured(one.incident, one.verdict, now.wall_of(one.at)) for which, one in state.measured.items()
            },
            **_outlasted_now(state, now),
        },
        drilled=None if state.drilled is None else Drilled(None, now.wall_of(state.drilled)),
        standing=standing(system, state, now.mono),
        looked=now.wall if state.blind_since is None else now.wall_of(state.blind_since),
        contacts=exporter.contacts,
        backups=sorted(system.backups),
        confirmed_for=exporter.contacts_confirmed_for,
    )
