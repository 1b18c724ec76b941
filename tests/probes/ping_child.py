"""Looks once at each host on its command line and prints reason and detail: `python -m tests.probes.ping_child uvloop ::1`."""

import asyncio
import json
import sys

import uvloop

from tests.probes.looking import look, probe


async def main(hosts: list[str]) -> None:
    samples = await asyncio.gather(*(look(probe("icmp", host=host), timeout=0.7) for host in hosts))
    print(json.dumps({host: (sample.reason, sample.detail) for host, sample in zip(hosts, samples, strict=True)}))


if __name__ == "__main__":
    factory = uvloop.new_event_loop if sys.argv[1] == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(sys.argv[2:]))
