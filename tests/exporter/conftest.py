"""An exporter and two sites for every test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.demo.process import Children
from tests.exporter.rig import Exporter, Sites


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    """Not started; killed at the end."""
    async with Exporter(tmp_path) as exporter:
        yield exporter


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    """Two running sites that replicate at once."""
    async with Children(tmp_path) as children:
        sites = Sites(tmp_path, children)
        await sites.start()
        yield sites
