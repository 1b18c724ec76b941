"""The contract suite: every kind meets the same bad servers and names what it met."""

import asyncio
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from exporter.core.model import Reason
from tests import hostile
from tests.hostile import Server, serve
from tests.probes.contract import CASES, Case
from tests.probes.example import example_code
from tests.probes.looking import look
from tests.servers import free_port
from tests.servers.certificates import Certificates


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


every_kind = each(list(CASES))
with_credentials = each([case for case in CASES if case.refusal is not None])
with_a_tripwire = each([case for case in CASES if case.tripwire])


def serve_well(case: Case, certificates: Certificates, port: int = 0) -> AbstractAsyncContextManager[Server]:
    return serve(case.good, certificates.server("good") if case.tls else None, port)


@every_kind
async def test_a_good_answer_is_ok(case: Case, certificates: Certificates) -> None:
    """A server that answers as it should gives a sample that is ok and timed."""
    async with serve_well(case, certificates) as server:
        sample = await look(case.build(server.port))
    assert sample.ok, sample.detail
    assert sample.phases.connect is not None
    assert getattr(sample.phases, case.waits) is not None
    assert sample.started <= sample.ended


@every_kind
async def test_refused(case: Case) -> None:
    """Nobody listens: refused, at once."""
    sample = await look(case.build(free_port()))
    assert sample.reason is Reason.REFUSED
    assert sample.phases.connect is not None


@every_kind
async def test_a_hang_is_a_timeout(case: Case) -> None:
    """A server that accepts and is silent costs the deadline, and the sample tells where the time went."""
    async with serve(hostile.hang) as server:
        sample = await look(case.build(server.port), timeout=0.1)
    assert sample.reason is Reason.TIMEOUT
    assert sample.phases.connect is not None
    assert getattr(sample.phases, case.waits) is not None
    assert sample.phases.transfer is None


@every_kind
async def test_no_answer_to_a_syn_is_a_timeout(case: Case) -> None:
    """A full backlog swallows the SYN: the look is still connecting when its time is over."""
    with hostile.full_backlog() as port:
        sample = await look(case.build(port), timeout=0.1)
    assert sample.reason is Reason.TIMEOUT
    assert sample.phases.connect is not None
    assert sample.phases.processing is None


@every_kind
async def test_reset(case: Case) -> None:
    """A reset instead of an answer."""
    async with serve(case.opened(hostile.reset)) as server:
        assert (await look(case.build(server.port))).reason is Reason.RESET


@with_credentials
async def test_wrong_credentials(case: Case) -> None:
    """A server that knows us not: auth, which is an answer."""
    assert case.refusal is not None
    async with serve(case.refusal) as server:
        assert (await look(case.build(server.port))).reason is Reason.AUTH


@every_kind
async def test_garbage(case: Case) -> None:
    """Bytes that are no answer of this kind."""
    async with serve(case.opened(hostile.answer(hostile.GARBAGE))) as server:
        assert (await look(case.build(server.port))).reason is case.nonsense


@every_kind
async def test_a_slow_drip_does_not_outlive_the_deadline(case: Case) -> None:
    """Progress, however steady, does not move the deadline."""
    async with serve(case.opened(hostile.drip(case.whole))) as server:
        assert (await look(case.build(server.port), timeout=0.1)).reason is Reason.TIMEOUT


@every_kind
async def test_dies_in_the_middle_of_its_answer(case: Case) -> None:
    """A process that dies while it answers is a reset, not a short answer."""
    async with serve(case.opened(hostile.dies_after(case.beginning))) as server:
        assert (await look(case.build(server.port))).reason is Reason.RESET


@every_kind
async def test_ends_in_the_middle_of_its_answer(case: Case) -> None:
    """The same with an orderly end of the connection."""
    async with serve(case.opened(hostile.answer(case.beginning))) as server:
        assert (await look(case.build(server.port))).reason is Reason.RESET


@every_kind
async def test_recovers(case: Case, certificates: Certificates) -> None:
    """The first look after a repair is ok, with the same probe: nothing bad is kept."""
    async with serve(hostile.hang) as server:
        probe = case.build(server.port)
        assert not (await look(probe, timeout=0.05)).ok
    assert (await look(probe)).reason is Reason.REFUSED
    async with serve_well(case, certificates, server.port):
        sample = await look(probe)
    assert sample.ok, sample.detail


@every_kind
async def test_an_abandoned_look_leaves_nothing_open(case: Case) -> None:
    """A look that the engine cancels gives no sample, and its connection is closed."""
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        ended.set()

    async with serve(listen) as server:
        task = asyncio.create_task(look(case.build(server.port)))
        await asyncio.wait_for(server.visited.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)


@with_a_tripwire
async def test_the_tripwire_breaks_at_once(case: Case) -> None:
    """The end of the idle connection is told once, and hold() returns."""
    broken: list[float] = []
    async with serve(hostile.hang) as server:
        holding = asyncio.create_task(case.build(server.port).hold(broken.append))
        await asyncio.wait_for(server.visited.wait(), 5)
        assert not holding.done()
        await server.hang_up()
        await asyncio.wait_for(holding, 5)
    assert len(broken) == 1


@with_a_tripwire
async def test_a_tripwire_that_is_not_wanted_any_more_is_silent(case: Case) -> None:
    """Cancelling hold() is not the other side's doing."""
    broken: list[float] = []
    async with serve(hostile.hang) as server:
        holding = asyncio.create_task(case.build(server.port).hold(broken.append))
        await asyncio.wait_for(server.visited.wait(), 5)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        await asyncio.sleep(0)
    assert broken == []


def test_the_example_is_code_of_ours() -> None:
    """The example of CONTRIBUTING is written as everything here is, and is short."""
    code = example_code()
    assert len([line for line in code.splitlines() if line]) <= 40
    for check in (["check"], ["format", "--check"]):
        ruff = [
            str(Path(sys.executable).with_name("ruff")),
            *check,
            "--stdin-filename",
            "exporter/probes/memcached.py",
            "-",
        ]
        done = subprocess.run(
            ruff, input=code, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
        )
        assert done.returncode == 0, done.stdout + done.stderr
