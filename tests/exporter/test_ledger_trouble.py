"""The disk is full while the exporter runs: it goes on looking, says so, and writes everything down later, in order."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.exporter.rig import BOOKKEEPING, Exporter, page, until
from tests.hostile import answer, message, reset, serve

OPEN = answer(message(body=b"open"))


Trouble = Callable[[Exporter], AbstractContextManager[None]]


@contextmanager
def full(exporter: Exporter) -> Iterator[None]:
    """Its files cannot grow: as on a full disk, without needing one."""
    most, hard = resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE, (most, hard))


@contextmanager
def locked(exporter: Exporter) -> Iterator[None]:
    """Somebody else holds the write lock of the database."""
    db = sqlite3.connect(exporter.ledger, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
    finally:
        db.close()


@pytest.mark.parametrize("trouble", [full, locked])
async def test_it_cannot_be_written(exporter: Exporter, trouble: Trouble) -> None:
    """An outage begins and ends meanwhile: it is shown at once, waits in memory, and lands once, in order."""
    async with serve(OPEN) as shop:
        exporter.configure({"shop": page(shop.port)})
        await exporter.start()
        await exporter.until_state("healthy", system="shop")
        written = len(exporter.records())
        with trouble(exporter):
            await until(lambda: writable(exporter, False), "it is said that the ledger cannot be written")
            shop.behaviour = reset
            incident = (await exporter.until_state("outage", system="shop"))["incident"]
            shop.behaviour = OPEN
            await exporter.until_state("recovering", system="shop")
            await exporter.until_state("healthy", system="shop")
            metrics = await exporter.metrics()
            assert (metrics.value("dr_exporter_ledger_waiting_records") or 0) >= 4
            assert metrics.value("dr_incidents_total", system="shop", kind="outage_in_place", drill="false") == 1
            assert len(exporter.records()) == written
        await until(lambda: writable(exporter, True), "the ledger is written again")
        assert (await exporter.closed())[0]["id"] == incident["id"]
        assert (await exporter.metrics()).value("dr_exporter_ledger_waiting_records") == 0
        assert await exporter.stop() == 0
    exporter.whole()
    kinds = [line.kind for line in exporter.records()[written:] if line.kind not in BOOKKEEPING]
    assert kinds == ["transition", "transition", "transition", "incident", "transition"]
    if trouble is full:
        return  # the log is a file, too
    log = exporter.log.read_text(encoding="utf-8")
    assert log.count("cannot write the ledger") == 1
    assert log.count("is written again") == 1


async def writable(exporter: Exporter, yes: bool) -> bool:
    return (await exporter.metrics()).value("dr_exporter_ledger_writable") == yes


async def test_killed_while_records_wait(exporter: Exporter) -> None:
    """What waited in memory is gone with the process, and the next run finds the outage anew: nothing is doubled."""
    async with serve(OPEN) as shop:
        exporter.configure({"shop": page(shop.port)})
        await exporter.start()
        await exporter.until_state("healthy", system="shop")
        with locked(exporter):
            shop.behaviour = reset
            await exporter.until_state("outage", system="shop")
            await exporter.kill()
        exporter.whole()
        await exporter.start()
        found = (await exporter.until_state("outage", system="shop"))["incident"]
        shop.behaviour = OPEN
        assert [one["id"] for one in await exporter.closed()] == [found["id"]]
        assert await exporter.stop() == 0
    exporter.whole()
    assert len(exporter.records("incident")) == 1
