"""Children of the demo: started, ended by pid, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.demo.process import Children, DemoError, free_ports, until

WITHIN = 15.0
SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
PARENT = """
import asyncio, os, signal, sys
from pathlib import Path
from exporter.demo.process import Children

async def main():
    async with Children(Path(sys.argv[1])) as children:
        print(await children.start("child", sys.argv[2:]), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Whether it runs; what is dead but not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_children_end_with_their_block(tmp_path: Path) -> None:
    """Leaving the block ends every process, also one that does not care for SIGTERM."""
    deaf = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
    ]
    async with Children(tmp_path, patience=0.2) as children:
        pids = [await children.start("tame", SLEEP), await children.start("deaf", deaf)]

        async def here() -> bool:
            return all(children.log(name).read_text() == "here\n" for name in ("tame", "deaf"))

        await until(here, "both run", WITHIN)
    assert not any(alive(pid) for pid in pids)


async def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """Even kill -9 of the demo leaves no process behind."""
    command = [sys.executable, "-c", PARENT, str(tmp_path), *SLEEP]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())

    async def started() -> bool:
        return (tmp_path / "child.log").read_text() == "here\n"

    async def ended() -> bool:
        return not alive(child)

    await until(started, "the child runs", WITHIN)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(ended, "the child has ended", WITHIN)


async def test_a_process_that_ends_by_itself_is_named(tmp_path: Path) -> None:
    """The error quotes the last words of what ended."""
    async with Children(tmp_path) as children:
        await children.start_module("broken", "exporter.demo.site", "--port", "x")

        async def ended() -> bool:
            return not children.alive("broken")

        await until(ended, "it ends", WITHIN)
        with pytest.raises(DemoError, match=r"broken ended by itself with code 2:(.|\n)*invalid int value"):
            children.must_live()


async def test_waiting_in_vain_says_for_what() -> None:
    """`until` gives up with a sentence."""

    async def never() -> bool:
        return False

    with pytest.raises(DemoError, match=r"waited 0\.1 s in vain for this: pigs fly"):
        await until(never, "pigs fly", 0.1)


def test_free_ports_differ() -> None:
    """No port is given out twice at a time."""
    assert len(set(free_ports(20))) == 20
