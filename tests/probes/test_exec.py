"""The kind `exec`, with real commands."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from exporter import command
from exporter.core.model import Facts, Reason, Role, Sample
from exporter.probes import KINDS, permitted
from exporter.probes.kind import Probe
from tests.probes.looking import look, probe
from tests.servers import until


def shell(script: str, **settings: Any) -> Probe:
    """A command is a program and its arguments; here that program is a shell."""
    return probe("exec", command=["/bin/sh", "-c", script], **settings)


async def ran(script: str, timeout: float = 5.0, **settings: Any) -> Sample:
    made = shell(script, **settings)
    try:
        return await look(made, timeout)
    finally:
        await made.close()


async def until_gone(group: int) -> None:
    """Wait until nothing of a process group is left, not even a zombie."""

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    await asyncio.to_thread(until, gone, "the process group is gone")


async def group_of(path: Path) -> int:
    """The number that the command wrote there."""

    def written() -> str:
        text = path.read_text() if path.exists() else ""
        return text if text.endswith("\n") else ""

    return int(await asyncio.to_thread(until, written, "the command has begun"))


def is_our_child(process: int) -> bool:
    """Dead or alive: whether it still has to be reaped."""
    try:
        os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_what_it_tells() -> None:
    """Facts as JSON, and a sentence for people."""
    said = """echo '{"ok": true, "detail": "312 orders", "role": "primary", "writable": true, "epoch": 3, "position": 123,
              "served_by": "hk", "more": [1]}'"""
    sample = await ran(said, tells=["role", "served_by"])
    assert sample.ok, sample.detail
    assert sample.detail == "312 orders"
    assert sample.facts == Facts(role=Role.PRIMARY, writable=True, epoch="3", position=123, served_by="hk")
    assert sample.phases.processing is not None


@pytest.mark.parametrize(
    ("script", "reason", "sentence"),
    [
        ("""echo '{"ok": false, "detail": "no orders"}'""", Reason.ASSERTION, "no orders"),
        ("""echo '{"ok": false}'""", Reason.ASSERTION, "the command says that it is not ok"),
        ("echo; echo first >&2; echo second >&2; exit 3", Reason.ASSERTION, "the command exits with 3: first"),
        ("echo on output; exit 1", Reason.ASSERTION, "the command exits with 1: on output"),
        ("""echo '{"ok": true}'; exit 2""", Reason.ASSERTION, "exits with 2"),
        ("kill -9 $$", Reason.ASSERTION, "the command was ended by signal 9"),
        ("echo all is well", Reason.PROTOCOL, 'print one object like {"ok": true}'),
        ("true", Reason.PROTOCOL, "does not answer JSON"),
        ("printf '\\377\\376'", Reason.PROTOCOL, "does not answer JSON"),
        ("head -c 60000 /dev/zero | tr '\\0' '['", Reason.PROTOCOL, "does not answer JSON"),
        ("echo '[true]'", Reason.PROTOCOL, "is not as it should be"),
        ("""echo '{"detail": "x"}'""", Reason.PROTOCOL, "ok: Field required"),
        ("""echo '{"ok": 1}'""", Reason.PROTOCOL, "ok: Input should be a valid boolean"),
        ("""echo '{"ok": true, "role": "boss"}'""", Reason.PROTOCOL, "role: Input should be"),
        ("""echo '{"ok": true, "position": 1.5}'""", Reason.PROTOCOL, "position: "),
        (f"""echo '{{"ok": true, "applied": {10**400}}}'""", Reason.PROTOCOL, "applied: "),
        ("cat", Reason.PROTOCOL, "does not answer JSON"),  # standard input is empty
        ("yes", Reason.TOO_LARGE, "more than 65536 bytes"),
        ("yes >&2", Reason.TIMEOUT, ""),
        ("sleep 60", Reason.TIMEOUT, ""),
    ],
)
async def test_what_goes_wrong(script: str, reason: Reason, sentence: str) -> None:
    """Each way to fail has its reason, and the first line that the command said."""
    sample = await ran(script, timeout=0.5 if reason is Reason.TIMEOUT else 10.0)
    assert sample.reason is reason, sample.detail
    assert sentence in sample.detail
    assert "\n" not in sample.detail


async def test_what_was_promised_must_be_told() -> None:
    """An answer without its role would make a primary look like nothing."""
    sample = await ran("""echo '{"ok": true, "served_by": null}'""", tells=["served_by"])
    assert sample.reason is Reason.PROTOCOL
    assert "has no served_by" in sample.detail


async def test_no_such_program(tmp_path: Path) -> None:
    """What cannot be started is our trouble, and is said so."""
    for name in ("none", "text"):
        (tmp_path / "text").write_text("x")
        sample = await look(probe("exec", command=[str(tmp_path / name)]))
        assert sample.reason is Reason.INTERNAL
        assert f"{name} cannot be started: " in sample.detail
    sample = await look(probe("exec", command=["/bin/true"], env={"A": "b\0c"}))
    assert "/bin/true cannot be started: a value of its environment holds a zero byte" in sample.detail


