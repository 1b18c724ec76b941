"""The limit of open files: raised as far as it goes, and told where that is not enough."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.exporter.rig import ROOT, WITHIN, Exporter, page, until
from tests.servers import free_port


@asynccontextmanager
async def limited(exporter: Exporter, soft: int, hard: int) -> AsyncIterator[tuple[int, Path]]:
    """`serve` under these limits, once it listens: its process number and its log."""
    command = [sys.executable, "-m", "exporter", "serve", f"--config.file={exporter.config}"]
    limits = f'ulimit -S -n {soft} && ulimit -H -n {hard} && exec "$@"'
    with exporter.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", limits, "sh", *command, "--web.listen-address=127.0.0.1:0", stdout=log, stderr=log, cwd=ROOT
        )

    async def listens() -> bool:
        said = exporter.log.read_text(encoding="utf-8")
        assert process.returncode is None, said
        return "listening on" in said

    try:
        await until(listens, "it listens")
        yield process.pid, exporter.log
    finally:
        process.terminate()
        async with asyncio.timeout(WITHIN):
            await process.wait()


@pytest.mark.parametrize(("hard", "told"), [(305, True), (306, False)])
async def test_the_limit_is_raised_and_judged(exporter: Exporter, hard: int, told: bool) -> None:
    """Two for each of three vital endpoints, and 300; those that are not vital do not count."""
    shop = page(free_port())
    shop["components"]["aside"] = {}
    shop["sites"]["hk"]["aside"] = {"tcp": {"address": f"127.0.0.1:{free_port()}"}}
    exporter.configure({f"shop-{number}": shop for number in range(3)})
    async with limited(exporter, 128, hard) as (pid, log):
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (hard, hard)
        said = log.read_text(encoding="utf-8")
    assert ("may need 306 in an outage" in said) is told
    assert (f"at most {hard} files and sockets may be open at a time" in said) is told
