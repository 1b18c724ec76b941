"""Names out of certificates, good and mutilated."""

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probes.certificate import names
from tests.servers.certificates import Certificates


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("good", {"good", "localhost"}),
        ("wrong_host", {"wrong_host", "elsewhere.example"}),
        ("self_signed", {"self", "localhost"}),
    ],
)
def test_names(certificates: Certificates, name: str, found: set[str]) -> None:
    """The common name and the DNS names, of whatever openssl makes."""
    der = ssl.PEM_cert_to_DER_cert(Path(certificates.file(name)).read_text())
    assert names(der) == found
    for cut in range(len(der)):
        assert names(der[:cut]) <= found


@given(st.binary(max_size=200))
def test_no_certificate_has_no_names(data: bytes) -> None:
    """Whatever a server shows, reading it ends, and raises nothing."""
    assert all(isinstance(name, str) for name in names(data))
