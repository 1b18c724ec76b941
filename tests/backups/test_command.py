"""Commands: what they print, how they fail, and that nothing of them stays."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.backups import SOURCES, permitted
from exporter.core.model import Reason
from tests.backups.inspecting import RECORDED, RECORDED_AT, failure, inspect, inspector
from tests.servers.processes import Process, family
from tests.servers.wait import until


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_a_tool_is_run_and_read() -> None:
    """What a command prints is read as the same text in a file would be."""
    command = ["cat", str(RECORDED / "barman-failed.json")]
    assert (await inspect("barman", command=command)).point == 1795380156


async def test_restic_is_checked_too(tmp_path: Path) -> None:
    """A repository in which the check finds errors has no backup that counts."""
    command = ["cat", str(RECORDED / "restic-0.17.json")]
    assert (await inspect("restic", command=command, check=["true"])).versions == 1
    failed = await failure(
        "restic", command=command, check=python("import sys; sys.exit('Fatal: repository contains errors')")
    )
    assert failed.detail.endswith("exits with 1: Fatal: repository contains errors")


async def test_a_failing_tool_says_why_without_its_secrets() -> None:
    """The exit code and the first line of the complaint are told; a password in it is not."""
    code = "import sys; print('\\nFatal: cannot open s3://x?password=hunter2', file=sys.stderr); print('more'); sys.exit(3)"
    failed = await failure("restic", command=python(code))
    assert failed.reason is Reason.ERROR_CODE
    assert "exits with 3: Fatal: cannot open s3://x?password=<secret>" in failed.detail
    assert "hunter2" not in str(failed)


async def test_a_tool_that_is_not_there() -> None:
    """A program that cannot be started is named."""
    failed = await failure("restic", command=["/nowhere/restic"])
    assert failed.detail.startswith("/nowhere/restic cannot be started: No such file or directory; name a program")


async def test_a_tool_that_says_too_much() -> None:
    """Output is bounded, and the command is ended."""
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    failed = await failure("restic", command=python(code))
    assert failed.reason is Reason.TOO_LARGE
    assert "prints more than 8388608 bytes" in failed.detail


async def test_a_tool_gets_only_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of our environment only what is harmless is passed on; what `env` says comes from files and variables."""
    monkeypatch.setenv("SECRET_OF_ANOTHER", "x")
    (tmp_path / "password").write_text("hunter2\n")
    code = f"import json, os; print(json.dumps({{'t': {RECORDED_AT}, 'e': 'SECRET_OF_ANOTHER' in os.environ or os.environ['P'] != 'hunter2'}}))"
    env = {"P": {"file": str(tmp_path / "password")}}
    facts = await inspect("json", command=python(code), env=env, point="$.t", encrypted="$.e")
    assert facts.encrypted is False
    failed = await failure("json", command=python(code), env={"P": {"file": "/nowhere"}}, point="$.t")
    assert failed.reason is Reason.INTERNAL


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_tool_that_hangs_is_ended_with_its_children(tmp_path: Path, stubborn: bool) -> None:
    """When the deadline passes the whole group gets SIGTERM, and SIGKILL if that does not help."""
    pids = tmp_path / "pids"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" if stubborn else "pass"
    code = f"{ignore}\nimport os, pathlib, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n"
    code += f"pathlib.Path({str(pids) + '.new'!r}).write_text(str(os.getpid()))\nos.rename({str(pids) + '.new'!r}, {str(pids)!r})\ntime.sleep(600)"
    inspection = asyncio.create_task(inspect("restic", command=python(code)))
    await asyncio.to_thread(until, pids.exists, "the command runs")
    group: set[Process] = family(int(pids.read_text()))
    assert len(group) == 2
    inspection.cancel()
    with pytest.raises(asyncio.CancelledError):
        await inspection
    await asyncio.to_thread(until, lambda: not any(one.is_alive for one in group), "the command and its child are gone")


async def test_a_child_that_keeps_the_output_open(tmp_path: Path) -> None:
    """A command that ends and leaves a child behind with its output is read at once, and the child is ended."""
    left = tmp_path / "left"
    code = f"import pathlib, subprocess; p = subprocess.Popen(['sleep', '600']); pathlib.Path({str(left)!r}).write_text(str(p.pid)); print('[]')"
    assert (await inspect("restic", command=python(code))).versions == 0
    orphan = int(left.read_text())
    await asyncio.to_thread(until, lambda: not family(orphan), "the child is gone")


async def test_what_fails_does_not_tell_its_secrets(tmp_path: Path) -> None:
    """A password that the command was given is hidden wherever it says it."""
    (tmp_path / "password").write_text("correct horse\n")
    code = "import os, sys; sys.exit(f'Fatal: {os.environ[\"P\"]} is wrong')"
    failed = await failure("restic", command=python(code), env={"P": {"file": str(tmp_path / "password")}})
    assert failed.detail.endswith("exits with 1: Fatal: <secret> is wrong")


def test_commands_have_to_be_allowed() -> None:
    """Without the flag a command is an error at its key, and none is built; a file needs no flag."""
    for name in ("pgbackrest", "barman", "restic", "velero"):
        forbidden = permitted(allow_exec=False)[name]
        with pytest.raises(ValidationError, match="--allow-exec") as raised:
            forbidden.settings.model_validate({"command": ["true"]})
        assert raised.value.errors()[0]["loc"] == ("command",)
        forbidden.build(forbidden.settings.model_validate({"file": "/x"}))
    allowed = permitted(allow_exec=True)["restic"].settings.model_validate({"command": ["true"]})
    with pytest.raises(ValueError, match="--allow-exec"):
        SOURCES["restic"].build(allowed)
    inspector("restic", command=["true"])


@pytest.mark.parametrize("command", [[], [""], ["a\0b"], "restic snapshots"])
def test_what_is_no_command(command: Any) -> None:
    """A command is a list of words, and never a line for a shell."""
    with pytest.raises(ValidationError):
        SOURCES["restic"].settings.model_validate({"command": command})


async def test_arguments_are_not_words_of_a_shell(tmp_path: Path) -> None:
    """What a shell would run is an argument like any other."""
    words = ["$(touch x)", "; touch y", "`touch z`"]
    printing = python(f"import json, sys; print(json.dumps({{'t': {RECORDED_AT}, 'n': len(sys.argv) - 1}}))")
    facts = await inspect("json", command=[*printing, *words], point="$.t", versions="$.n")
    assert facts.versions == 3
