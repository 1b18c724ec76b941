"""The hook on a fake of DingTalk: what was accepted is answered 200, all else 5xx, and nothing is sent twice for impatience."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from exporter.config.hooks import Dingtalk, Robot
from exporter.hooks import dingtalk, robot
from exporter.hooks.dingtalk import DingTalk
from exporter.hooks.message import Message
from exporter.hooks.robot import Outcome, judge, scrubbed, signed
from exporter.settings import Secret
from tests.exporter.rig import until
from tests.hooks.rig import alert, counted, deliver, hooked, notification, robot_settings, settings, two_robots
from tests.servers.dingtalk import FakeRobot, Mood


async def delivered(hook: DingTalk, fake: FakeRobot) -> bool:
    """DingTalk took it, and its answer was read: until then a try joins the one that waits."""
    return bool(fake.accepted and hook.state and not hook.state.waiting)


async def tried(fake: FakeRobot) -> int:
    return len(fake.tries)


async def test_an_outage_is_delivered() -> None:
    """One notification is one signed message, and is answered 200 when DingTalk has taken it."""
    async with hooked() as (hook, fake):
        assert (await deliver(hook, notification())).status == 200
        assert len(fake.robots[0].accepted) == 1
        assert fake.robots[0].problems == []
        assert counted(hook, "delivered") == 1
        assert counted(hook, "delivered", "0") == 1
        assert hook.state is not None
        assert hook.state.waiting == 0


async def test_a_storm_is_one_message() -> None:
    """What comes in together goes out together, and each request is answered 200."""
    async with hooked() as (hook, fake):
        bodies = [notification(alert(f"s{number}"), group=f"s{number}") for number in range(100)]
        answers = await asyncio.gather(*(deliver(hook, body) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        assert len(fake.robots[0].accepted) == 1
        assert all(f" s{number}" in fake.robots[0].texts[0] for number in range(100))
        assert counted(hook, "coalesced") == 100


@pytest.mark.parametrize("mood", ["errcode", "page", "redirect", "status", "hang", "lose"])
async def test_whatever_is_no_acceptance_is_a_failure(
    mood: Mood, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is told as 502, is counted by its kind, and neither the answer nor the log holds anything secret."""
    monkeypatch.setattr(robot, "WITHIN", 0.3 if mood == "hang" else 5.0)
    outcome = {"hang": "timeout", "lose": "unreachable"}.get(mood, mood)
    async with hooked() as (hook, fake):
        fake.robots[0].mood = mood
        answer = await deliver(hook, notification())
        assert answer.status == 502
        assert outcome in answer.sentence
        assert counted(hook, outcome, "0") == 1
        assert counted(hook, "failed") == 1
        said = answer.sentence + caplog.text
        assert outcome in caplog.text
        assert fake.robots[0].token not in said
        assert fake.robots[0].secret not in said


async def test_the_next_robot_takes_over() -> None:
    """Robots take turns; when one fails, another delivers the same message at once, and the failed one rests."""
    async with hooked(*two_robots()) as (hook, fake):
        first, second = fake.robots
        first.mood = "errcode"
        for number in range(3):
            assert (await deliver(hook, notification(alert(f"s{number}")))).status == 200
        assert (len(first.accepted), len(second.accepted)) == (0, 3)
        assert len(first.tries) == 1


async def test_robots_take_turns() -> None:
    """Two robots share the messages, so that twice as many can go out."""
    async with hooked(*two_robots()) as (hook, fake):
        for number in range(4):
            assert (await deliver(hook, notification(alert(f"s{number}")))).status == 200
        assert [len(one.accepted) for one in fake.robots] == [2, 2]


async def test_a_blocked_robot_is_left_alone() -> None:
    """A robot that DingTalk calls too fast rests for a minute: tries in a block help nobody."""
    async with hooked(*two_robots()) as (hook, fake):
        first, second = fake.robots
        first.blocked_until = float("inf")
        for number in range(3):
            assert (await deliver(hook, notification(alert(f"s{number}")))).status == 200
        assert (len(first.tries), len(second.accepted)) == (1, 3)
        assert counted(hook, "page", "0") == 1


async def test_what_dingtalk_does_not_like_goes_out_with_names_only() -> None:
    """An inner link may be refused as unsafe: the page arrives all the same."""
    async with hooked() as (hook, fake):
        fake.robots[0].mood = "links"
        assert (await deliver(hook, notification())).status == 200
        assert "http" not in fake.robots[0].texts[0]
        assert "DrOutage" in fake.robots[0].texts[0]
        assert counted(hook, "content", "0") == 1


