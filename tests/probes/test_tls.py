"""TLS: whom we trust, whom we do not, and when a certificate ends."""

import asyncio
import ssl
import subprocess
import time
from typing import Any

import pytest

from exporter.core.model import Reason, Sample
from exporter.probes.tls import not_after
from tests.hostile import answer, message, serve
from tests.probes.looking import look, probe
from tests.servers.certificates import Certificates

PAGE = answer(message("200 OK", b"all is well"))


async def seen(context: ssl.SSLContext, **tls: Any) -> Sample:
    """One HTTPS look at a server with that context."""
    async with serve(PAGE, context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        return await look(probe("http", url=url, tls=tls, expect={"body_regex": "well"}))


async def test_a_good_certificate(certificates: Certificates) -> None:
    """A trusted certificate passes, the handshake is timed apart, and the day it ends is told."""
    sample = await seen(certificates.server("good"), ca_file=certificates.authority)
    assert sample.ok, sample.detail
    assert sample.phases.tls is not None
    assert sample.facts.tls_not_after is not None
    assert 29 < (sample.facts.tls_not_after - time.time()) / 86400 < 31


@pytest.mark.parametrize(
    ("name", "why"),
    [("expired", "expired"), ("wrong_host", "IP address mismatch"), ("self_signed", "self-signed")],
)
async def test_bad_certificates(certificates: Certificates, name: str, why: str) -> None:
    """Expired, for another host, signed by nobody we trust: tls, and why."""
    sample = await seen(certificates.server(name), ca_file=certificates.authority)
    assert sample.reason is Reason.TLS
    assert why in sample.detail
    assert sample.phases.tls is not None


async def test_not_verified_on_request(certificates: Certificates) -> None:
    """`verify: false` takes any certificate, and still tells when it ends."""
    sample = await seen(certificates.server("expired"), verify=False)
    assert sample.ok
    assert sample.facts.tls_not_after is not None
    assert sample.facts.tls_not_after < time.time()


async def test_server_name(certificates: Certificates) -> None:
    """`server_name` is what the certificate must bear, whatever the address."""
    sample = await seen(
        certificates.server("wrong_host"), ca_file=certificates.authority, server_name="elsewhere.example"
    )
    assert sample.ok, sample.detail


async def test_client_certificate(certificates: Certificates) -> None:
    """A server that asks for a certificate gets ours; without one the look fails."""
    server = certificates.server("good", client_authority=True)
    mine = {"cert_file": certificates.file("good"), "key_file": str(certificates.folder / "key.pem")}
    assert (await seen(server, ca_file=certificates.authority, **mine)).ok
    assert not (await seen(server, ca_file=certificates.authority)).ok


async def test_plain_text_where_tls_was_expected(certificates: Certificates) -> None:
    """A server that does not speak TLS."""
    async with serve(PAGE) as server:
        assert (await look(probe("http", url=f"https://127.0.0.1:{server.port}/"))).reason is Reason.TLS


async def test_a_handshake_that_is_cut_off() -> None:
    """The end of the connection in the middle of the handshake is a reset."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async with serve(hang_up) as server:
        sample = await look(probe("http", url=f"https://127.0.0.1:{server.port}/"))
    assert sample.reason is Reason.RESET


async def test_a_file_that_is_not_there() -> None:
    """A missing authority file is told by its name."""
    sample = await look(probe("http", url="https://127.0.0.1:1/", tls={"ca_file": "/nowhere/ca.pem"}))
    assert sample.reason is Reason.TLS
    assert "/nowhere/ca.pem" in sample.detail


async def test_tcp_with_tls(certificates: Certificates) -> None:
    """The kind `tcp` speaks TLS too, with or without something to expect."""
    async with serve(answer(b"+OK\r\n"), certificates.server("good")) as server:
        tls = {"ca_file": certificates.authority}
        address = f"127.0.0.1:{server.port}"
        for expect in ({}, {"send": "hello", "expect": r"^\+OK"}):
            sample = await look(probe("tcp", address=address, tls=tls, **expect))
            assert sample.ok, sample.detail
            assert sample.facts.tls_not_after is not None


def test_the_end_of_a_certificate_is_read_as_openssl_reads_it(certificates: Certificates) -> None:
    """Our reading of DER agrees with the openssl command."""
    path = certificates.file("good")
    out = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-enddate"], check=True, capture_output=True, text=True
    )
    der = ssl.PEM_cert_to_DER_cert(certificates.folder.joinpath("good.pem").read_text())
    assert not_after(der) == ssl.cert_time_to_seconds(out.stdout.strip().removeprefix("notAfter="))


@pytest.mark.parametrize("cut", range(0, 240, 3))
def test_a_broken_certificate_has_no_end(certificates: Certificates, cut: int) -> None:
    """Whatever is cut off a certificate, reading it never raises."""
    der = ssl.PEM_cert_to_DER_cert(certificates.folder.joinpath("good.pem").read_text())
    not_after(der[:cut])
