"""The fold: one piece of evidence and one state in, the next state and its records out.

Pure. The engine calls one of these functions for each look that ended, each marker, each broken tripwire, and for time
that passed; it appends the records to the ledger and then publishes the state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporter.core import active, numbers
from exporter.core import canary as canaries
from exporter.core.canary import Outcome
from exporter.core.events import Draft, dated
from exporter.core.hidden import with_hidden
from exporter.core.incident import enter, step
from exporter.core.interval import Interval
from exporter.core.looks import awaited, changes_nothing, counted, counted_anew, judged, outdated, proves_nothing
from exporter.core.losses import unmeasured
from exporter.core.model import ENTRY, Instant, Moment, Part, Sample, System
from exporter.core.needed import follow_needs, needed_anew, with_canary
from exporter.core.reload import follow_reload
from exporter.core.roles import follow_roles
from exporter.core.sources import follow_sources
from exporter.core.standbys import follow_standby
from exporter.core.state import (
    CALM,
    CanaryState,
    Marker,
    Mode,
    PartState,
    Span,
    Step,
    SystemState,
)
from exporter.core.track import abandon, forget_silence
from exporter.core.traffic import follow_traffic
from exporter.core.unseen import in_sight
from exporter.core.verdict import Dark, assess

ALWAYS = float("inf")
TRIPPED_LATE = 0.1
"""Seconds that a dying process may need until its connections end."""


def begin(system: System, now: Moment) -> SystemState:
    """A system that nobody has looked at yet."""
    state = SystemState(
        watched_since=now.mono,
        trusted_since=now.mono,
        since=now.mono,
        believed=system.home,
        canaries={name: CanaryState() for name in with_canary(system)},
    )
    return state.but(needed=needed_anew(system, state, now.mono))


def observe(
    system: System,
    state: SystemState,
    sample: Sample,
    now: Moment,
    *,
    above: int | None = None,
    pending: Sequence[Instant] = (),
    heard: Instant = ALWAYS,
) -> Step:
    """One finished look.

    `above`: the number above which markers were read, if they were. `pending`: the starts of looks at the same part that
    are no longer awaited, because this one started later and went well; they declare nothing, but bound the restoration.
    `heard`: start of the newest look that anybody anywhere answered; silence is no proof of death until we are heard.
    """
    before = state.parts.get(sample.part) or PartState()
    pending = awaited(state, pending)
    blind = proves_nothing(state, sample.reason, sample.started)
    after = counted(before, sample) if blind else judged(system, before, sample, pending)
    if changes_nothing(system, state, before, sample, pending):
        return Step(state.with_part(sample.part, after))
    draft = Draft(system.name, state.with_part(sample.part, after))
    if not blind:
        if system.active_active:
            _follow_active(system, draft, sample, before, above, now, heard)
        elif sample.part == ENTRY:
            follow_traffic(system, draft, sample, now)
        else:
            if not outdated(before, sample):
                follow_roles(system, draft, sample, before, now)
                follow_sources(system, draft, sample, above, now)
            follow_standby(system, draft, sample.part, now, heard)
        follow_needs(system, draft, state, Span(sample.started, sample.ended))
        step(system, draft, assess(system, draft.state), now, heard)
        if not draft.state.assessed:
            draft.state = replace(draft.state, assessed=True)
    return draft.step()


def _follow_active(
    system: System, draft: Draft, sample: Sample, before: PartState, above: int | None, now: Moment, heard: Instant
) -> None:
    if sample.part == ENTRY:
        active.follow_share(draft, system, sample)
    else:
        if not outdated(before, sample):
            active.follow_canary(draft, sample, above)
        active.follow_site(system, draft, sample.part, now, heard)


def marker_sent(state: SystemState, component: str, site: str, sent: Instant) -> tuple[SystemState, Marker]:
    """A canary marker is about to be written to `site`."""
    canary, marker = canaries.sent(state.canaries[component], site, sent)
    return replace(state, canaries={**state.canaries, component: canary}), marker


def marker_finished(
    system: System,
    state: SystemState,
    component: str,
    marker: Marker,
    outcome: Outcome,
    now: Moment,
    *,
    pending: Sequence[Instant] = (),
    heard: Instant = ALWAYS,
) -> Step:
    """A marker was acknowledged or failed. `pending` and `heard` as for looks."""
    role = state.roles.get(component)
    pending = awaited(state, pending)
    blind = proves_nothing(state, outcome.reason, marker.sent)
    counts = (role is None or role.site == marker.site) and not blind and not system.active_active
    canary = canaries.finished(state.canaries[component], marker.seq, outcome, counts=counts)
    track = canary.track
    for started in pending if counts else ():
        track = abandon(track, started)
    canary = replace(canary, track=track)
    if system.active_active:
        seen = state.parts.get(Part(marker.site, component)) or PartState()
        canary = active.follow_write(canary, marker, outcome, pending, seen, blind=blind)
    draft = Draft(system.name, replace(state, canaries={**state.canaries, component: canary}))
    follow_needs(system, draft, state, Span(marker.sent, outcome.ended))
    step(system, draft, assess(system, draft.state), now, heard)
    return draft.step()


def tripped(state: SystemState, part: Part, at: Instant) -> SystemState:
    """The idle connection that we hold to this part broke. It proves nothing, but it dates what may follow.

    A look may have found the death some milliseconds before the connection ended: then it is that look that dates it best.
    """
    known = state.parts.get(part) or PartState()
    state = state.with_part(part, replace(known, tripped=at))
    incident = state.incident
    if incident is None or incident.start.best is not None or part.site not in ("", incident.from_site):
        return state
    lower, upper, _ = incident.start
    if not lower < at <= upper + TRIPPED_LATE:
        return state
    return replace(state, incident=dated(state, incident, Interval(lower, upper, min(at, upper))))


def blinded(system: System, state: SystemState, since: Instant, now: Moment, why: str = "") -> Step:
    """The exporter is cut off: nothing that was silent since counts, and a doubt that rests on silence is withdrawn.

    `why`: a sentence, if it is not cut off from everybody. What hid it before we began to look hid nothing.
    """
    if state.blind_since is not None:
        return Step(state)
    since = max(since, state.trusted_since)
    evidence = assess(system, state)
    incident = state.incident
    hollow = incident is not None and not incident.declared and not incident.component
    if hollow and isinstance(evidence, Dark) and evidence.silent:
        incident = None
    draft = Draft(
        system.name,
        replace(
            state.left(since),
            incident=incident,
            parts={
                part: replace(known, reach=forget_silence(known.reach, since), serve=forget_silence(known.serve, since))
                for part, known in state.parts.items()
            },
            canaries={
                name: replace(
                    canary,
                    track=forget_silence(canary.track, since),
                    tracks={site: forget_silence(track, since) for site, track in canary.tracks.items()},
                )
                for name, canary in state.canaries.items()
            },
            traffic_seen=(),
        ),
    )
    if why:
        draft.state = replace(draft.state, serving=())
        enter(draft, Mode.UNKNOWN, why, now)
    step(system, draft, assess(system, draft.state), now, ALWAYS)
    return draft.step()


def sighted(system: System, state: SystemState, now: Moment) -> Step:
    """Something answers again. What we knew before is old; the next looks tell."""
    since = state.blind_since
    if since is None:
        return Step(state)
    return Step(_unwatched(replace(state, blind_since=None), since, now.mono))


def resume(system: System, state: SystemState, written: Instant, now: Moment) -> Step:
    """A state from an earlier run, which looked until `written`: an absence of the exporter is blindness too.

    Looks and markers are counted anew: the last of the earlier run may not be in its state, and a counter that falls a
    little looks to Prometheus like one that began at 0. Numbers of markers go on far above the last that is known.
    """
    if state.blind_since is not None:
        written = min(written, state.blind_since)
    state = numbers.after_absence(state.left(written), now.mono - written)
    draft = Draft(system.name, _unwatched(replace(state, blind_since=None), written, now.mono))
    follow_reload(system, draft, now)
    state = draft.state = replace(
        draft.state,
        serving=(),
        parts={part: counted_anew(known) for part, known in draft.state.parts.items()},
        canaries={name: replace(canary, writes=0, failed=0) for name, canary in draft.state.canaries.items()},
    )
    if state.mode in CALM:
        enter(draft, Mode.UNKNOWN, "the exporter has just started; it is looking", now)
    return draft.step()


def paused(state: SystemState, since: Instant, until: Instant) -> SystemState:
    """The exporter itself stood still in between: frozen, or without a processor. Nobody looked, as if it had been away.

    What it believes stands: the next looks tell. Those that waited meanwhile do not, unless they went well.
    """
    if state.blind_since is not None:
        return state
    return replace(_unwatched(replace(state.left(since), blind_since=None), since, until), assessed=False)


def _unwatched(state: SystemState, since: Instant, until: Instant) -> SystemState:
    """Nobody looked from `since` to `until`."""
    state = in_sight(state, since)
    incident, counters = state.incident, state.counters
    if incident is not None and incident.end is None:
        hidden = max(0.0, until - max(since, incident.start.lower))
        incident = replace(incident, blind=incident.blind + hidden)
    return replace(
        state,
        hidden=with_hidden(state.hidden, since, until),
        trusted_since=until,
        observed_since=until if state.seen else None,
        traffic_seen=(),
        incident=incident,
        counters=replace(counters, blind=counters.blind + max(0.0, until - since)),
    )


def with_markers(state: SystemState, markers: Mapping[str, Sequence[Marker]]) -> SystemState:
    """The state with its markers, which are kept apart; numbers go on above the highest that was ever used, and what was
    acknowledged after the state was written down stays exposed like all the rest.

    Markers that were never acknowledged and went out before a move that was measured are settled: they are left out, and so are
    those whose number was taken.
    """
    owed = unmeasured(state)
    settled = {
        name: role.moved.upper for name, role in state.roles.items() if role.moved is not None and name not in owed
    }
    known = {}
    for name, canary in state.canaries.items():
        found = markers.get(name, ())
        since = settled.get(name, -ALWAYS)
        kept = tuple(m for m in found if m.acked is not None or (m.site and m.sent > since))
        seq = max([canary.seq, *(marker.seq for marker in found)])
        acked = [marker for marker in found if marker.acked is not None]
        known[name] = replace(active.acknowledged(canary, acked), markers=kept, seq=seq)
    return replace(state, canaries=known)