async def test_a_late_message_is_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the wait is over it is 503 and stays queued; the try after it was delivered is answered 200 without a message."""
    monkeypatch.setattr(dingtalk, "WAIT_MOST", 0.3)
    monkeypatch.setattr(robot, "REST", 1.0)
    async with hooked() as (hook, fake):
        fake.robots[0].mood = "status"
        assert (await deliver(hook, notification(alert("other")))).status == 502
        fake.robots[0].mood = "good"
        assert (await deliver(hook, notification())).status == 503
        await until(lambda: delivered(hook, fake.robots[0]), "the late message is delivered")
        assert await deliver(hook, notification()) == (200, "nothing to send, or sent already")
        assert len(fake.robots[0].accepted) == 1
        assert (counted(hook, "failed"), counted(hook, "repeated")) == (2, 1)
        assert (await deliver(hook, notification())).status == 200
        assert len(fake.robots[0].accepted) == 2  # a reminder after that is a message again


async def test_a_try_joins_the_one_that_waits() -> None:
    """The same notification twice at a time is one message, in which each alert stands once."""
    async with hooked() as (hook, fake):
        answers = await asyncio.gather(deliver(hook, notification()), deliver(hook, notification()))
        assert [answer.status for answer in answers] == [200, 200]
        assert len(fake.robots[0].accepted) == 1
        assert fake.robots[0].texts[0].count("**CRITICAL**") == 1


async def test_who_left_before_the_answer_is_remembered() -> None:
    """An answer that nobody heard is given again, without another message."""
    async with hooked() as (hook, fake):
        await deliver(hook, notification(), is_there=False)
        assert (await deliver(hook, notification())).status == 200
        assert len(fake.robots[0].accepted) == 1


async def test_the_newest_word_about_an_alert_counts() -> None:
    """What is resolved by the time the message is made is told as resolved, once."""
    async with hooked() as (hook, fake):
        bodies = notification(), notification(alert(status="resolved"))
        await asyncio.gather(*(deliver(hook, body) for body in bodies))
        assert fake.robots[0].texts[0].count("DrOutage orders:") == 1
        assert "1 resolved" in fake.robots[0].texts[0]


async def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bounds Alertmanager keeps its alerts: 503 at once."""
    monkeypatch.setattr(dingtalk, "ALERTS_MOST", 10)
    async with hooked() as (hook, _):
        bodies = [notification(*(alert(f"s{n}-{at}") for at in range(6)), group=f"s{n}") for n in range(3)]
        statuses = [answer.status for answer in await asyncio.gather(*(deliver(hook, body) for body in bodies))]
        assert statuses == [200, 503, 503]
        monkeypatch.setattr(dingtalk, "NOTIFICATIONS_MOST", 1)
        answers = await asyncio.gather(*(deliver(hook, notification(alert(name), group=name)) for name in "abc"))
        assert [answer.status for answer in answers] == [200, 503, 503]


