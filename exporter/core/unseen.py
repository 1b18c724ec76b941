"""What is needed and looked at nowhere: the role or traffic is at a site without a probe for it, or a reload took that out.

Nobody can tell then how the system is, so that it is `unknown`, and that time counts neither as up nor as down.
"""

from dataclasses import replace

from exporter.core.model import Instant
from exporter.core.state import SystemState


def out_of_sight(state: SystemState, now: Instant) -> SystemState:
    """Until now it was observed, and no longer."""
    if state.unseen_since is not None:
        return state
    return state.left(now).but(blind_since=None, serving=(), unseen_since=now)


def in_sight(state: SystemState, until: Instant) -> SystemState:
    """All that is needed is looked at again; or from `until` on nothing is, which is counted elsewhere."""
    since, incident = state.unseen_since, state.incident
    if since is None:
        return state
    if incident is not None and incident.end is None:
        hidden = max(0.0, until - max(since, incident.start.lower))
        incident = replace(incident, blind=incident.blind + hidden)
    return state.but(unseen_since=None, incident=incident, observed_since=until if state.seen else None)
