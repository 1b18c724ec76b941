"""What is wrong with the address, the login, TLS or the other side's protocol: a reason, a sentence, and no secret in it."""

import asyncio
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.core.model import Reason, Role
from exporter.probes.kind import Failure, Probe
from exporter.probes.mysql import parse_dsn
from exporter.probes.redis import RedisSettings, parse_url
from exporter.probes.redis_resp import ErrorReply, ReplyReader
from exporter.probes.tcp import HostPort
from exporter.settings import Secret
from tests import hostile
from tests.probes.database import facts, failure_of
from tests.probes.redis_rig import make_pair, probe_with, redis_or_skip
from tests.servers import free_port
from tests.servers.certificates import Certificates
from tests.servers.postgres import PASSWORD
from tests.servers.redis import RedisPair, RedisServer

WRONG = "hunter2-is-wrong"


@pytest.fixture(scope="module")
def pair() -> Iterator[RedisPair]:
    yield from make_pair()


def at(port: int, **settings: Any) -> Probe:
    """A probe of whatever listens on a port."""
    return probe_with(url=f"redis://127.0.0.1:{port}", **settings)


@pytest.mark.redis
@pytest.mark.parametrize(
    ("url", "changed", "reason"),
    [
        ("redis://dr_probe@127.0.0.1:{port}", {"password": WRONG}, Reason.AUTH),
        ("redis://nobody@127.0.0.1:{port}", {"password": PASSWORD}, Reason.AUTH),
        ("redis://:" + WRONG + "@127.0.0.1:{port}", {}, Reason.AUTH),
        ("redis://dr_probe:" + PASSWORD + "@127.0.0.1:{port}/4711", {}, Reason.ASSERTION),
    ],
    ids=["wrong password", "no such user", "wrong password of the default user", "no such database"],
)
async def test_a_wrong_login_has_a_reason_and_no_secret(
    pair: RedisPair, url: str, changed: dict[str, Any], reason: Reason
) -> None:
    """Neither the password nor the url is in the sentence, whatever the server says."""
    failure = await failure_of(probe_with(url=url.format(port=pair.primary.port), **changed))
    assert failure.reason is reason
    assert failure.phases.connect is not None
    for hidden in (WRONG, PASSWORD, "redis://"):
        assert hidden not in str(failure)
        assert hidden not in repr(failure.__cause__)


@pytest.mark.redis
async def test_a_password_is_demanded(pair: RedisPair) -> None:
    """Without any login the server says NOAUTH, in the look's own answer."""
    pair.standby.configure(requirepass=PASSWORD)
    try:
        failure = await failure_of(at(pair.standby.port))
        assert (failure.reason, failure.detail.partition(" ")[0]) == (Reason.AUTH, "NOAUTH")
        assert (await facts(at(pair.standby.port, password=PASSWORD), fresh=True)).role is Role.STANDBY
    finally:
        pair.standby.cli("--no-auth-warning", "--pass", PASSWORD, "CONFIG", "SET", "requirepass", "")


@pytest.mark.redis
async def test_another_database_of_the_server(pair: RedisPair) -> None:
    """The number at the end of the url is selected."""
    pair.primary.cli("FLUSHALL")
    probe = probe_with(url=f"redis://dr_probe:{PASSWORD}@127.0.0.1:{pair.primary.port}/7")
    await probe.write_marker(1, 1.0, fresh=True)
    assert pair.primary.cli("-n", "7", "DBSIZE") == "1"
    assert probe.target == f"127.0.0.1:{pair.primary.port}/7"


async def test_a_missing_secret_is_our_own_trouble(tmp_path: Path) -> None:
    """The endpoint was not asked, so the reason may not count as its answer."""
    failure = await failure_of(at(1, password_file=str(tmp_path / "gone")))
    assert failure.reason is Reason.INTERNAL
    assert "gone" in failure.detail


async def test_a_server_that_quotes_what_it_does_not_understand() -> None:
    """A login that comes back in an error is not repeated."""
    echo = f"-ERR unknown command 'AUTH', with args beginning with: '{WRONG}'\r\n".encode()
    async with hostile.serve(hostile.answer(echo)) as server:
        failure = await failure_of(at(server.port, password=WRONG))
    assert failure.reason is Reason.AUTH
    assert WRONG not in str(failure)


