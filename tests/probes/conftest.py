"""Both event loops, and certificates good and bad."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.servers.certificates import Certificates, make_certificates


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Looks must behave alike on the standard loop and on the fast one."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """good (127.0.0.1 and localhost, 30 days), expired, wrong_host, self_signed."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
