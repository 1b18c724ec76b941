"""What is wrong with the address, the login, TLS or the other side's protocol: a reason, a sentence, and no secret in it."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.core.model import Reason, Role
from exporter.probes.kind import Ask, Context, Failure
from exporter.probes.postgres import KIND, PostgresSettings
from exporter.probes.postgres_dsn import Dsn, parse_dsn
from exporter.probes.postgres_probe import PostgresProbe
from tests import hostile
from tests.probes.database import facts
from tests.probes.postgres_rig import make_pair, probe_of
from tests.servers import PASSWORD, PostgresPair, free_port
from tests.servers.certificates import Certificates

WRONG = "hunter2-is-wrong"


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    yield from make_pair()


async def failure_of(probe: PostgresProbe) -> Failure:
    with pytest.raises(Failure) as failed:
        async with asyncio.timeout(5):
            await probe.look(Ask(fresh=True))
    return failed.value


def at(port: int, options: str = "") -> PostgresProbe:
    """A probe of whatever listens on a port."""
    settings = PostgresSettings.model_validate(
        {"dsn": f"postgresql://dr_probe:{PASSWORD}@127.0.0.1:{port}/app{options}"}
    )
    return PostgresProbe(settings.address, settings.password, Context("here"))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"password": WRONG}, Reason.AUTH),
        ({"user": "nobody"}, Reason.AUTH),
        ({"database": "nowhere"}, Reason.ASSERTION),
        ({"options": "?sslmode=require"}, Reason.TLS),
    ],
    ids=str,
)
async def test_a_wrong_login_has_a_reason_and_no_secret(
    pair: PostgresPair, changed: dict[str, Any], reason: Reason
) -> None:
    """The server's own sentence is kept; neither the password nor the dsn is in it."""
    failure = await failure_of(probe_of(pair.primary, **changed))
    assert failure.reason is reason
    assert failure.phases.connect is not None
    for hidden in (WRONG, PASSWORD, "postgresql://"):
        assert hidden not in str(failure)
        assert hidden not in repr(failure.__cause__)


async def test_a_missing_secret_is_our_own_trouble(tmp_path: Path) -> None:
    """The endpoint was not asked, so the reason may not count as its answer."""
    settings = PostgresSettings.model_validate(
        {"dsn": "postgresql://dr_probe@127.0.0.1:1/app", "password_file": str(tmp_path / "gone")}
    )
    failure = await failure_of(PostgresProbe(settings.address, settings.password, Context("here")))
    assert failure.reason is Reason.INTERNAL
    assert "gone" in failure.detail


@pytest.mark.parametrize("behaviour", [hostile.answer(hostile.GARBAGE), hostile.forever(b"", b"x" * 65536)])
async def test_garbage_is_not_postgresql(behaviour: hostile.Behaviour) -> None:
    """Bytes that mean nothing, a few or without end: the first of them gives it away."""
    async with hostile.serve(behaviour) as server:
        assert (await failure_of(at(server.port))).reason is Reason.PROTOCOL


async def test_another_protocol_is_not_postgresql() -> None:
    """A web server on that port."""
    async with hostile.serve(hostile.answer(hostile.message("400 Bad Request"))) as server:
        assert (await failure_of(at(server.port))).reason is Reason.PROTOCOL


@pytest.mark.parametrize("options", ["", "?sslmode=disable", "?sslmode=require"])
async def test_a_reset_instead_of_an_answer(options: str) -> None:
    """Whatever we asked first, a reset is a reset."""
    async with hostile.serve(hostile.reset) as server:
        assert (await failure_of(at(server.port, options))).reason is Reason.RESET


@pytest.mark.parametrize("options", ["", "?sslmode=disable"])
async def test_silence_is_bounded_and_leaves_nothing_open(options: str) -> None:
    """A server that accepts and says nothing: the caller's deadline holds, and the connection is gone."""
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        ended.set()

    async with hostile.serve(listen) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await at(server.port, options).look(Ask(fresh=True))
        await asyncio.wait_for(ended.wait(), 5)


async def test_refused_and_unknown_names() -> None:
    """Nobody listens; and a name that does not exist."""
    assert (await failure_of(at(free_port()))).reason is Reason.REFUSED
    settings = PostgresSettings.model_validate({"dsn": "postgresql://u@nowhere.invalid/app"})
    probe = PostgresProbe(settings.address, settings.password, Context("here"))
    assert (await failure_of(probe)).reason is Reason.DNS


