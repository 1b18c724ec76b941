"""Our side of the bench: paced looks in a process of its own.

`python -m tests.bench.looker KIND SETTINGS(JSON) RATE COUNT` warms up, prints "ready", waits for a line, makes COUNT looks at RATE
a second in slots of 20 ms as the engine does, prints how many were ok, and waits for the end of its input.
"""

import asyncio
import json
import sys
import time
from functools import partial

import uvloop

from exporter.core.model import ENTRY, Sample
from exporter.probes import KINDS
from exporter.probes.attempt import attempt
from exporter.probes.kind import Ask, Context, Probe

SLOT = 0.02


async def _looks(probe: Probe, rate: float, count: int) -> int:
    """How many of `count` paced looks were ok."""
    loop = asyncio.get_running_loop()
    look = partial(probe.look, Ask(fresh=True))
    good = left = count

    def ended(task: asyncio.Task[Sample]) -> None:
        nonlocal good, left
        left -= 1
        if not task.result().ok:
            good -= 1
        if not left:
            over.set()

    over = asyncio.Event()
    running: set[asyncio.Task[Sample]] = set()
    begun = loop.time()
    for number in range(count):
        if (wait := begun + number // max(1, int(rate * SLOT)) * SLOT - loop.time()) > 0:
            await asyncio.sleep(wait)
        task = loop.create_task(attempt(ENTRY, look, asyncio.timeout(5), time.monotonic))
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(ended)
    await over.wait()
    return good


async def _main(kind: str, settings: str, rate: float, count: int) -> None:
    loop = asyncio.get_running_loop()
    chosen = KINDS[kind]
    probe = chosen.build(chosen.settings.model_validate(json.loads(settings)), Context("bench"))
    await _looks(probe, rate, int(rate))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    print(await _looks(probe, rate, count), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
