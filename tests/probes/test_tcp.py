"""The kind `tcp`."""

from typing import Any

import pytest

from exporter.core.model import Reason
from exporter.probes import KINDS
from tests import hostile
from tests.hostile import answer, serve
from tests.probes.looking import look, probe


async def test_a_connection_is_enough() -> None:
    """Without anything to expect, the handshake is the answer."""
    async with serve(hostile.hang) as server:
        sample = await look(probe("tcp", address=f"127.0.0.1:{server.port}"))
    assert sample.ok
    assert sample.phases.connect is not None
    assert sample.phases.tls is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"220 ready\r\n", None),
        (b"554 no\r\n", Reason.ASSERTION),
        (b"x" * 4096 + b"220 ready", Reason.ASSERTION),
        (b"", Reason.RESET),
    ],
)
async def test_expect(data: bytes, reason: Reason | None) -> None:
    """What is expected must come within the first 4 KiB."""
    async with serve(answer(data)) as server:
        sample = await look(probe("tcp", address=f"127.0.0.1:{server.port}", send="hi", expect="220 ready"))
    assert sample.reason is reason, sample.detail


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"address": "10.0.0.1"}, "is not host:port; write one like 10.1.0.5:5432"),
        ({"address": "10.0.0.1:0"}, "is not host:port"),
        ({"address": "::1:80"}, "is not host:port"),
        ({"address": "x:1", "send": "hi"}, "send without expect proves nothing"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in the settings is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["tcp"].settings.model_validate(wrong)
    assert sentence in str(error.value)


def test_ipv6() -> None:
    """An IPv6 address stands in brackets."""
    assert probe("tcp", address="[2001:db8::5]:5432").target == "[2001:db8::5]:5432"
