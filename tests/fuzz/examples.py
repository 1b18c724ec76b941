"""How many made-up inputs each test tries: a few, the same ones every time, in `make test`; as many new ones as wanted in `make fuzz`."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

WANTED = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Examples a test; 0: its own few."""
FEW_PER_MANY = 100
"""`FUZZ_EXAMPLES` is meant for a test that tries so many by itself; one that tries fewer, because each is dear, gets less."""


def examples(few: int) -> Callable[[Any], Any]:
    """The settings of a test that tries `few` in `make test`."""
    return settings(
        max_examples=max(few, WANTED * few // FEW_PER_MANY),
        derandomize=not WANTED,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # a conversation over sockets would be made smaller for minutes
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
