"""While the exporter starts: the ledger of an earlier run is still being read."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

from exporter.app import App, Options
from exporter.ledger.sqlite import SqliteLedger
from exporter.plans import read_config

TEXT = """
exporter: {{ ledger: "sqlite:///{ledger}", vantage: here }}
systems:
  {name}:
    home: hk
    components: {{ web: {{ critical: true }} }}
    sites: {{ hk: {{ web: {{ tcp: "127.0.0.1:1" }} }} }}
"""


async def test_a_reload_before_anything_is_watched_is_not_lost(tmp_path: Path) -> None:
    """It waits until what was read first is watched; then the new configuration is watched, not only told to be in use."""
    path, reading, may_go_on = tmp_path / "config.yml", asyncio.Event(), asyncio.Event()

    def write(name: str) -> None:
        path.write_text(TEXT.format(ledger=tmp_path / "ledger.db", name=name))

    write("old")
    loaded = read_config(path, allow_exec=False)
    ledger = await SqliteLedger.open(loaded.config.ledger, vantage="here")
    load = ledger.load

    async def slow(now: Any) -> Any:
        reading.set()
        await may_go_on.wait()
        return await load(now)

    with patch.object(ledger, "load", slow):
        app = App(Options(path, "127.0.0.1", 0), loaded, ledger)
        running = asyncio.create_task(app.run(lambda url: None))
        try:
            await reading.wait()
            write("new")
            reload = asyncio.create_task(app.reload())
            await asyncio.wait({reload}, timeout=1.0)
            told = app.clocked().snapshot.exporter
            assert (reload.done(), told.config_hash, told.reload_ok) == (False, loaded.hash, True)
            may_go_on.set()
            assert await reload == []
            assert list(app.clocked().snapshot.systems) == ["new"]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await ledger.close()
