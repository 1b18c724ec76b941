"""What the moves of an incident have lost, each of its components by its own markers, and all of them together."""

from collections.abc import Container
from dataclasses import replace
from functools import reduce

from exporter.core.events import Draft
from exporter.core.interval import Interval
from exporter.core.model import Moment, Sample
from exporter.core.past import Incident, Loss, Move
from exporter.core.recovery_point import achieved
from exporter.core.state import Marker, SystemState


def owing(state: SystemState, incident: Incident, component: str, move: Move) -> Incident:
    """The incident with one more move whose loss has to be counted, in place of an earlier one of that component: the markers of
    both are judged together. Without markers the loss is estimated at once, from positions: at most all since the last instant
    up to which the new site was proven to have everything."""
    incident = replace(incident, costs=_costs(incident))
    if component in state.canaries:
        return _told(replace(incident, owed={**incident.owed, component: move.after(incident.owed.get(component))}))
    bounds = None if move.proven is None else Interval(0.0, max(0.0, move.stop - move.proven))
    return _with_loss(incident, component, Loss(bounds, by_position=True))


def settling(state: SystemState, incident: Incident, component: str) -> bool:
    """Whether a new epoch is but the end of a move of the role that the incident knows already. So ends each move once at most:
    whoever took the role in an epoch of its own, or came to one since, has begun anew."""
    if not state.roles[component].settling:
        return False
    move = incident.owed.get(component)
    if component in state.canaries:
        return move is not None and not move.in_place
    return component in incident.costs


def _costs(incident: Incident) -> dict[str, Loss]:
    """What was counted so far; an older exporter kept but the whole."""
    if incident.costs or incident.owed or (incident.rpo is None and incident.markers is None):
        return dict(incident.costs)
    by_position = incident.rpo_source == "position"
    return {incident.component: Loss(incident.rpo, incident.at_least, incident.markers, by_position)}


def _with_loss(incident: Incident, component: str, loss: Loss) -> Incident:
    """The incident with what the last move of a component cost, and with what the earlier ones did."""
    before = incident.costs.get(component)
    costs = {**incident.costs, component: loss if before is None else loss.after(before)}
    return _told(
        replace(incident, costs=costs, owed={name: move for name, move in incident.owed.items() if name != component})
    )


def _told(incident: Incident) -> Incident:
    """What is told of all components together. While one is not counted it is not known how much; what is proven stands."""
    if not incident.costs:
        return replace(incident, rpo=None, rpo_source=None, markers=None, at_least=0.0)
    rpo, at_least, markers, by_position = reduce(Loss.beside, incident.costs.values())
    if incident.owed:
        rpo, markers = None, markers if markers is not None and markers.lost else None
    source = None if rpo is None else "position" if by_position else "canary"
    return replace(incident, rpo=rpo, rpo_source=source, markers=markers, at_least=at_least)


def without_canaries(incident: Incident, canaries: Container[str]) -> Incident:
    """The incident under a configuration in which these components alone have a canary: of what another still owes nobody will
    find the markers any more, so nobody can tell how much that was."""
    for component in [name for name in incident.owed if name not in canaries]:
        incident = _with_loss(incident, component, Loss(None, by_position=True))
    return incident


def given_up(state: SystemState, incident: Incident) -> SystemState:
    """The state without the markers that a closing incident could not count: they are nobody's loss but that incident's, which
    tells that it is not known. Another move would be charged with them, and with all the time that went well in between."""
    canaries = dict(state.canaries)
    for component, move in incident.owed.items():
        if component in canaries:
            kept = tuple(m for m in canaries[component].markers if m.sent > move.moved.upper)
            canaries[component] = replace(canaries[component], markers=kept)
    return replace(state, canaries=canaries)


def unmeasured(state: SystemState) -> list[str]:
    """The components whose lost markers still have to be counted after a move."""
    incident = state.incident
    return [] if incident is None else [name for name in incident.owed if name in state.canaries]


def written_before(state: SystemState, component: str, move: Move) -> list[Marker]:
    """The markers that were written before the role moved: all that are remembered were on the old primary, or, where the epoch
    moved in place, at the server that came back."""
    return [m for m in state.canaries[component].markers if m.sent <= move.moved.upper]


def judged_by(move: Move, written: list[Marker], survivors: Container[int], seen: float) -> list[Marker]:
    """Those of `written` by which the loss is counted, by the numbers that a look found which began at `seen`.

    Where the epoch moved in place, a marker that is there and was acknowledged after the last good look in the old epoch may have
    been taken by the new one: it neither survived nor dates the last write of the old. One that is not there was lost.
    """
    if not move.in_place:
        return written
    return [
        m
        for m in written
        if (m.acked is not None and m.acked <= move.moved.lower)
        or (m.seq not in survivors and (m.acked is None or m.acked <= seen))
    ]


def measure_loss(draft: Draft, sample: Sample, now: Moment) -> None:
    """Count what of the old primary's markers this look found at the new site. Once for each move."""
    state, component = draft.state, sample.part.component
    incident = state.incident
    if incident is None or component not in incident.owed:
        return
    move, there = incident.owed[component], frozenset(sample.facts.markers or ())
    judged = judged_by(move, written_before(state, component, move), there, sample.started)
    loss = achieved(judged, there, move.stop, move.proven, move.earlier)
    counted = loss.markers
    assert counted is not None
    draft.state = replace(state, incident=_with_loss(incident, component, loss))
    if not loss.by_position:
        sentence = "{} acknowledged markers were lost, {} survived, {} were never acknowledged".format(*counted)
        if loss.rpo is None:
            sentence += f": writes of at least {loss.at_least:.1f} s; how much in all nobody can tell"
        draft.record("loss_measured", now.mono, sentence, {"component": component} | counted._asdict())
    draft.state = _without(draft.state, component, judged, there)


def _without(state: SystemState, component: str, judged: list[Marker], there: frozenset[int]) -> SystemState:
    """What is lost is lost once: of the markers that were judged only the acknowledged survivors stay in memory."""
    gone = {m.seq for m in judged if m.acked is None or m.seq not in there}
    canary = state.canaries[component]
    kept = tuple(m for m in canary.markers if m.seq not in gone)
    return replace(state, canaries={**state.canaries, component: replace(canary, markers=kept)})
