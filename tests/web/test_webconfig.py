"""The web config file: the same one that promtool accepts, and nothing weaker than it says."""

import asyncio
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter.web.guard import REMEMBERED, Guard
from exporter.web.server import listen, make_app
from exporter.web.webconfig import WebConfigError, load_web_config
from tests.servers.accepting import end
from tests.web.fakes import Stage

DEADLINE = aiohttp.ClientTimeout(total=20)
PASSWORD = "open sesame"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, its key, and a client's certificate of an authority of its own."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing; install Debian's openssl")
    made = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=made, check=True, capture_output=True, timeout=30)

    for name, options in (("server", ["-addext", "subjectAltName=IP:127.0.0.1"]), ("client", [])):
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
        openssl("req", "-x509", *new_key, "-out", f"{name}.crt", "-days", "2", "-subj", f"/CN={name}", *options)
    openssl("ec", "-in", "server.key", "-aes128", "-passout", "pass:secret", "-out", "encrypted.key")
    return made


def written(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def serving(guard: Guard) -> AsyncIterator[str]:
    """A server behind the guard: `127.0.0.1:port`."""
    runner = await listen(make_app(Stage().backend(), guard), "127.0.0.1", 0, guard.tls)
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await end(runner)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


async def ask(
    url: str, login: str | None = None, *, method: str = "GET", tls: ssl.SSLContext | None = None
) -> tuple[int, dict[str, str]]:
    """(status, headers); `login` is the Authorization header."""
    headers = {} if login is None else {"Authorization": login}
    async with (
        aiohttp.ClientSession(timeout=DEADLINE, headers=headers) as session,
        session.request(method, url, ssl=tls or True) as answer,
    ):
        return answer.status, dict(answer.headers)


async def status(url: str, login: str | None = None, *, method: str = "GET", tls: ssl.SSLContext | None = None) -> int:
    return (await ask(url, login, method=method, tls=tls))[0]


def trusting(folder: Path, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / "server.crt")
    if client:
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context


EVERYTHING = f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: client.crt
  client_auth_type: RequireAndVerifyClientCert
  min_version: TLS12
  max_version: TLS13
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  prometheus: {HASH}
"""


@pytest.mark.prometheus
def test_promtool_accepts_the_same_file(folder: Path) -> None:
    """One file for all exporters of a site."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing; install Debian's prometheus")
    path = written(folder, EVERYTHING)
    subprocess.run([promtool, "check", "web-config", str(path)], check=True, capture_output=True, timeout=30)
    assert load_web_config(path).headers["X-Frame-Options"] == "deny"


