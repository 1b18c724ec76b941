"""What role a MySQL or MariaDB server plays, judged from its channels, read_only, and what it was when it was seen last.

channels            takes writes   was last        role
------------------  -------------  --------------  ------------------------------------------------------------
one runs, or tries  any            any             standby (one that takes writes says so; it still follows)
all stopped         no             any             standby
all stopped         yes            writable standby   standby: its replication was stopped, as it may be for a backup
all stopped         yes            anything else   primary: promoted without RESET SLAVE ALL
none                yes            any             primary
none                no             standby         primary, not writable: a promotion that got stuck
none                no             anything else   unknown: a fenced old primary claims nothing
"""

from exporter.core.model import Role
from exporter.probes.mysql_facts import Channel, Seen


class RoleMemory:
    """Remembers, of one server, what its answers alone do not tell."""

    def __init__(self) -> None:
        self._followed = False
        """It was a standby, and has not taken writes as a primary since."""
        self._wrote_meanwhile = False
        """It took writes as a standby when it was seen last."""
        self._primaries: dict[str, str] = {}

    def role(self, seen: Seen) -> Role:
        """By the table above; remembers it."""
        role = self._role(seen)
        if role is Role.STANDBY:
            self._followed, self._wrote_meanwhile = True, seen.writable
        elif seen.writable:
            self._followed = self._wrote_meanwhile = False
        return role

    def _role(self, seen: Seen) -> Role:
        if not seen.channels:
            return Role.PRIMARY if seen.writable or self._followed else Role.UNKNOWN
        stopped = all(channel.stopped for channel in seen.channels)
        promoted = stopped and seen.writable and not self._wrote_meanwhile
        return Role.PRIMARY if promoted else Role.STANDBY

    def epoch(self, channel: Channel | None) -> str | None:
        """The identity of the primary that is followed. MariaDB forgets it when it restarts, until it has reached it again."""
        if channel is None:
            return None
        if channel.primary is not None:
            self._primaries = {channel.name: channel.primary}
        return self._primaries.get(channel.name)
