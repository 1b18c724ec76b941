"""What is wrong with the address, the login, TLS or the other side's protocol: a reason, a sentence, and no secret in it."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.core.model import Reason, Role
from exporter.probes import KINDS
from exporter.probes.kind import Ask, Context, Failure, Probe
from exporter.probes.mysql import KIND, Dsn, parse_dsn
from exporter.probes.mysql_errors import refused
from exporter.probes.mysql_packet import OURS, Refusal, framed, read_greeting
from exporter.probes.mysql_talk import Credentials, log_in
from tests import hostile
from tests.hostile import Behaviour
from tests.probes.database import facts
from tests.probes.looking import probe
from tests.probes.mysql_rig import make_pair, probe_of
from tests.probes.mysql_server import OK, greeting, packet, proof, refusal, results, server
from tests.servers import PASSWORD, free_port
from tests.servers.certificates import Certificates
from tests.servers.mariadb_pair import MariadbPair

WRONG = "hunter2-is-wrong"


@pytest.fixture(scope="module")
def pair() -> Iterator[MariadbPair]:
    yield from make_pair()


async def failure_of(probe: Probe) -> Failure:
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await probe.look(Ask(fresh=True))
    return failed.value


def at(port: int, **settings: Any) -> Probe:
    """A probe of whatever listens on a port."""
    return probe("mysql", dsn=f"mysql://dr_probe@127.0.0.1:{port}", password=PASSWORD, **settings)


async def failure_at(behaviour: Behaviour, **settings: Any) -> Failure:
    async with hostile.serve(behaviour) as listening:
        return await failure_of(at(listening.port, **settings))


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"password": WRONG}, Reason.AUTH),
        ({"user": "nobody"}, Reason.AUTH),
        ({"database": "nowhere"}, Reason.PERMISSION),
        ({"user": "root", "password": "", "database": "nowhere"}, Reason.ASSERTION),
        ({"user": "writer", "password": WRONG}, Reason.AUTH),
        ({"tls": True}, Reason.TLS),
    ],
    ids=str,
)
async def test_a_wrong_login_has_a_reason_and_no_secret(
    pair: MariadbPair, changed: dict[str, Any], reason: Reason
) -> None:
    """The server's own sentence is kept; neither the password nor the dsn is in it."""
    failure = await failure_of(probe_of(pair.primary, **changed))
    assert failure.reason is reason
    assert failure.phases.connect is not None
    for hidden in (WRONG, PASSWORD, "mysql://"):
        assert hidden not in str(failure)


async def test_a_missing_secret_is_our_own_trouble(tmp_path: Path) -> None:
    """The endpoint was not asked, so the reason may not count as its answer."""
    settings = {"dsn": "mysql://dr_probe@127.0.0.1:1", "password_file": str(tmp_path / "gone")}
    failure = await failure_of(probe("mysql", **settings))
    assert failure.reason is Reason.INTERNAL
    assert "gone" in failure.detail


async def test_caching_sha2_is_spoken() -> None:
    """MySQL 8's way to log in, with the quick answer of a server that knows us already."""
    behaviour = server([], password=PASSWORD, after_login=b"\x01\x03")
    assert (await failure_at(behaviour)).reason is Reason.PROTOCOL  # it is logged in; the look has no answer
    assert (await failure_at(server([], password=WRONG))).reason is Reason.AUTH