INFO = b"$13\r\nrun_id:1a2b\r\n\r\n"
HUGE = b"$1073741824\r\n"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (hostile.answer(hostile.GARBAGE), Reason.PROTOCOL),
        (hostile.answer(hostile.message("400 Bad Request")), Reason.PROTOCOL),
        (hostile.answer(b"$-9999999999999999999999\r\n"), Reason.PROTOCOL),
        (hostile.answer(b"$4\r\nfour!!"), Reason.PROTOCOL),
        (hostile.answer(b"*1\r\n" * 9), Reason.PROTOCOL),
        (hostile.answer(b":1\r\n:2\r\n:3\r\n"), Reason.PROTOCOL),
        (hostile.answer(INFO * 2 + b"+PONG\r\n"), Reason.PROTOCOL),
        (hostile.answer(INFO * 2 + b"+PONG\r\n+AND MORE\r\n"), Reason.PROTOCOL),
        (hostile.forever(b"", b"x" * 65536), Reason.PROTOCOL),
        (hostile.forever(b"+", b"x" * 65536), Reason.TOO_LARGE),
        (hostile.forever(b"*1000000000\r\n", b"$1\r\nx\r\n" * 8192), Reason.TOO_LARGE),
        (hostile.forever(HUGE, b"x" * 65536), Reason.TOO_LARGE),
        (hostile.forever(b"$8000000\r\n", b"x" * 65536), Reason.PROTOCOL),
        (hostile.reset, Reason.RESET),
        (hostile.dies_after(INFO), Reason.RESET),
    ],
)
async def test_what_no_redis_says(behaviour: hostile.Behaviour, reason: Reason) -> None:
    """A reason at once, or after at most 8 MiB."""
    async with hostile.serve(behaviour) as server:
        assert (await failure_of(at(server.port))).reason is reason


def test_what_is_announced_is_not_believed() -> None:
    """A length of a gibibyte, or more elements than fit, end the look at once; two million take no memory before they come."""
    for announced in (HUGE, b"*1000000000\r\n"):
        with pytest.raises(Failure, match="larger than 8 MiB"):
            ReplyReader(1).feed(announced)
    reader = ReplyReader(1)
    tracemalloc.start()
    try:
        assert not reader.feed(b"*2000000\r\n$1\r\nx\r\n")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@given(st.data())
def test_replies_come_in_pieces(data: st.DataObject) -> None:
    """However an answer is cut into pieces, the same replies are read."""
    whole = b"+OK\r\n$5\r\na\r\nbc\r\n*3\r\n:-7\r\n*-1\r\n*2\r\n$-1\r\n$0\r\n\r\n-ERR no such thing\r\n*0\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    reader = ReplyReader(5)
    complete = [reader.feed(whole[a:b]) for a, b in itertools.pairwise([0, *cuts, len(whole)])]
    assert complete[-1]
    assert reader.replies == [b"OK", b"a\r\nbc", [-7, None, [None, b""]], ErrorReply("ERR no such thing"), []]


async def test_a_server_that_talks_unasked_loses_its_connection() -> None:
    """Held as a tripwire, an endless talker is hung up on, and that counts as its end."""
    broken: list[float] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"+OK\r\n" * 10_000)
            await writer.drain()

    async with hostile.serve(talk) as server:
        await asyncio.wait_for(at(server.port).hold(broken.append), 5)
    assert len(broken) == 1


async def test_an_answer_that_nobody_asked_for_is_no_answer() -> None:
    """One reply too many would shift all the others by one."""

    whole = INFO + b"$54\r\nrole:master\r\nmaster_replid:7e\r\nmaster_repl_offset:42\r\n\r\n+PONG\r\n"

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(whole)
            await once_more.wait()
            writer.write(b"+PONG\r\n")

    once_more = asyncio.Event()
    async with hostile.serve(generous) as server:
        probe = at(server.port)
        assert (await facts(probe)).role is Role.PRIMARY
        once_more.set()
        assert (await failure_of(probe, fresh=False)).reason is Reason.PROTOCOL


async def test_refused_and_unknown_names() -> None:
    """Nobody listens; and a name that does not exist."""
    assert (await failure_of(at(free_port()))).reason is Reason.REFUSED
    assert (await failure_of(probe_with(url="redis://nowhere.invalid"))).reason is Reason.DNS


