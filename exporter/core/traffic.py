"""Which site answers at the entry, where the entry tells it."""

from dataclasses import replace

from exporter.core.events import Draft
from exporter.core.looks import outdated
from exporter.core.model import Moment, Sample, System
from exporter.core.past import Kind


def follow_traffic(system: System, draft: Draft, sample: Sample, now: Moment) -> None:
    """Traffic that moved while the roles stayed is an event, once two looks in a row told the same new site.

    With an incident open it is part of that incident, and with a role that moved along it is no news.
    """
    site = sample.facts.served_by
    state = draft.state
    late = outdated(state.parts[sample.part], sample)  # a look that began after it has told already where users get
    if not sample.ok or late or site is None or site not in system.sites:
        return
    settled = state.traffic_settled
    if site == state.traffic != settled:
        draft.state = replace(state, traffic_settled=site)
        follows = any(role.site == site for role in state.roles.values())
        if settled is not None and state.incident is None and not follows:
            sentence = f"traffic moved from {settled} to {site}; the roles stay"
            draft.record(Kind.TRAFFIC_MOVED, now.mono, sentence, {"from": settled, "to": site})
    elif site != state.traffic:
        draft.state = replace(state, traffic=site)
