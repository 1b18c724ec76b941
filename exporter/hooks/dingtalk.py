"""Alertmanager's webhook that speaks to DingTalk: `POST /hooks/dingtalk`.

A notification waits until a message that holds its alerts was accepted, and is only then answered 200. Messages carry all
that waits, what is critical first, as often as the robots' buckets allow. What Alertmanager was told is what happened:

1. A notification comes in. If exactly this one was delivered after its earlier try had been given up, it is answered 200 at
   once (`repeated`); if its earlier try still waits, it joins it.
2. It waits for at most WAIT_MOST: less than the 10 s that Alertmanager gives a receiver at least.
3. Its message was accepted: 200. Every robot that may send now refused: 502. The time is over: 503, and it stays in the
   queue, because a late page is better than none.
4. Alertmanager tries what got a 5xx again, with growing pauses.

So an alert is lost only with this process, and then Alertmanager has it still. It can be seen twice when DingTalk's answer
was lost on the way, when the group got another alert between two tries, or when the process ended after it had sent.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import aiohttp

from exporter.core.snapshot import HookState
from exporter.hooks.alerts import OTHER, SEVERITIES, Alert, Notification, parse
from exporter.hooks.bucket import Bucket
from exporter.hooks.message import Message, render
from exporter.hooks.robot import Outcome, OwnThread, Robot, RobotSettings

log = logging.getLogger(__name__)

WAIT_MOST = 8.0
"""Seconds for which a notification waits for its message."""
GATHER = 0.2
"""Seconds for which what comes in together is collected into one message."""
ALERTS_MOST = 2000
"""Alerts that wait at a time."""
NOTIFICATIONS_MOST = 128
"""Requests that wait at a time: half of the 256 connections that the server has for everybody."""
KEEP = 600.0
"""Seconds for which something is kept that Alertmanager did not ask for again."""
DELIVERED, COALESCED, REPEATED, FAILED, REFUSED = "delivered", "coalesced", "repeated", "failed", "refused"


class Settings(Protocol):
    """As `exporter.config` has it."""

    @property
    def robots(self) -> Sequence[RobotSettings]: ...
    @property
    def per_minute(self) -> int: ...
    @property
    def at(self) -> Sequence[str]: ...


class Answer(NamedTuple):
    """What Alertmanager is told."""

    status: int
    sentence: str


@dataclass(slots=True)
class _Waiting:
    notification: Notification
    expires: float
    outcome: asyncio.Future[str]
    """Empty when it was delivered, else what was wrong."""
    requests: int = 0
    shared: bool = field(default=False)


class DingTalk:
    """The queue, and who empties it. One for the life of the process: `apply` changes what it sends with."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._settings: Settings | None = None
        self._robots: list[Robot] = []
        self._next = 0
        self._waiting: dict[object, _Waiting] = {}
        self._late: dict[object, float] = {}
        self._changed = asyncio.Event()
        self._told = dict.fromkeys((DELIVERED, COALESCED, REPEATED, FAILED, REFUSED), 0)
        self._unnamed = dict.fromkeys((*SEVERITIES, OTHER), 0)

    def apply(self, settings: Settings | None) -> None:
        """Use these from now on; None: off. A robot that stays keeps its bucket, its rest and its counters."""
        known = {(robot.settings, robot.bucket.per_minute): robot for robot in self._robots}
        self._settings = settings
        wanted = [] if settings is None else [(robot, settings.per_minute) for robot in settings.robots]
        self._robots = [known.get((robot, limit)) or Robot(robot, Bucket(limit)) for robot, limit in wanted]
        if settings is None:
            self._give_up("the hook was switched off")
        self._changed.set()

    @property
    def is_on(self) -> bool:
        return self._settings is not None

    @property
    def state(self) -> HookState | None:
        """For the metrics; None while it is off."""
        if self._settings is None:
            return None
        messages = {
            (str(index), str(outcome)): count
            for index, robot in enumerate(self._robots)
            for outcome, count in robot.sent.items()
        }
        return HookState(messages, dict(self._told), dict(self._unnamed), self._alerts_waiting())

    async def deliver(self, body: bytes, is_there: Callable[[], bool]) -> Answer:
        """Answers within WAIT_MOST. `is_there`: whether who asked would still get the answer."""
        try:
            notification = parse(body)
        except ValueError as error:
            self._told[REFUSED] += 1
            return Answer(400, str(error))
        if not notification.alerts or self._was_late(notification):
            self._told[REPEATED] += 1
            return Answer(200, "nothing to send, or sent already")
        waiting = self._queued(notification)
        if waiting is None:
            self._told[FAILED] += 1
            return Answer(503, "too many notifications wait already; try again")
        return await self._answer(waiting, is_there)

    async def _answer(self, waiting: _Waiting, is_there: Callable[[], bool]) -> Answer:
        waiting.requests += 1
        try:
            async with asyncio.timeout(WAIT_MOST):
                wrong = await asyncio.shield(waiting.outcome)
        except TimeoutError:
            self._told[FAILED] += 1
            return Answer(503, "no robot may send yet; it stays in the queue, and may be delivered before the next try")
        finally:
            waiting.requests -= 1
        if wrong:
            self._told[FAILED] += 1
            return Answer(502, wrong)
        if not is_there():
            self._remember(waiting.notification)
        self._told[COALESCED if waiting.shared else DELIVERED] += 1
        return Answer(200, "delivered")

    def _queued(self, notification: Notification) -> _Waiting | None:
        """Its place in the queue, which an earlier try of it may have taken; None if there is none left."""
        now = asyncio.get_running_loop().time()
        waiting = self._waiting.get(notification.key)
        if waiting is None:
            if not self._has_room(notification):
                return None
            waiting = _Waiting(notification, now + KEEP, asyncio.get_running_loop().create_future())
            self._waiting[notification.key] = waiting
        waiting.expires = now + KEEP
        self._changed.set()
        return waiting

    def _has_room(self, notification: Notification) -> bool:
        """Whether it fits into the queue. What is urgent takes the place of what is not, if it must."""
        while self._waiting and (
            self._alerts_waiting() + len(notification.alerts) > ALERTS_MOST
            or sum(each.requests for each in self._waiting.values()) >= NOTIFICATIONS_MOST
        ):
            mild = (key for key, each in self._waiting.items() if not each.notification.is_urgent)
            key = next(mild, None) if notification.is_urgent else None
            if key is None:
                return False
            _settle(self._waiting.pop(key), "it made room for something critical; try again")
        return True

    def _alerts_waiting(self) -> int:
        return sum(len(each.notification.alerts) for each in self._waiting.values())

    def _remember(self, notification: Notification) -> None:
        """It was delivered, but who asked does not know, and will ask again."""
        now = asyncio.get_running_loop().time()
        self._late = {key: until for key, until in self._late.items() if until > now}
        while len(self._late) >= ALERTS_MOST:
            del self._late[next(iter(self._late))]
        self._late[notification.key] = now + KEEP

    def _was_late(self, notification: Notification) -> bool:
        until = self._late.pop(notification.key, None)
        return until is not None and until > asyncio.get_running_loop().time()

    # --- the sender

    async def run(self) -> None:
        """Send until cancelled."""
        connector = aiohttp.TCPConnector(limit=4, resolver=OwnThread())
        try:
            async with aiohttp.ClientSession(connector=connector, trust_env=True) as http:
                while True:
                    await self._something_waits()
                    await asyncio.sleep(GATHER)
                    await self._may_send()
                    try:
                        await self._send_all(http)
                    except Exception:  # the next message may be a better one, and Alertmanager tries this one again
                        log.exception("a message for DingTalk could not be made; please report it")
                        self._give_up("the exporter failed to make the message; its log says why")
        finally:
            self._give_up("the exporter stops")

    async def _something_waits(self) -> None:
        while not self._waiting or not self._robots:
            self._changed.clear()
            await self._changed.wait()

    async def _may_send(self) -> None:
        """Until some robot may, for the most urgent of what waits."""
        while self._robots:
            now = asyncio.get_running_loop().time()
            delay = min(robot.wait(now, urgent=self._is_urgent) for robot in self._robots)
            if not delay:
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._changed.wait()

    @property
    def _is_urgent(self) -> bool:
        return any(each.notification.is_urgent for each in self._waiting.values())

    async def _send_all(self, http: aiohttp.ClientSession) -> None:
        """One message about everything that waits, by one robot after the other until one succeeds."""
        now = asyncio.get_running_loop().time()
        self._waiting = {key: each for key, each in self._waiting.items() if each.requests or each.expires > now}
        batch = dict(self._waiting)
        if not batch:
            return
        urgent = self._is_urgent
        wrong = "no robot may send"
        for _ in list(self._robots):
            robot = self._pick(urgent)
            if robot is None:
                break
            outcome, wrong = await self._send(http, robot, list(batch.values()))
            if outcome is Outcome.DELIVERED:
                break
        for key, each in batch.items():
            self._waiting.pop(key, None)
            each.shared = len(batch) > 1
            if not wrong and not each.requests:
                self._remember(each.notification)
            _settle(each, wrong)

    def _pick(self, urgent: bool) -> Robot | None:
        """The next in turn that may send now."""
        now = asyncio.get_running_loop().time()
        for _ in self._robots:
            robot = self._robots[self._next % len(self._robots)]
            self._next = (self._next + 1) % len(self._robots)
            if not robot.wait(now, urgent=urgent):
                return robot
        return None

    async def _send(self, http: aiohttp.ClientSession, robot: Robot, batch: Sequence[_Waiting]) -> tuple[Outcome, str]:
        message = await self._message(batch, plain=False)
        outcome, wrong = await robot.send(http, message.body, self._wall)
        now = asyncio.get_running_loop().time()
        if outcome is Outcome.CONTENT and not robot.wait(now, urgent=True):
            log.warning("DingTalk did not take a message, so it is sent again with names only: %s", wrong)
            message = await self._message(batch, plain=True)
            outcome, wrong = await robot.send(http, message.body, self._wall)
        if outcome is Outcome.DELIVERED:
            for severity, count in message.unnamed.items():
                self._unnamed[severity] += count
        else:
            index = self._robots.index(robot) if robot in self._robots else "that is gone"
            log.error("robot %s of DingTalk did not deliver (%s): %s", index, outcome, wrong)
            wrong = f"{outcome}: {wrong}"
        return outcome, wrong

    async def _message(self, batch: Sequence[_Waiting], *, plain: bool) -> Message:
        newest: dict[str, Alert] = {alert.identity: alert for each in batch for alert in each.notification.alerts}
        truncated = sum(each.notification.truncated for each in batch)
        at = self._settings.at if self._settings else ()
        # Thousands of alerts take some 20 ms, in which no probe could start.
        return await asyncio.to_thread(render, list(newest.values()), truncated, at, plain=plain)

    def _give_up(self, why: str) -> None:
        for each in self._waiting.values():
            _settle(each, why)
        self._waiting.clear()


def _settle(waiting: _Waiting, wrong: str) -> None:
    """Answer all who wait for it, unless that was done."""
    if not waiting.outcome.done():
        waiting.outcome.set_result(wrong)
