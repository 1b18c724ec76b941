"""Looks at an endpoint that are late, and whose fault that is."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from exporter.core import fold
from exporter.core.looks import proves_nothing
from exporter.core.model import Component, Moment, Part, Reason, Sample, System
from exporter.core.state import Marker, PartState
from exporter.engine.eye import Eye, Pending, no_longer_awaited
from exporter.engine.haste import Haste
from exporter.engine.publish import Publisher
from exporter.engine.sight import Sight
from exporter.engine.tools import Tools
from exporter.engine.watch import Watch
from exporter.engine.wheel import Wheel
from exporter.ledger.sqlite import SqliteLedger
from exporter.probes.attempt import attempt
from exporter.probes.kind import STALL
from tests.hostile import hang, serve
from tests.probes.looking import probe
from tests.reports.stage import Stage

PART = Part("hk", "web")
WEB = Component("web", critical=True)
SYSTEM = System("shop", "hk", ("hk",), {"web": WEB}, frozenset({PART}))


def moment() -> Moment:
    return Moment(time.monotonic(), time.time())


def tools(ledger: SqliteLedger) -> Tools:
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.get_running_loop().create_task
    wheel, publisher = Wheel(asyncio.get_running_loop()), Publisher(ledger, moment)
    return Tools(
        wheel,
        time.monotonic,
        moment,
        attempt,
        ledger,
        publisher,
        Sight(1),
        spawn,
        lambda at: None,
        lambda: None,
        Haste(time.monotonic),
    )


async def test_a_stall_of_ours_puts_the_doubt_off_once(tmp_path: Path) -> None:
    """A look is not overdue because we stood still; but when it gets the same time once more and is not back, it is."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db", vantage="test")
    async with serve(hang) as server:
        address = f"127.0.0.1:{server.port}"
        eye = Eye(PART, probe("tcp", address=address, send="hello", expect="welcome"), SYSTEM.policy, WEB)
        eye.usual = 0.01
        watch = Watch(SYSTEM, {PART: eye}, fold.begin(SYSTEM, moment()), tools(ledger))
        told: list[bool] = []
        overdue = asyncio.Event()

        def note(late: Eye, pending: Pending) -> None:
            told.append(pending in late.looks.values())
            overdue.set()

        watch.overdue = note
        watch.look(eye, fresh=True)
        await asyncio.sleep(0)
        time.sleep((eye.overdue_after(eye.usual) or 0.0) + 2 * STALL)  # noqa: ASYNC251 - the loop stands still on purpose
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not told
        async with asyncio.timeout(SYSTEM.policy.timeout):
            await overdue.wait()
        watch.stop()
    await ledger.close()
    assert told == [True]


async def test_what_is_slow_but_answers_gets_more_time_in_doubt() -> None:
    """A login that takes longer than `fast_timeout` was good: what waits is given all of its time, and so are the next ones."""
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    policy = eye.policy
    waiting = eye.looks[1] = Pending(0.0, policy.fast_timeout, policy.timeout)
    eye.usual = 0.01
    eye.learn_fresh(0.02)
    assert (eye.fast_timeout(), waiting.until) == (policy.fast_timeout, policy.fast_timeout)
    eye.learn_fresh(policy.fast_timeout + 0.1)
    assert (eye.fast_timeout(), waiting.until) == (2 * (policy.fast_timeout + 0.1), policy.timeout)
    eye.learn_fresh(0.02)
    assert eye.fast_timeout() == policy.fast_timeout


async def test_what_is_learned_counts_for_those_who_wait() -> None:
    """A login that was longer than was granted is believed, though what is usual has grown with it; and after a slow look over the
    kept connection those who log in are granted as many times more as a login takes."""
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    policy = eye.policy
    eye.usual = 0.1
    waiting = eye.looks[1] = Pending(0.0, policy.fast_timeout, policy.timeout)
    eye.learn(policy.fast_timeout + 0.1, fresh=True, calm=False)
    assert waiting.until == policy.timeout
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    for _ in range(2):
        eye.learn(0.001, fresh=False, calm=True)
    for _ in range(40):
        eye.learn(0.005, fresh=True, calm=True)
    waiting = eye.writes[1] = Pending(0.0, policy.fast_timeout, policy.timeout)
    eye.learn(0.001, fresh=False, calm=True)
    assert eye.ways == pytest.approx(5.0, rel=0.001)
    assert waiting.until == policy.fast_timeout
    eye.learn(0.1, fresh=False, calm=True)
    assert waiting.until == policy.fast_timeout  # it may have been a hiccup
    eye.learn_other(0.1)
    granted = waiting.until
    assert granted == eye.fast_timeout() == pytest.approx(1.0, rel=0.001)
    waiting.grant(0.3)
    assert waiting.until == granted


