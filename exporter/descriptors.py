"""How many files and sockets may be open at a time: as many as the system lets us, and a warning if these are too few."""

import logging
import resource

from exporter.config import Config
from exporter.core.model import Part, System

_LOG = logging.getLogger(__name__)
UNLIMITED = 1 << 30
_APIECE = 2
"""A kept connection, and a fresh one when in doubt."""
_BESIDE = 300
"""For those who ask us, the ledger, and looks at what is not vital."""


def needed(config: Config) -> int:
    """About how many this shard of the configuration may need at a time."""
    vital = sum(
        _vital(system.model, part)
        for name, system in config.systems.items()
        if config.shard.owns(name)
        for part in system.endpoints
    )
    return _APIECE * vital + _BESIDE


def allow(enough: int) -> int:
    """Raise the soft limit to the hard one; log a warning if that is less than `enough`. Never raises.

    Returns how many are left beyond `enough`, for those who merely look on.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        allowed = most
    except (OSError, ValueError) as error:
        _LOG.warning("the soft limit of open files stays at %d: %s", allowed, error)
    if allowed != resource.RLIM_INFINITY and allowed < enough:
        _LOG.warning(
            "at most %d files and sockets may be open at a time, but what is configured may need %d in an outage: looks "
            "may fail for want of them; raise the hard limit (LimitNOFILE= of systemd, --ulimit nofile= of a container)",
            allowed,
            enough,
        )
    return UNLIMITED if allowed == resource.RLIM_INFINITY else max(0, allowed - enough)


def _vital(system: System, part: Part) -> bool:
    """Whether it has a say in "serving": such are looked at through a kept connection, and faster in doubt."""
    component = system.components.get(part.component)
    return component is None or component.critical
