"""Who holds the writable role of each stateful component, when it moved, and when two claim it.

look at X says              role is at   R's newest look    what happens
--------------------------  -----------  -----------------  --------------------------------------------------------
primary                     nowhere yet  -                  X has the role
primary, same epoch         X            -                  nothing
primary, other epoch        X            -                  the epoch moved in place: an event
primary                     R            failed or standby  the role moved to X: an event
primary                     R            good               contest: R is looked at again before anything is believed
primary                     R            by nobody any more the role moved to X: an event; else nobody would ever tell
primary, read-only          R, contest   good, later        the contest is over: it takes no writes, R does
primary, read-only again    R            any                nothing: it was fenced, and does not take over now
-                           R, contest   good, later        both take writes; after `split_brain_after` a split brain
-                           R, contest   failed or standby  the role moved to the claimant
standby, or gone            claimant     -                  the contest is over
"""

from dataclasses import replace

from exporter.core.events import Draft
from exporter.core.interval import Interval
from exporter.core.model import Facts, Moment, Part, Role, Sample, System
from exporter.core.moves import epoch_moved, led, role_moved
from exporter.core.past import Kind
from exporter.core.state import Contest, PartState, RoleState, SystemState


def claims(facts: Facts) -> bool:
    """Whether an endpoint says that it holds the role."""
    return facts.role is Role.PRIMARY if facts.role not in (None, Role.UNKNOWN) else facts.writable is True


def follow_roles(system: System, draft: Draft, sample: Sample, before: PartState, now: Moment) -> None:
    """Apply the table to one look. `before` is what was known of this endpoint until then."""
    component = sample.part.component
    if component not in system.components or not system.components[component].stateful:
        return
    role = draft.state.roles.get(component)
    if role is None:
        if sample.ok and claims(sample.facts):
            _take(system, draft, component, sample)
        return
    if sample.part.site == role.site:
        _at_holder(system, draft, role, sample, before, now)
    elif sample.ok and claims(sample.facts):
        _claimed(system, draft, role, sample, before, now)
    else:
        _not_claimed(system, draft, sample, now)


def _take(system: System, draft: Draft, component: str, sample: Sample) -> None:
    role = RoleState(sample.part.site, sample.facts.epoch)
    draft.state = led(system, replace(draft.state, roles={**draft.state.roles, component: role}))


def _at_holder(system: System, draft: Draft, role: RoleState, sample: Sample, before: PartState, now: Moment) -> None:
    component, state = sample.part.component, draft.state
    contest = state.contests.get(component)
    holds = state.parts[sample.part].serve.count == 0
    if sample.ok and claims(sample.facts) and sample.facts.epoch is not None:
        if role.epoch is None or role.epoch == sample.facts.continues:
            known = replace(role, epoch=sample.facts.epoch, settling=False)
            draft.state = replace(state, roles={**state.roles, component: known})
        elif role.epoch != sample.facts.epoch:
            epoch_moved(system, draft, sample, before, now)
    if contest is None:
        return
    claimant = Part(contest.claimant, component)
    if not holds:
        if draft.state.parts[claimant].serve.count == 0 or claims(draft.state.parts[claimant].facts):
            _won(system, draft, component, contest.claimant, contest.since, now)
    elif sample.started >= contest.since.upper:
        other = draft.state.parts[claimant]
        if other.serve.count == 0:
            _sighted(system, draft, contest, now)
        elif other.reach.count == 0:  # it answers, but takes no writes: no rival of one that does
            end_contest(draft, component, now)


def _sighted(system: System, draft: Draft, contest: Contest, now: Moment) -> None:
    """Both were seen writable once more."""
    contest = replace(contest, sightings=contest.sightings + 1)
    late = now.mono - contest.since.upper >= system.policy.split_brain_after
    if late and contest.sightings >= 2 and not contest.declared:
        holder = draft.state.roles[contest.component].site
        sentence = f"split brain: {contest.component} takes writes at {holder} and at {contest.claimant}"
        draft.record(
            Kind.SPLIT_BRAIN, now.mono, sentence, {"sites": [holder, contest.claimant], "component": contest.component}
        )
        contest = replace(contest, declared=True)
    draft.state = draft.state.but(contests={**draft.state.contests, contest.component: contest})


def _claimed(system: System, draft: Draft, role: RoleState, sample: Sample, before: PartState, now: Moment) -> None:
    component, site, state = sample.part.component, sample.part.site, draft.state
    if state.parts[sample.part].serve.count > 0 and claims(before.facts):
        return  # it has said so before and never took a write: a fenced server, not one that takes over now
    holder = state.parts.get(Part(role.site, component), role.left)
    earlier = before.serve.last_bad
    if earlier is None:  # it was never seen without the role; the other one was seen with it
        earlier = holder.serve.good.start if holder is not None and holder.serve.good else state.trusted_since
    since = Interval(min(earlier, sample.ended), sample.ended)
    if role.left is not None or (holder is not None and holder.serve.count > 0 and holder.sample is not None):
        _won(system, draft, component, site, since, now)
    elif component not in state.contests:
        draft.state = state.but(contests={**state.contests, component: Contest(component, site, since)})


def _not_claimed(system: System, draft: Draft, sample: Sample, now: Moment) -> None:
    contest = draft.state.contests.get(sample.part.component)
    if contest is None or contest.claimant != sample.part.site:
        return
    if sample.ok or draft.state.parts[sample.part].reach.count >= system.policy.declare_after:
        end_contest(draft, contest.component, now)


def _won(system: System, draft: Draft, component: str, site: str, since: Interval, now: Moment) -> None:
    """The role moved. A split brain that this ends is part of the move's incident, which may begin only here."""
    before = draft.state.incident
    seconds = end_contest(draft, component, now)
    role_moved(system, draft, component, site, since, now)
    if before is None:
        _count(draft, seconds)


def end_contest(draft: Draft, component: str, now: Moment) -> float:
    """One of the two no longer claims the role. A declared split brain gets its second record, with its length, and an incident
    that is open has it as a part. Returns the seconds that count there: those of it in which no other runs on; 0 if none was declared."""
    draft.state, contest = uncontested(draft.state, component), draft.state.contests.get(component)
    if contest is None or not contest.declared:
        return 0.0
    seconds = now.mono - contest.since.upper
    sentence = f"the split brain of {component} is over after {seconds:.1f} s"
    draft.record("split_brain_over", now.mono, sentence, {"component": component, "seconds": seconds})
    others = [other.since.upper for other in draft.state.contests.values() if other.declared]
    alone = max(0.0, min([now.mono, *others]) - contest.since.upper)
    _count(draft, alone)
    return alone


def uncontested(state: SystemState, component: str) -> SystemState:
    """The same, once one of the two sites has won: its canary is needed again."""
    if component not in state.contests:
        return state
    return state.but(contests={name: contest for name, contest in state.contests.items() if name != component})


def _count(draft: Draft, seconds: float) -> None:
    incident = draft.state.incident
    if incident is not None:
        draft.state = replace(draft.state, incident=replace(incident, split_brain=incident.split_brain + seconds))
