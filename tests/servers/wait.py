"""Waiting for a condition with a bound, and free ports."""

import itertools
import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
FIRST_PORT, PORTS = 10_000, 2_500
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_COUNT = itertools.count(os.getpid())


def until(condition: Callable[[], Value], what: str, within: float = 45.0, step: float = 0.01) -> Value:
    """The first true value of `condition`. Raises AssertionError naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(step)


def free_port() -> int:
    """A loopback port that nobody listens on now, and that nobody else takes before it is used: it is below those that
    the kernel gives out by itself, and each process of a test run has a range of its own."""
    while True:
        port = FIRST_PORT + WORKER * PORTS + next(_COUNT) % PORTS
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as listener:
                    listener.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
