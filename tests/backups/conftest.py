"""Both event loops, and certificates, as for the probes."""

from tests.probes.conftest import certificates, pytest_asyncio_loop_factories

__all__ = ["certificates", "pytest_asyncio_loop_factories"]
