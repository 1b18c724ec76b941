"""`python -m tests.faults.zygote`: has imported the exporter, and starts as many of them as it is asked to.

On a small machine nine tenths of a start are the imports, and a thousand starts are many. A forked exporter is a process of its
own that runs the same command from its first line on; what it does not do again is to compile and import.

Reads one line of JSON for each, {"arguments": [...], "log": path}, and writes `started PID`; `ended PID CODE` when one
ends. When its standard input ends, or it dies, all of them are killed.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from exporter import cli
from exporter.demo.leash import PR_SET_PDEATHSIG


def main() -> None:
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.collect()
    gc.freeze()
    asked = b""
    while True:
        ready, _, _ = select.select([0, awake], [], [])
        if awake in ready:
            with suppress(BlockingIOError):
                os.read(awake, 4096)
            bury()
        if 0 in ready:
            more = os.read(0, 65536)
            if not more:
                return
            *whole, asked = (asked + more).split(b"\n")
            for line in whole:
                tell("started", bear(json.loads(line)))


def bear(wish: Mapping[str, Any]) -> int:
    """Fork one; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        become(wish["log"])
        cli.main(wish["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def become(log: str) -> None:
    """What a process has that a shell started: nothing of ours but the log to write to."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, said), (2, said)):
        os.dup2(file, number)
    os.closerange(3, 64)


def bury() -> None:
    """Tell of those that ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        tell("ended", pid, os.waitstatus_to_exitcode(status))


def tell(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


if __name__ == "__main__":
    main()
