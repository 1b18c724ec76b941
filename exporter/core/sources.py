"""Which recovery points one look at a stateful endpoint proves, and which it refutes; and which markers it has to read for that."""

from dataclasses import replace

from exporter.core import active
from exporter.core.events import Draft
from exporter.core.losses import measure_loss, written_before
from exporter.core.model import ENTRY, Facts, Moment, Part, Sample, System
from exporter.core.moves import current_markers
from exporter.core.recovery_point import (
    History,
    from_markers,
    from_position,
    held_against,
    read_above,
    refutes,
    remember,
)
from exporter.core.roles import claims
from exporter.core.state import RoleState, SourceState, SystemState

STREAMING = "streaming"
CANARY = "canary"


def is_disproved(source: SourceState) -> bool:
    """Whether what it claims does not count: a marker is not there, or its primary has written less."""
    return source.refuted or source.ahead is not None


def markers_above(system: System, state: SystemState, part: Part) -> int | None:
    """Above which number the markers at this endpoint are of interest; None: not at all."""
    name = part.component
    if system.active_active:
        return active.read_above_at(state, part)
    role = state.roles.get(name)
    if part == ENTRY or role is None or name not in state.canaries:
        return None
    if part.site == role.site:
        incident = state.incident
        if incident is None or name not in incident.owed:
            return None
        written = written_before(state, name, incident.owed[name])
        return written[0].seq - 1 if written else 0
    markers = current_markers(state, name)
    if not markers:
        return None
    known = state.sources.get((part.site, name, CANARY))
    return read_above(known or SourceState(part.site, name, CANARY), markers)


def follow_sources(system: System, draft: Draft, sample: Sample, above: int | None, now: Moment) -> None:
    """A good look at the holder of the role extends the history of positions; one at a standby proves or refutes."""
    component = sample.part.component
    role = draft.state.roles.get(component)
    if not sample.ok or role is None:
        return
    if sample.part.site == role.site:
        _at_holder(draft, sample, role, above, now)
    else:
        _at_standby(draft, sample, role, above)


def _at_holder(draft: Draft, sample: Sample, role: RoleState, above: int | None, now: Moment) -> None:
    state, component, facts = draft.state, sample.part.component, sample.facts
    if _comparable(facts, role) and facts.position is not None and claims(facts):
        before = state.histories.get(component, ())
        history = remember(before, sample.started, facts.position)
        draft.state = state.but(histories={**state.histories, component: history})
        _note_writes(draft, sample, before, history)
        _hold_standbys(draft, sample, history)
    incident = draft.state.incident
    if facts.markers is None or above is None or incident is None or component not in incident.owed:
        return
    move = incident.owed[component]
    written = written_before(draft.state, component, move)
    # A look that was asked while this site was a standby read the newest markers only: it would count the rest as lost.
    complete = not written or above < written[0].seq
    if complete and sample.started >= move.moved.upper:
        measure_loss(draft, sample, now)


def _note_writes(draft: Draft, sample: Sample, before: History, history: History) -> None:
    """In an outage a position that grew between two looks of it shows that writes go on; one that may have grown before the
    earlier of them (nothing to compare with, as after a restart) that they may have until then. Histories are not kept: this is."""
    incident = draft.state.incident
    if incident is None or not draft.state.parts[sample.part].serve.is_good:
        return
    stop = incident.start.upper if incident.stopped is None else incident.stopped
    if before and history[-1][1] <= before[-1][1]:
        return
    if before and before[-1][0] >= stop and history[-2:-1] == before[-1:]:
        incident = replace(incident, written={**incident.written, sample.part.component: before[-1][0]})
    else:
        incident = replace(incident, stopped=max(stop, sample.started))
    draft.state = draft.state.but(incident=incident)


def _hold_standbys(draft: Draft, sample: Sample, history: History) -> None:
    """Holds what the standbys told last against what is written by now: one that is ahead is none of this stream."""
    sources = draft.state.sources
    for key, source in sources.items():
        if source.component != sample.part.component or source.source != STREAMING:
            continue
        held = held_against(source, history, sample.started)
        if held is source:
            continue
        draft.state = draft.state.but(sources={**draft.state.sources, key: held})
        if (held.ahead is None) != (source.ahead is None):
            where, primary = f"{source.site}/{source.component}", sample.part
            if held.ahead is not None:
                draft.record(
                    "source_refuted",
                    sample.ended,
                    f"{where}: its position is ahead of {primary}, which it cannot follow",
                )
            else:
                draft.record("source_cleared", sample.ended, f"{where}: its position is no longer ahead of {primary}")


def _at_standby(draft: Draft, sample: Sample, role: RoleState, above: int | None) -> None:
    state, component, facts = draft.state, sample.part.component, sample.facts
    streaming = _source(state, sample, STREAMING)
    claimed = streaming.applied_at
    # A rival writes a stream of its own, which not every kind tells by an epoch.
    if _comparable(facts, role) and not claims(facts):
        streaming = from_position(streaming, state.histories.get(component, ()), facts, sample.started, sample.ended)
    else:
        streaming = replace(streaming, seen=sample.started)
    sources = {**state.sources}
    if facts.markers is not None and above is not None:
        markers = current_markers(state, component)
        canary = from_markers(_source(state, sample, CANARY), markers, facts.markers, above, sample.started)
        sources[sample.part.site, component, CANARY] = canary
        refuted = refutes(markers, facts.markers, above, claimed)
        if refuted is not None:
            streaming = replace(streaming, refuted=refuted)
    sources[sample.part.site, component, STREAMING] = streaming
    _tell_refutation(draft, sample, streaming.refuted)
    draft.state = draft.state.but(sources=sources)


def _comparable(facts: Facts, role: RoleState) -> bool:
    """Positions of different epochs cannot be compared: a returning old primary may show the higher one."""
    return facts.position is not None and facts.epoch == role.epoch


def _source(state: SystemState, sample: Sample, name: str) -> SourceState:
    site, component = sample.part
    return state.sources.get((site, component, name)) or SourceState(site, component, name)


def _tell_refutation(draft: Draft, sample: Sample, refuted: bool) -> None:
    before = draft.state.sources.get((sample.part.site, sample.part.component, STREAMING))
    if refuted == (before is not None and before.refuted):
        return
    said = "claims writes that are not there" if refuted else "is no longer refuted by the canary"
    draft.record("source_refuted" if refuted else "source_cleared", sample.ended, f"{sample.part}: its position {said}")