async def test_the_first_has_all_of_its_time() -> None:
    """Nobody knows yet what is usual, and the first look or marker after a start is slow for reasons of our own: on a busy
    machine it is no failure, and one that began later and was quicker makes none of it."""
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    policy = eye.policy
    assert eye.fast_timeout() == eye.fast_timeout(marker=True) == policy.timeout
    first = Pending(0.0, policy.timeout, policy.timeout)
    good = Sample(PART, 0.4, policy.fast_timeout + 0.2)
    assert no_longer_awaited({1: first}, good, eye.fast_timeout()) == []
    eye.usual = 0.01
    assert (eye.fast_timeout(), eye.fast_timeout(marker=True)) == (policy.fast_timeout, policy.timeout)
    assert no_longer_awaited({1: first}, good, eye.fast_timeout()) == [0.0]


async def test_what_we_could_not_hear_was_not_waited_in_vain() -> None:
    """A look that a quicker one overtook says nothing for the time in which we stood still, and while we catch up after that nothing
    before all of its time is over."""
    stood, good = [0.0], Sample(PART, 1.0, 2.0)
    look = Pending(0.0, 0.5, 3.0, stood=lambda: stood[0])
    assert no_longer_awaited({1: look}, good, 0.5) == [0.0]
    stood[0] = 1.6
    assert no_longer_awaited({1: look}, good, 0.5) == []
    spared = Pending(0.0, 3.0, 3.0, spared=True)
    assert no_longer_awaited({1: spared}, good, 0.5) == []
    assert no_longer_awaited({1: spared}, Sample(PART, 1.0, 3.0), 0.5) == [0.0]


@pytest.mark.parametrize("reason", [None, Reason.REFUSED])
async def test_we_hear_since_an_answer_came(reason: Reason | None, tmp_path: Path) -> None:
    """Not since it was asked for: what began beside it and was given up a moment before proves nothing of the other side."""
    ledger, heard = await SqliteLedger.open(tmp_path / "ledger.db", vantage="test"), list[float]()
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    watch = Watch(SYSTEM, {PART: eye}, fold.begin(SYSTEM, moment()), tools(ledger)._replace(answered=heard.append))
    now = time.monotonic()
    watch.state = fold.blinded(SYSTEM, watch.state, now - 5.0, moment()).state
    watch.looked(eye, Sample(PART, now - 0.5, now, reason), None)
    assert heard == [now]
    seeing = fold.sighted(SYSTEM, watch.state, Moment(now, moment().wall)).state
    assert proves_nothing(seeing, Reason.TIMEOUT, now - 0.4)
    watch.stop()
    await ledger.close()


async def test_a_witness_is_given_all_of_its_time() -> None:
    """What is in haste is cut short in doubt; a witness is not, and there is one at a time."""
    eye = Eye(PART, probe("tcp", address="127.0.0.1:1"), SYSTEM.policy, WEB)
    eye.looks[1] = Pending(0.0, 0.5, 2.0)
    assert (eye.wants_witness(0.1), eye.wants_witness(0.3)) == (False, True)
    witness = eye.looks[2] = Pending(0.3, 2.3, 2.3, witness=True)
    witness.shorten(0.5)
    assert witness.until == 2.3
    assert not eye.wants_witness(1.0)


async def test_a_clock_that_jumps_stamps_no_marker(tmp_path: Path) -> None:
    """The wall clock steps by an hour: what markers are stamped with goes on evenly, so that no sweep takes the newest ones."""
    stamps: list[float] = []
    wall = time.time() - time.monotonic()

    class Stamped:
        target = "stamped"

        async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
            stamps.append(sent_at)

    ledger = await SqliteLedger.open(tmp_path / "ledger.db", vantage="test")
    component = Component("web", critical=True, canary_every=1.0)
    system = System("shop", "hk", ("hk",), {"web": component}, frozenset({PART}))
    probing: Any = Stamped()
    own = tools(ledger)._replace(moment=lambda: Moment(time.monotonic(), time.monotonic() + wall))
    eye = Eye(PART, probing, system.policy, component, numbered=True)
    known = fold.begin(system, own.moment()).with_part(PART, PartState())
    watch = Watch(system, {PART: eye}, known, own)
    for step in (0.0, 3600.0):
        wall += step
        watch.write("web")
        (pending,) = eye.writes.values()
        assert pending.task is not None
        await pending.task
    watch.stop()
    await ledger.close()
    assert 0 <= stamps[1] - stamps[0] < 60


class Marked(Stage):
    """A stage that remembers what the ledger was told of its markers last."""

    noted: dict[int, Marker]

    def mark(self, *told: object) -> None:
        marker = next(one for one in told if isinstance(one, Marker))
        self.noted[marker.seq] = marker


def test_what_could_not_be_counted_is_not_counted_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The incident closes before anybody could read the markers: the ledger no longer says that they were acknowledged."""
    monkeypatch.setattr("tests.reports.stage.markers_above", lambda system, state, part: None)
    stage = Marked()
    stage.noted = {}
    for letter in "hhhccpppssssssss":
        stage.frame(letter)
    assert len(stage.incidents()) == 1
    kept = stage.watch.state.canaries["database"].markers
    again = fold.with_markers(stage.watch.state, {"database": sorted(stage.noted.values())})
    assert again.canaries["database"].markers == kept
    assert {marker.site for marker in kept} == {"sg"}