async def test_tls_client_certificate_login_and_headers_together(folder: Path) -> None:
    """All are asked for; with all of them the answer comes, with the configured headers."""
    async with serving(Guard(written(folder, EVERYTHING))) as address:
        url, login = f"https://{address}/-/healthy", basic("prometheus", PASSWORD)
        tls = trusting(folder, client=True)
        code, headers = await ask(url, login, tls=tls)
        assert (code, headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == (200, "deny", "nosniff")
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert await status(url, tls=tls) == 401
        with pytest.raises(aiohttp.ClientError):
            await status(url, login, tls=trusting(folder))


async def test_basic_auth_admits_only_the_right_login(tmp_path: Path) -> None:
    """Wrong users, wrong passwords, overlong ones and broken headers get 401 and a challenge."""
    async with serving(Guard(written(tmp_path, f"basic_auth_users: {{prometheus: {HASH}}}"))) as address:
        url = f"http://{address}/metrics"
        assert await status(url, basic("prometheus", PASSWORD)) == 200
        for user, password in (
            ("prometheus", "wrong"),
            ("nobody", PASSWORD),
            ("prometheus", "x" * 200),
            ("prometheus", ""),
        ):
            assert await status(url, basic(user, password)) == 401
        for header in ("Basic", "Basic !!!", "Basic cHJvbWV0aGV1cw==", "Bearer x"):
            code, headers = await ask(url, header)
            assert (code, headers["WWW-Authenticate"][:5]) == (401, "Basic")


async def test_what_changes_something_asks_for_its_own_token(tmp_path: Path) -> None:
    """A reload with the bearer token needs no login beside it, and a login alone reloads nothing."""
    async with serving(Guard(written(tmp_path, f"basic_auth_users: {{prometheus: {HASH}}}"))) as address:
        url = f"http://{address}/-/reload"
        assert await status(url, "Bearer s3cret", method="POST") == 200
        assert await status(url, basic("prometheus", PASSWORD), method="POST") == 401


async def test_a_login_is_checked_once_and_the_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bcrypt runs for the first request of a login only; guesses push out the oldest guess, never the right login."""
    guard = Guard(written(tmp_path, f"basic_auth_users: {{prometheus: {HASH}}}"))
    checks, real = 0, bcrypt.checkpw

    def counted(password: bytes, stored: bytes) -> bool:
        nonlocal checks
        checks += 1
        return real(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    right = basic("prometheus", PASSWORD)
    assert await asyncio.gather(*(guard.admits(right) for _ in range(3))) == [True] * 3
    assert checks == 1
    for number in range(REMEMBERED + 10):
        assert not await guard.admits(basic("prometheus", f"guess {number}"))
    assert len(guard._wrong) == REMEMBERED
    assert (await guard.admits(right), checks) == (True, 1 + REMEMBERED + 10)


async def test_a_reload_takes_new_users_and_keeps_the_old_ones_on_an_error(tmp_path: Path) -> None:
    """A bad file changes nothing."""
    path = written(tmp_path, f"basic_auth_users: {{prometheus: {HASH}}}")
    guard, login = Guard(path), basic("prometheus", PASSWORD)
    path.write_text("basic_auth_users: {prometheus: plain}", encoding="utf-8")
    with pytest.raises(WebConfigError):
        guard.reload()
    assert await guard.admits(login)
    path.write_text(f"basic_auth_users: {{someone: {HASH}}}", encoding="utf-8")
    guard.reload()
    assert not await guard.admits(login)


async def test_a_renewed_certificate_is_served_after_a_reload(folder: Path, tmp_path: Path) -> None:
    """The listening socket stays; new connections see the new certificate."""
    for name in ("server.crt", "server.key"):
        shutil.copy(folder / name, tmp_path)
    path = written(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}")
    guard = Guard(path)
    async with serving(guard) as address:
        assert await status(f"https://{address}/-/healthy", tls=trusting(folder)) == 200
        shutil.copy(folder / "client.crt", tmp_path / "server.crt")
        shutil.copy(folder / "client.key", tmp_path / "server.key")
        guard.reload()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status(f"https://{address}/-/healthy", tls=trusting(folder))


async def test_a_certificate_that_cannot_be_used_leaves_the_old_one(folder: Path, tmp_path: Path) -> None:
    """Renewed half way, the certificate does not fit its key: the reload fails, and the server goes on as before."""
    for name in ("server.crt", "server.key"):
        shutil.copy(folder / name, tmp_path)
    guard = Guard(written(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}"))
    async with serving(guard) as address:
        shutil.copy(folder / "client.crt", tmp_path / "server.crt")
        with pytest.raises(WebConfigError, match="key values mismatch"):
            guard.reload()
        assert await status(f"https://{address}/-/healthy", tls=trusting(folder)) == 200


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tls_server_config: [", "web.yml:2:1: is not YAML: "),
        ("- 1", "the file: Input should be a valid dictionary"),
        ("tls_server: {}", "tls_server: is not a key that this server supports; leave it out"),
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: Field required"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}",
            "tls_server_config.client_auth_type: is not supported; use NoClientCert, VerifyClientCertIfGiven, "
            "RequireAndVerifyClientCert",
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}",
            "tls_server_config.min_version: Input should be 'TLS12' or 'TLS13'",
        ),
        (
            "basic_auth_users: {prometheus: hunter2}",
            "basic_auth_users.prometheus: is not a bcrypt hash; make one with `htpasswd -nBC 10 USER`",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: maybe}}",
            "http_server_config.headers.X-Frame-Options: Input should be 'deny' or 'sameorigin'",
        ),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """Where, what, and what would be right; never what was given, which may be a password."""
    with pytest.raises(WebConfigError) as caught:
        load_web_config(written(tmp_path, text + "\n"))
    assert sentence in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cert_file: gone.crt, key_file: server.key", "No such file or directory"),
        ("cert_file: server.crt, key_file: client.key", "key values mismatch"),
        ("cert_file: server.crt, key_file: encrypted.key", "the key is encrypted; give one without a passphrase"),
        (
            "cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert",
            "belong together",
        ),
        ("cert_file: server.crt, key_file: server.key, client_ca_file: client.crt", "belong together"),
    ],
)
def test_unusable_files_are_told(folder: Path, text: str, sentence: str) -> None:
    """At the start, not at the first handshake."""
    with pytest.raises(WebConfigError) as caught:
        Guard(written(folder, f"tls_server_config: {{{text}}}"))
    assert sentence in str(caught.value)