@pytest.mark.postgres
async def test_tls_is_verified_as_the_dsn_says(pair: PostgresPair, certificates: Certificates) -> None:
    """verify-full wants the right authority and the right name, verify-ca the authority, require only that it is TLS."""
    server = pair.standby
    for name, source in (("server.key", "key"), ("server.crt", "good")):
        shutil.copy(certificates.file(source), server.data / name)
        shutil.chown(server.data / name, server.data.owner(), server.data.group())
        (server.data / name).chmod(0o600)
    server.configure(ssl="on")

    async def role(options: str) -> Role | None:
        return (await facts(probe_of(server, options), fresh=True)).role

    async def reason(options: str) -> Reason:
        return (await failure_of(probe_of(server, options))).reason

    ca = f"&sslrootcert={certificates.authority}"
    assert await role("") is Role.STANDBY
    assert await role("?sslmode=require") is Role.STANDBY
    assert await role(f"?sslmode=verify-full{ca}") is Role.STANDBY
    assert await reason("?sslmode=verify-full") is Reason.TLS
    assert await reason(f"?sslmode=verify-full&sslrootcert={certificates.folder}/gone.pem") is Reason.TLS
    shutil.copyfile(certificates.file("wrong_host"), server.data / "server.crt")
    server.configure(ssl="on")
    assert await reason(f"?sslmode=verify-full{ca}") is Reason.TLS
    assert await role(f"?sslmode=verify-ca{ca}") is Role.STANDBY


def test_a_dsn_is_read() -> None:
    """Names are unquoted, the port has its default, and the target shows neither user nor password."""
    read = parse_dsn("postgres://dr%40probe:p%2Fw@[::1]/my%20app?sslmode=verify-ca&sslrootcert=/ca.pem")
    assert read == Dsn("::1", 5432, "dr@probe", "my app", "p/w", sslmode="verify-ca", sslrootcert="/ca.pem")
    assert read.target == "[::1]:5432/my app"


@pytest.mark.parametrize(
    ("dsn", "sentence"),
    [
        ("mysql://u@h/db", "must begin with postgresql://"),
        ("postgresql:///db", "exactly one host"),
        ("postgresql://u@h1,h2/db", "exactly one host"),
        ("postgresql://u@h:99999/db", "from 1 to 65535"),
        ("postgresql://u@h:0/db", "from 1 to 65535"),
        ("postgresql://h/db", "a user and a database"),
        ("postgresql://u@h", "a user and a database"),
        ("postgresql://u@h/db?sslmode=no", "sslmode must be one of"),
        ("postgresql://u@h/db?target_session_attrs=any", "option target_session_attrs is not known"),
        ("postgresql://u@h/db?sslrootcert=/ca.pem", "write sslmode=verify-full"),
        ("postgresql://u@h/db?sslmode=verify-full&sslkey=/k.pem", "sslkey without an sslcert"),
    ],
)
def test_a_bad_dsn_says_what_would_be_right(dsn: str, sentence: str) -> None:
    """As the configuration check prints it."""
    with pytest.raises(ValidationError, match=sentence):
        PostgresSettings.model_validate({"dsn": dsn})


@pytest.mark.parametrize("password", ["hun[ter]2", "hun]t[er2", "hunter[2", "hunter\u2100"])
def test_a_dsn_that_cannot_be_read_keeps_its_secret(password: str) -> None:
    """Python's own sentence about a stray bracket repeats what stands around it."""
    with pytest.raises(ValueError, match="the dsn cannot be read") as failed:
        parse_dsn(f"postgresql://u:{password}@h/db")
    assert "ter" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_two_passwords_are_one_too_many() -> None:
    """Nobody could say which of them is used; the sentence repeats neither."""
    with pytest.raises(ValidationError, match="keep it out of the dsn") as failed:
        PostgresSettings.model_validate({"dsn": f"postgresql://u:{WRONG}@h/db", "password": {"plain": "another"}})
    assert WRONG not in failed.value.errors()[0]["msg"]


def test_without_asyncpg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds can be listed without it; whoever configures a PostgreSQL is told what to install."""
    script = "import sys; sys.modules['asyncpg'] = None; import exporter.probes; print(sorted(exporter.probes.KINDS))"
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "postgres" in listed.stdout
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ValidationError, match=r"install rto-rpo-exporter\[postgres\]"):
        PostgresSettings.model_validate({"dsn": "postgresql://u@h/db"})


def test_the_kind_tells_what_it_can() -> None:
    """It has a role, it can store markers, and a plain string is its dsn."""
    settings = KIND.settings.model_validate({"dsn": "postgresql://u@h/db"})
    assert KIND.stateful(settings)
    assert KIND.canary(settings)
    assert KIND.short == "dsn"
    assert KIND.build(settings, Context("here")).target == "h:5432/db"