async def test_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gets its own secrets and none of ours; what it says of them is masked."""
    monkeypatch.setenv("OTHER_SYSTEM", "ours-alone")
    (tmp_path / "token").write_text("s3cr3t!\n")
    settings: dict[str, Any] = {"env": {"TOKEN": {"file": str(tmp_path / "token")}, "PLACE": "hk"}}
    sample = await ran('echo "$PLACE $TOKEN [$OTHER_SYSTEM] password=hunter22"; exit 1', **settings)
    assert sample.detail == "the command exits with 1: hk <secret> [] password=<secret>"
    sample = await ran('printf \'{"ok": true, "detail": "%s"}\' "$TOKEN"', **settings)
    assert (sample.ok, sample.detail) == (True, "<secret>")
    (tmp_path / "token").unlink()
    assert (await ran("true", **settings)).reason is Reason.AUTH


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('echo "bad key: $KEY" >&2; exit 1', "the command exits with 1: bad key: <secret>"),
        ('echo "bad key: $KEY"; exit 1', "the command exits with 1: bad key: <secret>"),
        ('echo "cannot read: ${KEY#??}" | head -n 1 >&2; exit 1', "the command exits with 1: cannot read: <secret>"),
        ('echo "$KEY" | tail -n 1 >&2; exit 1', "the command exits with 1: <secret>"),
        ("""echo '{"ok": false, "detail": "{cGFzc3dvcmQ}"}'""", "{<secret>}"),
    ],
)
async def test_secrets_of_several_lines(script: str, told: str, tmp_path: Path) -> None:
    """Of a key no line is told, whether a command quotes it whole or in part; what is too short to tell anything stays."""
    (tmp_path / "key").write_text("{\n-----BEGIN PRIVATE KEY-----\n  cGFzc3dvcmQ\n-----END PRIVATE KEY-----\n")
    assert (await ran(script, env={"KEY": {"file": str(tmp_path / "key")}})).detail == told


async def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    """SIGTERM at once, so that a check can tidy up; the look does not wait for that."""
    tidy = f'trap "echo bye > {tmp_path}/bye; exit" TERM; sleep 60 & echo $$ > {tmp_path}/group; wait'
    made = shell(tidy)
    sample = await look(made, timeout=0.5)
    assert sample.reason is Reason.TIMEOUT
    await until_gone(await group_of(tmp_path / "group"))
    assert (tmp_path / "bye").read_text() == "bye\n"
    await made.close()


async def test_a_command_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL follows after a grace, for its children as well."""
    monkeypatch.setattr(command, "GRACE", 0.1)
    made = shell(f'trap "" TERM; echo $$ > {tmp_path}/group; while true; do sleep 60; done')
    assert (await look(made, timeout=0.5)).reason is Reason.TIMEOUT
    await until_gone(await group_of(tmp_path / "group"))
    await made.close()


async def test_close_leaves_nothing(tmp_path: Path) -> None:
    """Stopping the exporter ends what still has its grace, at once."""
    made = shell(f'trap "" TERM; echo $$ > {tmp_path}/group; while true; do sleep 60; done')
    looking = asyncio.create_task(look(made, timeout=60))
    group = await group_of(tmp_path / "group")
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await made.close()
    assert not is_our_child(group)
    await until_gone(group)


async def test_what_it_leaves_behind_is_killed(tmp_path: Path) -> None:
    """A child that holds the pipe open neither delays the answer nor lives on."""
    sample = await ran(f"""sleep 60 & echo $$ > {tmp_path}/group; echo '{{"ok": true}}'""")
    assert sample.ok, sample.detail
    await until_gone(await group_of(tmp_path / "group"))


async def test_what_has_left_the_group_delays_nothing(tmp_path: Path) -> None:
    """A daemon that holds the pipes open is not ours to end, and nobody waits for it."""
    daemon = f"setsid sh -c 'echo $$ > {tmp_path}/daemon; exec sleep 60' & while [ ! -s {tmp_path}/daemon ]; do :; done"
    sample = await ran(f"""{daemon}; echo '{{"ok": true}}'""")
    os.kill(await group_of(tmp_path / "daemon"), signal.SIGKILL)
    assert sample.ok, sample.detail


async def test_many_looks_leave_nothing_open() -> None:
    """No descriptor is lost, whether the command ends, fails or is given up."""

    async def round_of_looks() -> None:
        for script, timeout in (("""echo '{"ok": true}'""", 5.0), ("exit 1", 5.0), ("yes", 5.0), ("sleep 60", 0.02)):
            await ran(script, timeout)
        await asyncio.sleep(0)

    await round_of_looks()
    before = descriptors()
    for _ in range(5):
        await round_of_looks()
    assert descriptors() <= before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"command": []}, "the command is empty"),
        ({"command": "/bin/true"}, "valid tuple"),
        ({"command": ["/bin/true", ""]}, "is no argument"),
        ({"command": ["/bin/true"], "max_output": "64k"}, "write a number of bytes, or one like 64KiB"),
        ({"command": ["/bin/true"], "env": {"A=B": "c"}}, "is not the name of a variable"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in the settings is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["exec"].settings.model_validate(wrong)
    assert sentence in str(error.value)


def test_it_is_off_unless_allowed() -> None:
    """Without the flag its settings refuse everything and name the flag; with it they tell what the answer will hold."""
    settings = {"command": ["/bin/true"], "tells": ["role"], "max_output": "1KiB"}
    with pytest.raises(ValueError, match="start serve and check with --allow-exec"):
        permitted(allow_exec=False)["exec"].settings.model_validate(settings)
    kind = permitted(allow_exec=True)["exec"]
    made = kind.settings.model_validate(settings)
    assert (kind.stateful(made), kind.tells_site(made)) == (True, False)


async def test_a_signal_to_a_group_that_is_gone(tmp_path: Path) -> None:
    """A command that ends in the very moment of its deadline is no fault."""
    for pause in (0.0, 0.001, 0.002, 0.004):
        sample = await ran(f"sleep {pause}; kill -{signal.SIGTERM} $$", timeout=0.01)
        assert sample.reason in (Reason.TIMEOUT, Reason.ASSERTION)