@pytest.mark.redis
async def test_tls_is_verified(tmp_path: Path, certificates: Certificates) -> None:
    """The authority and the name must be right; the certificate's end is told. A plain connection is refused."""
    redis_or_skip()
    server = RedisServer("tls", tmp_path)
    server.start()
    port = str(free_port())
    files = ("tls-cert-file", certificates.file("good"), "tls-key-file", str(certificates.folder / "key.pem"))
    said = server.cli("CONFIG", "SET", *files, "tls-ca-cert-file", certificates.authority, "tls-auth-clients", "no")
    assert said == "OK", said
    assert server.cli("CONFIG", "SET", "tls-port", port) == "OK"
    try:
        login = {"url": f"rediss://dr_probe@127.0.0.1:{port}", "password": PASSWORD}
        good = probe_with(**login, tls={"ca_file": certificates.authority})
        seen = await facts(good, fresh=True)
        assert seen.role is Role.PRIMARY
        assert seen.tls_not_after is not None
        for _ in range(3):
            assert (await facts(good)).role is Role.PRIMARY
        await good.write_marker(1, 1.0, fresh=False)
        assert (await failure_of(probe_with(**login))).reason is Reason.TLS
        named = probe_with(**login, tls={"ca_file": certificates.authority, "server_name": "elsewhere.example"})
        assert (await failure_of(named)).reason is Reason.TLS
        assert (await failure_of(at(int(port)))).reason in (Reason.RESET, Reason.PROTOCOL)
        await good.close()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "exactly one of url"),
        ({"url": "redis://a", "sentinels": ["b:1"], "master_name": "m"}, "exactly one of url"),
        ({"url": "http://a"}, "must begin with redis://"),
        ({"url": "redis://a:0"}, "must be a number from 1 to 65535"),
        ({"url": "redis://a:x"}, "must be a number from 1 to 65535"),
        ({"url": "redis://a,b"}, "exactly one host"),
        ({"url": "redis:///0"}, "exactly one host"),
        ({"url": "redis://a/zero"}, "ends with the number of the database"),
        ({"url": "redis://a/0?db=1"}, "ends with the number of the database"),
        ({"url": "redis://u:x@a", "password": "y"}, "keep it out of the url"),
        ({"url": "redis://u@a", "username": "v", "password": "y"}, "keep one of them"),
        ({"url": "redis://u@a"}, "a username needs a password"),
        ({"url": "redis://a", "tls": True}, "write rediss://"),
        ({"url": "redis://a", "master_name": "m"}, "master_name belongs to sentinels"),
        ({"url": "redis://a", "served_by": {"a:1": "hk"}}, "served_by belongs to sentinels"),
        ({"sentinels": ["b:1"]}, "sentinels need master_name"),
        ({"sentinels": [], "master_name": "m"}, "at least 1"),
        ({"sentinels": ["b"], "master_name": "m"}, "is not host:port"),
        ({"sentinels": ["b:1"], "master_name": "m", "served_by": {"a": "hk"}}, "is not host:port"),
        ({"sentinels": ["b:1"], "master_name": "m", "sentinel_username": "u"}, "a username needs a password"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], sentence: str) -> None:
    """Each is told in a sentence that says what would be right."""
    with pytest.raises(ValidationError, match=sentence):
        RedisSettings.model_validate(settings)


def test_what_a_url_says() -> None:
    """Host, port and database have defaults; the login is percent-decoded; IPv6 stands in brackets."""
    assert parse_url("redis://10.1.0.5") == (HostPort("10.1.0.5", 6379), 0, None, None, False)
    assert parse_url("rediss://u%40x:p%2Fw@[::1]:7000/3") == (
        HostPort("::1", 7000),
        3,
        "u@x",
        Secret(plain="p/w"),
        True,
    )
    assert "p/w" not in repr(parse_url("rediss://u:p%2Fw@a"))
    assert probe_with(url="redis://[::1]:7000/3").target == "[::1]:7000/3"


@pytest.mark.parametrize("password", ["s3cr[et", "s3cr]et", "s3\u2100cret"])
def test_an_address_that_cannot_be_read_keeps_its_secret(password: str) -> None:
    """Python's own sentence about brackets, or about what is not ASCII, would repeat them."""
    for parse, scheme in ((parse_url, "redis"), (parse_dsn, "mysql")):
        with pytest.raises(ValueError, match="cannot be read") as failed:
            parse(f"{scheme}://probe:{password}@10.1.0.5/0")
        assert "s3" not in str(failed.value)
