"""The kind `tls`."""

import time
from typing import Any

import pytest

from exporter.core.model import Reason
from tests.hostile import hang, serve
from tests.probes.looking import look, probe
from tests.servers.certificates import Certificates


@pytest.mark.parametrize(
    ("certificate", "settings", "reason", "sentence"),
    [
        ("good", {}, None, ""),
        ("good", {"at_least": "14d"}, None, ""),
        ("good", {"at_least": "31d"}, Reason.ASSERTION, "the certificate expires in "),
        ("expired", {}, Reason.TLS, "certificate has expired"),
        ("expired", {"verify": False, "at_least": "1d"}, Reason.ASSERTION, "the certificate expires already"),
        ("wrong_host", {}, Reason.TLS, "the certificate is not accepted"),
        ("wrong_host", {"server_name": "elsewhere.example"}, None, ""),
        ("self_signed", {}, Reason.TLS, "self-signed"),
    ],
)
async def test_certificates(
    certificates: Certificates, certificate: str, settings: dict[str, Any], reason: Reason | None, sentence: str
) -> None:
    """A chain that is not accepted is `tls`; one that is, but soon will not be, an assertion."""
    async with serve(hang, certificates.server(certificate)) as server:
        address = f"127.0.0.1:{server.port}"
        sample = await look(probe("tls", address=address, ca_file=certificates.authority, **settings))
    assert sample.reason is reason, sample.detail
    assert sentence in sample.detail
    if reason is None:
        expires = sample.facts.tls_not_after
        assert expires is not None
        assert 29 * 86400 < expires - time.time() <= 30 * 86400
        assert sample.phases.tls is not None


async def test_a_server_that_speaks_no_tls() -> None:
    """A banner in the clear is a failed handshake."""

    async def greet(reader: Any, writer: Any) -> None:
        writer.write(b"220 mail ready\r\n")
        await hang(reader, writer)

    async with serve(greet) as server:
        assert (await look(probe("tls", address=f"127.0.0.1:{server.port}"))).reason is Reason.TLS