async def test_the_password_itself_is_sent_over_tls_only() -> None:
    """A server that has forgotten us wants it: over TLS it gets it, else we say what is missing, and send nothing."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def forgetful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(greeting(), 0))
        assert proof(PASSWORD) in await packet(reader)
        writer.write(framed(b"\x01\x04", 2))
        heard.put_nowait(await packet(reader))

    async with hostile.serve(forgetful) as listening:
        failure = await failure_of(at(listening.port))
        assert await asyncio.wait_for(heard.get(), 5) == b""
    assert failure.reason is Reason.AUTH
    assert "tls: true" in failure.detail
    greeted = read_greeting(greeting())
    talk = log_in(greeted, Credentials("dr_probe", PASSWORD, ""), OURS, encrypted=True)
    assert proof(PASSWORD) in next(talk)
    assert talk.send(b"\x01\x04") == PASSWORD.encode() + b"\0"


async def test_an_unknown_plugin_is_named() -> None:
    """The sentence says what the account needs instead."""

    async def switches(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(greeting(), 0))
        await packet(reader)
        writer.write(framed(b"\xfeclient_ed25519\0" + b"n" * 32, 2))
        await packet(reader)

    failure = await failure_at(switches)
    assert failure.reason is Reason.AUTH
    assert "client_ed25519, which is not spoken; give it mysql_native_password" in failure.detail


def says(data: bytes) -> Behaviour:
    """A server that says this, unasked, and then waits."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.read(65536)
        await asyncio.Event().wait()

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    """Logs us in, and answers `start` and then `piece` without end."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(greeting(), 0))
        await packet(reader)
        writer.write(framed(OK, 2))
        await packet(reader)
        writer.write(start)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(piece)
                await writer.drain()

    return behave


ROWS = b"".join(framed(b"\x05xxxxx", number) for number in (*range(5, 256), *range(5)))
ONE_COLUMN = results([(("x",), [])])[: -len(framed(b"12345", 0))]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Reason.PROTOCOL),
        (says(hostile.GARBAGE), Reason.PROTOCOL),
        (says(framed(b"\x09" + greeting()[1:], 0)), Reason.PROTOCOL),
        (says(framed(b"\x0a", 0)), Reason.PROTOCOL),
        (says(b"\xff\xff\xff\0" + b"x" * 10_000), Reason.TOO_LARGE),
        (says(framed(refusal(1040, "Too many connections", "08004"), 0)), Reason.UNAVAILABLE),
        (says(framed(b"\xff\x69\x04Host '10.1.0.9' is blocked", 0)), Reason.ERROR_CODE),
        (endless(ONE_COLUMN, ROWS), Reason.TOO_LARGE),
        (endless(b"", b"\xff\xff\xff\x01" + b"x" * 65536), Reason.TOO_LARGE),
        (endless(b"", framed(b"\xfbsecret.txt", 1)), Reason.PROTOCOL),
        (endless(b"", framed(b"\xfc\xff\xff", 1)), Reason.PROTOCOL),
        (endless(b"", hostile.GARBAGE), Reason.PROTOCOL),
        (hostile.reset, Reason.RESET),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
async def test_what_is_no_answer_has_a_reason(behaviour: Behaviour, reason: Reason) -> None:
    """Other protocols, old ones, lies about lengths, answers without end, and a server that asks for our files."""
    if behaviour is hostile.reset:

        async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(framed(greeting(), 0))
            await hostile.reset(reader, writer)

        behaviour = greets
    assert (await failure_at(behaviour)).reason is reason


async def test_unasked_talk_on_an_idle_connection_is_bounded() -> None:
    """A server that does not stop talking loses the connection, and nothing but that happens."""
    calm = asyncio.Event()

    async def chatters(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(greeting(), 0))
        await packet(reader)
        writer.write(framed(OK, 2))
        await calm.wait()
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    async with hostile.serve(chatters) as listening:
        broken: list[float] = []
        made = at(listening.port)
        holding = asyncio.create_task(made.hold(broken.append))
        await asyncio.wait_for(listening.visited.wait(), 5)
        calm.set()
        await asyncio.wait_for(holding, 5)
        assert len(broken) == 1
        await made.close()


async def test_refused_and_unknown_names() -> None:
    """Nobody listens; and a name that does not exist."""
    assert (await failure_of(at(free_port()))).reason is Reason.REFUSED
    assert (await failure_of(probe("mysql", dsn="mysql://u@nowhere.invalid"))).reason is Reason.DNS


@pytest.mark.mariadb
async def test_tls_is_verified_as_it_is_written(pair: MariadbPair, certificates: Certificates) -> None:
    """Demanded TLS wants the right authority and name; without a word it is spoken unverified where it is offered."""
    standby = pair.standby
    standby.stop()
    shutil.copy(certificates.file("key"), standby.data / "server-key.pem")
    shutil.copy(certificates.file("good"), standby.data / "server-cert.pem")
    for name in ("server-key.pem", "server-cert.pem"):
        shutil.chown(standby.data / name, standby.data.owner(), standby.data.group())
    standby.options += (f"--ssl-key={standby.data}/server-key.pem", f"--ssl-cert={standby.data}/server-cert.pem")
    standby.start()

    async def spoken(**tls: Any) -> bool:
        made = probe_of(standby, **tls)
        look = await made.look(Ask(fresh=True))
        assert look.facts.role is Role.STANDBY
        for _ in range(3):
            assert (await facts(made, markers_after=0)).role is Role.STANDBY
        await made.close()
        return look.phases.tls is not None

    assert await spoken()
    assert await spoken(tls={"ca_file": certificates.authority})
    assert await spoken(tls={"verify": False})
    assert not await spoken(tls=False)
    for demanded in (True, {"ca_file": certificates.authority, "server_name": "elsewhere.example"}):
        assert (await failure_of(probe_of(standby, tls=demanded))).reason is Reason.TLS


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1045, Reason.AUTH), (1044, Reason.PERMISSION), (1142, Reason.PERMISSION), (1227, Reason.PERMISSION),
        (1049, Reason.ASSERTION), (1290, Reason.READ_ONLY), (1836, Reason.READ_ONLY), (1040, Reason.UNAVAILABLE),
        (1053, Reason.UNAVAILABLE), (1205, Reason.TIMEOUT), (3159, Reason.TLS), (1064, Reason.ERROR_CODE),
    ],
)  # fmt: skip
def test_each_number_has_its_reason(code: int, reason: Reason) -> None:
    """The number stands in the sentence, which is one line and not too long."""
    failure = refused(Refusal(code, "what\nthe server said " + "x" * 1000))
    assert failure.reason is reason
    assert failure.detail.startswith("what the server said")
    assert len(failure.detail) <= 300


def test_a_dsn_is_read() -> None:
    """Names are unquoted, the port has its default, the database may be left out, and the target shows no user."""
    assert parse_dsn("mariadb://dr%40probe:p%2Fw@[::1]/my%20app") == Dsn("::1", 3306, "dr@probe", "my app", "p/w")
    assert probe("mysql", dsn="mysql://u:p@[::1]:3307/db").target == "[::1]:3307/db"
    assert probe("mysql", dsn="mysql://u@db").target == "db:3306"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dsn": "postgresql://u@h/db"}, "must begin with mysql:// or mariadb://"),
        ({"dsn": "mysql:///db"}, "exactly one host"),
        ({"dsn": "mysql://u@h1,h2/db"}, "exactly one host"),
        ({"dsn": "mysql://u@h:99999/db"}, "from 1 to 65535"),
        ({"dsn": "mysql://h/db"}, "must name a user"),
        ({"dsn": "mysql://u@h/db?ssl=1"}, "takes no options; write tls:"),
        ({"dsn": f"mysql://u:{WRONG}@h", "password": {"plain": "another"}}, "keep it out of the dsn"),
    ],
)
def test_bad_settings_say_what_would_be_right(settings: dict[str, Any], sentence: str) -> None:
    """As the configuration check prints it; the sentence repeats no password."""
    with pytest.raises(ValidationError, match=sentence) as failed:
        KIND.settings.model_validate(settings)
    assert WRONG not in failed.value.errors()[0]["msg"]


def test_the_kind_tells_what_it_can() -> None:
    """It has a role, it can store markers, it can be asked, a plain string is its dsn, and it has two names."""
    settings = KIND.settings.model_validate({"dsn": "mysql://u@h"})
    assert KIND.stateful(settings)
    assert KIND.canary(settings)
    assert KIND.question is not None
    assert KIND.short == "dsn"
    assert KIND.build(settings, Context("here")).target == "h:3306"
    assert KINDS["mariadb"] is KINDS["mysql"] is KIND
