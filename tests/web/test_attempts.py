"""How often one may be wrong: guesses end soon, whoever was right before is let in, and nobody else notices."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter.web import attempts, guard
from exporter.web.attempts import ADDRESSES_MOST, BURST, EACH, RIGHT_MOST, Attempts
from exporter.web.guard import Guard
from exporter.web.server import make_app
from tests.web.fakes import Stage, running

DEADLINE = aiohttp.ClientTimeout(total=20)
HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
TOKEN = "Bearer s3cret"


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def mistakes(tried: Attempts, address: str, number: int) -> list[float]:
    """The waits of so many different wrong logins."""
    return [tried.begin(address, f"guess {one}") for one in range(number)]


def test_a_few_mistakes_then_one_now_and_then(clock: Clock) -> None:
    """A burst is looked at, then one each 6 s, of whoever comes first; another address is not concerned."""
    tried = Attempts(clock)
    assert mistakes(tried, "10.0.0.1", BURST) == [0.0] * BURST
    assert mistakes(tried, "10.0.0.1", 3) == [EACH] * 3
    assert tried.begin("10.0.0.2", "guess") == 0.0
    clock.now += EACH / 2
    assert tried.begin("10.0.0.1", "guess") == EACH / 2
    clock.now += EACH / 2
    assert mistakes(tried, "10.0.0.1", 2) == [0.0, EACH]
    clock.now += 10 * BURST * EACH
    assert mistakes(tried, "10.0.0.1", BURST + 1) == [0.0] * BURST + [EACH]


def test_whoever_was_right_is_let_in(clock: Clock) -> None:
    """Prometheus shares its address with somebody who guesses: it goes on, and its right logins give him no more guesses."""
    tried = Attempts(clock)
    assert tried.begin("10.0.0.1", TOKEN) == 0.0
    tried.right("10.0.0.1", TOKEN)
    assert mistakes(tried, "10.0.0.1", BURST + 1) == [0.0] * BURST + [EACH]
    for _ in range(5):
        assert tried.begin("10.0.0.1", TOKEN) == 0.0
        tried.right("10.0.0.1", TOKEN)
    assert tried.begin("10.0.0.1", "guess") == EACH
    assert tried.begin("10.0.0.1", f"{TOKEN} ") == EACH
    mistakes(tried, "10.0.0.9", BURST)
    assert tried.begin("10.0.0.9", TOKEN) == EACH


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_whose_mistakes_are_counted_together(one: str, other: str, same: bool, clock: Clock) -> None:
    """Whoever has one IPv6 address has a whole network of them."""
    tried = Attempts(clock)
    mistakes(tried, one, BURST)
    assert (tried.begin(other, "guess") > 0) is same


def test_its_memory_is_bounded(clock: Clock) -> None:
    """However many addresses make mistakes, or are right."""
    tried = Attempts(clock)
    for number in range(ADDRESSES_MOST + 100):
        tried.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "guess")
    for number in range(RIGHT_MOST + 100):
        tried.right("10.0.0.1", f"right {number}")
    assert (len(tried._buckets), len(tried._right)) == (ADDRESSES_MOST, RIGHT_MOST)


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """A server that asks for a login."""
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{prometheus: {HASH}}}", encoding="utf-8")
    app = make_app(Stage().backend(), Guard(path))
    async with running(app) as runner, aiohttp.ClientSession(timeout=DEADLINE) as session:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", session


def basic(password: str) -> str:
    return f"Basic {b64encode(f'prometheus:{password}'.encode()).decode()}"


async def ask(at: tuple[str, aiohttp.ClientSession], method: str, path: str, login: str | None) -> tuple[int, str, str]:
    """(status, Retry-After, sentence)."""
    url, session = at
    headers = {} if login is None else {"Authorization": login}
    async with session.request(method, url + path, headers=headers) as answer:
        return answer.status, answer.headers.get("Retry-After", ""), await answer.text()


@pytest.mark.parametrize(
    ("method", "path", "right", "wrong", "busy"),
    [
        ("GET", "/metrics", basic("open sesame"), basic("guess"), 429),
        ("POST", "/-/reload", TOKEN, "Bearer guess", 429),
        ("POST", "/hooks/dingtalk", TOKEN, "Bearer guess", 503),
    ],
)
async def test_guesses_end(method: str, path: str, right: str, wrong: str, busy: int, tmp_path: Path) -> None:
    """Of many at once only a few are looked at; the rest, right ones too, are told when to come again. No login is no mistake."""
    async with serving(tmp_path) as at:
        for _ in range(BURST + 5):
            assert (await ask(at, method, path, None))[0] == 401
        answers = await asyncio.gather(*(ask(at, method, path, f"{wrong}{n}") for n in range(BURST + 20)))
        assert sorted(status for status, _, _ in answers) == sorted([401] * BURST + [busy] * 20)
        status, again, sentence = await ask(at, method, path, right)
        assert status == busy
        assert 1 <= int(again) <= EACH
        assert "too many wrong logins came from this address; try again in " in sentence
        assert wrong not in sentence


async def test_a_right_login_goes_on(tmp_path: Path) -> None:
    """Once right, always answered, however many guess from its address; health, too, if it has the login."""
    async with serving(tmp_path) as at:
        right = basic("open sesame")
        assert (await ask(at, "GET", "/metrics", right))[0] == 200
        await asyncio.gather(*(ask(at, "GET", "/metrics", basic(f"guess {n}")) for n in range(BURST + 20)))
        assert (await ask(at, "GET", "/metrics", basic("guess")))[0] == 429
        assert (await ask(at, "GET", "/metrics", right))[0] == 200


async def test_it_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line of the log about a flood, with the address and without what was tried."""
    async with serving(tmp_path) as at:
        for number in range(BURST + 5):
            await ask(at, "POST", "/-/reload", f"Bearer guess{number}")
    (told,) = [record.getMessage() for record in caplog.records if record.name == attempts.__name__]
    assert told == "too many wrong logins from 127.0.0.1: for a while they are not looked at any more"


async def test_a_flood_from_everywhere_leaves_those_who_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue before bcrypt is short: beyond it new logins come again later, and old ones need no queue."""
    monkeypatch.setattr(guard, "QUEUE_MOST", 2)
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{prometheus: {HASH}}}", encoding="utf-8")
    guarding = Guard(path)
    assert await guarding.admits(basic("open sesame"))
    async with guarding._one_at_a_time:
        waiting = [asyncio.create_task(guarding.admits(basic(f"guess {n}"))) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(guard.BusyError):
            await guarding.admits(basic("one more"))
        assert await guarding.admits(basic("open sesame"))
    assert await asyncio.gather(*waiting) == [False, False]


async def test_users_that_do_not_exist_cost_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal tells nobody which users there are: bcrypt runs once for each, and as long."""
    costs: list[str] = []
    real = bcrypt.checkpw

    def counted(password: bytes, stored: bytes) -> bool:
        costs.append(stored.decode()[:7])
        return real(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    path = tmp_path / "web.yml"
    strong = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(6)).decode()
    path.write_text(f"basic_auth_users: {{prometheus: {strong}}}", encoding="utf-8")
    guarding = Guard(path)
    for user in ("prometheus", "nobody"):
        assert not await guarding.admits(f"Basic {b64encode(f'{user}:guess'.encode()).decode()}")
    assert costs == ["$2b$06$"] * 2
