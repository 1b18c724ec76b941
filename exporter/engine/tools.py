"""What whoever watches a system needs of the engine."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from exporter.core.model import Instant, Moment
from exporter.core.ports import Ledger
from exporter.engine.eye import Attempt
from exporter.engine.haste import Haste
from exporter.engine.publish import Publisher
from exporter.engine.sight import Sight
from exporter.engine.wheel import Wheel


class Tools(NamedTuple):
    """What all watches share."""

    wheel: Wheel
    clock: Callable[[], Instant]
    moment: Callable[[], Moment]
    attempt: Attempt
    ledger: Ledger
    publisher: Publisher
    sight: Sight
    spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
    answered: Callable[[Instant], None]
    """Somebody answered a look that ended then: whoever was blind is not any more."""
    silence: Callable[[], None]
    """Nobody answered a look: find out whether it is us."""
    haste: Haste
    awake: Callable[[], None] = lambda: None
    """Something is about to be done: find out whether we stood still before it."""
    cut_off: Callable[[], bool] = lambda: False
    """Whether the exporter is blind to everything."""
