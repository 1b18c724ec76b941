"""A process full of small sites, one for each of some systems, as the soak breaks them."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporter.core.interval import Interval
from tests.bench.rig import ask, running
from tests.servers import free_port
from tests.servers.processes import family, wait_stopped
from tests.soak.pages import Mode


class Rack:
    """Sites by the name of their system."""

    def __init__(self, child: "subprocess.Popen[str]", ports: Mapping[str, int]) -> None:
        self.ports = ports
        self._child = child
        self._talking = threading.Lock()

    def turn(self, system: str, mode: Mode) -> Interval:
        """Change one site; when that was."""
        with self._talking:
            before, after = map(float, ask(self._child, f"{self.ports[system]} {mode}").split())
        return Interval(before, after)

    def freeze(self) -> Interval:
        """All of them."""
        before = time.monotonic()
        self._child.send_signal(signal.SIGSTOP)
        wait_stopped(family(self._child.pid))
        return Interval(before, time.monotonic())

    def thaw(self) -> Interval:
        """It goes on some instants after this, when the machine has time for it."""
        before = time.monotonic()
        self._child.send_signal(signal.SIGCONT)
        with self._talking:
            ask(self._child, f"{next(iter(self.ports.values()))} ok")
        return Interval(before, time.monotonic())

    def systems(self) -> dict[str, Any]:
        """As a configuration: each has one critical page."""
        return {
            name: {
                "home": "hk",
                "objectives": {"rto": "60s", "availability": "99.9%"},
                "components": {"web": {"critical": True}},
                "sites": {"hk": {"web": {"http": {"url": f"http://127.0.0.1:{port}/"}}}},
            }
            for name, port in self.ports.items()
        }


@contextlib.contextmanager
def rack(names: Sequence[str]) -> Iterator[Rack]:
    """Until the block ends."""
    ports = {name: free_port() for name in names}
    with running(sys.executable, "-m", "tests.soak.pages", *map(str, ports.values())) as child:
        ask(child)
        try:
            yield Rack(child, ports)
        finally:
            child.send_signal(signal.SIGCONT)
