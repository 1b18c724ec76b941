"""Standbys that are lost and come back: events of their own, because nobody else tells before the disaster."""

from dataclasses import replace

from exporter.core.events import Draft
from exporter.core.model import Instant, Moment, Part, Policy, System
from exporter.core.past import Kind
from exporter.core.state import Track


def follow_standby(system: System, draft: Draft, part: Part, now: Moment, heard: Instant) -> None:
    """A standby of a stateful component is lost by the rule that declares outages: enough looks, long enough, and not
    from silence until anybody anywhere is heard (`heard`: start of the newest look that was answered)."""
    state = draft.state
    role = state.roles.get(part.component)
    lost = part in state.lost_standbys
    if role is None or part not in state.parts:
        return
    if role.site == part.site:
        if lost:
            draft.state = replace(state, lost_standbys=state.lost_standbys - {part})
        return
    reach = state.parts[part].reach
    if lost and reach.is_good:
        draft.state = replace(state, lost_standbys=state.lost_standbys - {part})
        draft.record(Kind.STANDBY_BACK, now.mono, f"the standby {part} answers again", {"site": part.site})
    elif not lost and declarable(system.policy, reach, now, heard):
        draft.state = replace(state, lost_standbys=state.lost_standbys | {part})
        sentence = f"the standby {part} is lost: {reach.reason}"
        draft.record(Kind.STANDBY_LOST, now.mono, sentence, {"site": part.site, "reason": str(reach.reason)})


def declarable(policy: Policy, reach: Track, now: Moment, heard: Instant) -> bool:
    """Enough failed looks, for long enough, and not from silence while nobody anywhere is heard."""
    if reach.bad is None or reach.count < policy.declare_after or (reach.silent and heard < reach.bad.end):
        return False
    return now.mono - reach.bad.end >= policy.declare_min
