"""Systems that are not watched, as they stood when somebody looked last. One that is put back into the configuration goes on
from there, with an absence in between: begun anew it would have a whole budget, no past and no open incident."""

import logging
from collections.abc import Callable, Container

from exporter.core import fold, watching
from exporter.core.codec import Decoder
from exporter.core.model import Moment
from exporter.core.ports import Loaded
from exporter.core.state import Step, SystemState
from exporter.engine.heart import ALIVE, BEAT

_LOG = logging.getLogger(__name__)

MOST = 1000
"""Beyond it the one that left first is begun anew if it ever comes back in this run."""

Keep = Callable[[str, Step], None]
"""Writes down that a system is watched no longer: its name, its last state, and the record."""


class Departed:
    """Their states, by name."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._states: dict[str, SystemState] = {}

    def load(self, loaded: Loaded, wanted: Container[str], now: Moment) -> None:
        """What an earlier run watched until it died. Of what is not wanted any more it is told that it left then."""
        # Without a record a system did not change until the earlier run died, however old its own heartbeat is. That may
        # have been somewhat later than the newest one; counted as if it was, no counter that was scraped falls back.
        alive = min(now.mono, max((written.mono for written in loaded.written.values()), default=0.0) + ALIVE + BEAT)
        for name, checkpoint in loaded.checkpoints.items():
            try:
                state = Decoder(loaded.shift[name], loaded.slack[name]).state(checkpoint)
            except ValueError as error:
                _LOG.warning("begin anew with %s: %s", name, error)
                continue
            markers = {component: tuple(found) for (owner, component), found in loaded.markers.items() if owner == name}
            state = fold.with_markers(state, markers)
            if name in wanted:
                self._states[name] = state.left(alive)
            elif state.blind_since is None:
                self._leave(name, watching.ended(name, state, alive, now))
            else:  # it was told already, or nobody could look when the run died
                self._states[name] = state

    def leave(self, name: str, state: SystemState, now: Moment) -> None:
        """It was taken out of the configuration just now."""
        self._leave(name, watching.ended(name, state, now.mono, now))

    def take(self, name: str) -> SystemState | None:
        """The state of one that comes back; None if nothing is known of it."""
        return self._states.pop(name, None)

    def _leave(self, name: str, step: Step) -> None:
        self._keep(name, step)
        self._states[name] = step.state

    def shed(self) -> None:
        """Remember no more than MOST."""
        while len(self._states) > MOST:
            del self._states[next(iter(self._states))]
