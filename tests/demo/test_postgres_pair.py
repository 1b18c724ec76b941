"""A real PostgreSQL pair over a slow line, and the kill that loses what is on it."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.demo import truth
from exporter.demo.pair import HOME
from exporter.demo.postgres_pair import INSTALLED, PostgresPair
from exporter.demo.process import Children, until

WITHIN = 15.0

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        not any(INSTALLED.glob("*/bin/postgres")) and not os.environ.get("CI"), reason="needs Debian's postgresql-15"
    ),
]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[PostgresPair]:
    """A running pair; PostgreSQL's own user may walk to its files."""
    ours = [folder for folder in tmp_path.parents if folder.is_relative_to(Path(tempfile.gettempdir()))]
    for folder in (tmp_path, *ours[:-1]):
        folder.chmod(0o711)
    async with Children(tmp_path) as children:
        pair = PostgresPair(tmp_path, children, delay=0.5)
        await pair.start()
        yield pair


async def test_a_kill_loses_what_was_on_the_line(pair: PostgresPair) -> None:
    """The lost orders are the newest acknowledged ones, and the dead primary's own files still have them."""

    async def more_than_the_line_holds() -> bool:
        return len(await pair.orders()) > 30

    await until(more_than_the_line_holds, "some orders are at the standby", WITHIN)
    killed = await pair.kill()
    assert not pair.children.alive(HOME)
    await pair.promote()
    await until(pair.acknowledges(killed.upper), "orders are taken again", WITHIN)
    present, attempts = await pair.orders(), pair.attempts()
    found = truth.find(attempts, killed, present)
    before = [attempt.id for attempt in attempts if attempt.ok and attempt.sent <= killed.upper]
    assert 0 < found.lost < found.acknowledged
    assert set(before[: -found.lost]) <= set(present)
    assert not set(before[-found.lost :]) & set(present)
    assert await pair.lost_markers("nobody") == 0