async def test_the_critical_take_the_place_of_the_mild(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a full queue a warning makes room for an outage, and is told to try again."""
    monkeypatch.setattr(dingtalk, "NOTIFICATIONS_MOST", 2)
    async with hooked() as (hook, fake):
        bodies = [notification(alert(name, severity="warning"), group=name) for name in "ab"]
        bodies += [notification(alert(name), group=name) for name in "cde"]
        statuses = [answer.status for answer in await asyncio.gather(*(deliver(hook, body) for body in bodies))]
        assert statuses == [502, 502, 200, 200, 503]
        assert fake.robots[0].texts[0].count("**CRITICAL**") == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"alerts": 1}', b'{"alerts": [{"status": "odd", "labels": {}}]}'])
async def test_what_is_no_notification_is_refused(body: bytes) -> None:
    """400 with a sentence that repeats nothing."""
    async with hooked() as (hook, _):
        answer = await deliver(hook, body)
        assert answer.status == 400
        assert "no notification of Alertmanager" in answer.sentence
        assert counted(hook, "refused") == 1


async def test_nothing_to_send_is_fine() -> None:
    """A notification without alerts makes no message."""
    async with hooked() as (hook, fake):
        assert (await deliver(hook, notification().replace(b'"alerts": [', b'"alerts": [], "was": ['))).status == 200
        assert fake.robots[0].tries == []


async def test_a_reload_changes_what_it_sends_with() -> None:
    """A robot that stays keeps its tokens and counters; without the section the hook is off, and nobody waits on."""
    async with hooked() as (hook, fake):
        await deliver(hook, notification())
        kept = hook._robots[0]
        hook.apply(settings(fake, at=["13800000000"]))
        assert hook._robots[0] is kept
        assert (await deliver(hook, notification(alert("chat")))).status == 200
        assert fake.robots[0].texts[1].endswith("@13800000000")
        waits = asyncio.create_task(deliver(hook, notification(alert("late"))))
        await asyncio.sleep(0)
        hook.apply(None)
        assert (await waits).status == 502
        assert (hook.is_on, hook.state) == (False, None)
        hook.apply(settings(fake))
        assert (await deliver(hook, notification(alert("again")))).status == 200


async def test_secrets_are_read_anew(tmp_path: Path) -> None:
    """A file that is gone is a failure of this message; a rotated secret is used for the next."""
    async with hooked() as (hook, fake):
        file = tmp_path / "secret"
        given = robot_settings(fake, fake.robots[0])
        hook.apply(Dingtalk(robots=(Robot(url=given.url, secret=Secret(file=str(file))),), token=Secret(plain="x")))
        answer = await deliver(hook, notification())
        assert answer.status == 502
        assert "cannot read the secret file" in answer.sentence
        hook._robots[0].rests_until = 0.0
        file.write_text(fake.robots[0].secret + "\n")
        assert (await deliver(hook, notification())).status == 200


async def test_a_bug_does_not_silence_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that cannot be made is a failure that is logged, and the next one goes out."""
    async with hooked() as (hook, fake):
        with monkeypatch.context() as broken:

            def fails(*_: object, **__: object) -> Message:
                raise RuntimeError("a bug")

            broken.setattr(dingtalk, "render", fails)
            with caplog.at_level(logging.CRITICAL):
                assert (await deliver(hook, notification())).status == 502
        assert (await deliver(hook, notification())).status == 200
        assert len(fake.robots[0].accepted) == 1


async def test_the_end_answers_who_waits() -> None:
    """When the exporter stops, Alertmanager is told to try again, at once."""
    async with hooked() as (hook, fake):
        fake.robots[0].mood = "hang"
        waits = asyncio.create_task(deliver(hook, notification()))
        await until(lambda: tried(fake.robots[0]), "the message is on its way")
    assert (await waits).status == 502


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b'{"errcode":0,"errmsg":"ok"}', Outcome.DELIVERED),
        (b'{"errcode":"0","errmsg":"ok"}', Outcome.ERRCODE),
        (b'{"errcode":false}', Outcome.ERRCODE),
        (b'{"errcode":130101,"errmsg":"send too fast"}', Outcome.THROTTLED),
        (b'{"errcode":460101}', Outcome.CONTENT),
        (b'{"errmsg":"ok"}', Outcome.PAGE),
        (b"ok", Outcome.PAGE),
        (b"[" * 5000, Outcome.PAGE),
        (b"[0]", Outcome.PAGE),
        (b"", Outcome.PAGE),
    ],
)
def test_only_errcode_0_is_an_acceptance(answer: bytes, outcome: Outcome) -> None:
    """Everything else that comes with status 200 is a failure."""
    assert judge(answer)[0] is outcome


def test_the_signature_is_dingtalks() -> None:
    """Timestamp in milliseconds, base64 of the HMAC in full percent-encoding: a plain + would be read as a space."""
    now = time.time()
    for second in range(50):  # of 50 signatures some hold a + and some a /
        url = signed("https://oapi.example.com/robot/send?access_token=t", "SECthis is secret", now + second)
        assert FakeRobot("t", "SECthis is secret").is_signed(url.query["timestamp"], url.query["sign"])
        assert not set("+/") & set(url.raw_query_string)
        assert str(url).startswith("https://oapi.example.com/robot/send?access_token=t&timestamp=")


@pytest.mark.parametrize(
    "url", ["", "oapi.example.com/robot", "ftp://x/", "https:///x", "https://x/ y\n", "https://[x"]
)
def test_what_is_no_url_is_told(url: str) -> None:
    """The sentence does not repeat what stands there."""
    with pytest.raises(ValueError, match="the URL of the robot is none") as told:
        signed(url, "s", 0.0)
    assert not url or url not in str(told.value)


def test_a_server_that_repeats_what_it_got_leaks_nothing() -> None:
    """Token and secret are cut out of what a server says, and so are line breaks."""
    url = "https://x/robot/send?access_token=0123456789abcdef"
    assert scrubbed("bad 0123456789abcdef\nSECabc", url, "SECabc") == "bad <secret> <secret>"
