"""The real exporter as a process, configured for a pair of servers, and what it says of an incident."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exporter.core.interval import Interval
from tests.servers import PASSWORD, free_port, until

ROOT = Path(__file__).parents[2]
ADDRESS = {"mariadb": "dsn", "postgres": "dsn", "redis": "url"}
"""Kind -> the key of its address."""
REMEMBERED = 600.0
"""Seconds for which a marker is asked after."""
PATIENCE = 20.0
"""Seconds that an answer may take on a machine that others use too."""


def pair(folder: Path, hk: str, sg: str, kind: str = "postgres", *, canary: bool = True) -> dict[str, Any]:
    """The system `orders`: a database of this kind at home, hk, and its standby at sg; where each is looked at."""
    password = str(folder / "password")
    component = {"critical": True, **({"canary": {"every": "1s"}} if canary else {})}
    return {
        "orders": {
            "home": "hk",
            "objectives": {"rto": "60s", "rpo": {"site_loss": "5s"}},
            "components": {"database": component},
            "sites": {
                site: {"database": {kind: {ADDRESS[kind]: where, "password_file": password}}}
                for site, where in (("hk", hk), ("sg", sg))
            },
        }
    }


class Exporter:
    """`serve` on a free port: of a pair (see `pair`), or of these `systems`. `wrapper`: a command in front of its own."""

    def __init__(
        self,
        folder: Path,
        hk: str = "",
        sg: str = "",
        *,
        kind: str = "postgres",
        canary: bool = True,
        systems: Mapping[str, Any] | None = None,
        wrapper: Sequence[str] = (),
        ledger: Path | None = None,
        stable_for: float = 1.5,
        **probing: str,
    ) -> None:
        self.folder = folder
        self.kind = kind
        self.stable_for = stable_for
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger = ledger or folder / "ledger.db"
        self.config = folder / "dr.yml"
        self._wrapper = wrapper
        self._pair = systems is None
        (folder / "password").write_text(PASSWORD)
        config = {
            "exporter": {"vantage": "faults", "ledger": f"sqlite:///{self.ledger}"},
            "probing": {"stable_for": f"{stable_for * 1000:.0f}ms", **probing},
            "systems": pair(folder, hk, sg, kind, canary=canary) if systems is None else systems,
        }
        self.config.write_text(json.dumps(config))  # JSON is YAML

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._process.poll()
        self.kill(signal.SIGTERM)
        told = (self.folder / "exporter.log").read_text()
        assert code is None, f"the exporter ended by itself with {code}: {told[-3000:]}"
        assert "Traceback" not in told, told[told.index("Traceback") :][:3000]

    def start(self) -> None:
        command = [*self._wrapper, sys.executable, "-m", "exporter", "serve", "--config.file", str(self.config)]
        with (self.folder / "exporter.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{self.port}"], cwd=ROOT, stdout=log, stderr=log
            )
        until(self._answers, f"the exporter answers; see {self.folder}/exporter.log")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(number)
        self._process.wait(15)

    @property
    def ended(self) -> bool:
        """It has ended by itself, or was killed."""
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def waited(self) -> float:
        """Seconds in all for which the kernel let it wait though it could have run: field 2 of /proc/PID/schedstat."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "exporter.log").read_text()[-2000:]
        try:
            self.get("/-/healthy")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one series of the system; None if it is absent."""
        with urllib.request.urlopen(f"{self.url}/metrics?name[]={name}", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = [line for line in lines if not line.startswith("#") and all(one in line for one in wanted)]
        return float(found[0].rsplit(" ", 1)[1]) if found else None

    def system(self, name: str = "orders") -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/systems/{name}")
        return found

    def incidents(self, system: str = "orders", *, blips: bool = False) -> list[dict[str, Any]]:
        """All of them, newest first."""
        query = f"system={system}&limit=500&blips={str(blips).lower()}"
        items: list[dict[str, Any]] = self.get(f"/api/v1/incidents?{query}")["items"]
        return items

    def recorded(self) -> list[str]:
        """The kinds of all records in the ledger, oldest first."""
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=5) as db:
            return [kind for (kind,) in db.execute("SELECT kind FROM records ORDER BY n")]

    def wait_calm(self, system: str = "orders", within: float = 30.0) -> None:
        """Until it is healthy, with a ready standby and a recovery point that is proven where there are some."""
        until(lambda: self.is_calm(system), f"{system} is healthy", within, step=0.1)

    def is_calm(self, name: str = "orders") -> bool:
        system = self.system(name)
        proven = not self._pair or system["rpo"]["site_loss"]["known"]
        return bool(system["state"] == "healthy" and proven)

    def wait_closed(self, known: int, within: float = 60.0) -> dict[str, Any]:
        """The incident that closes after `known` are closed already."""

        def closed() -> dict[str, Any] | None:
            done = [one for one in self.incidents() if not one["open"]]
            return done[0] if len(done) > known else None

        found = until(closed, "the incident is closed", within, step=0.1)
        assert found is not None
        return found

    def acknowledged(self, system: str = "orders") -> dict[int, str]:
        """The markers that are acknowledged by the exporter's own durable notes: number -> site.

        Of the last minutes only: databases sweep them after 15, and the ledger after 20; what was swept is not lost."""
        newest = f"sent > (SELECT max(sent) FROM markers) - {REMEMBERED}"
        ask = f"SELECT seq, site FROM markers WHERE acked IS NOT NULL AND system = ? AND {newest}"
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=PATIENCE)) as db:
            return dict(db.execute(ask, (system,)).fetchall())


class Notary:
    """Notes in a thread every marker that the exporter ever called acknowledged, for as long as the `with` lasts."""

    def __init__(self, exporter: Exporter, system: str) -> None:
        self._exporter, self._system = exporter, system
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._note, daemon=True)
        self.markers: dict[int, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)

    def _note(self) -> None:
        while not self._over.wait(0.05):
            self.markers |= self._exporter.acknowledged(self._system)


def instants(told: dict[str, float]) -> Interval:
    """An interval of Unix seconds as CLOCK_MONOTONIC, which all processes of this machine share."""
    offset = time.time() - time.monotonic()
    return Interval(told["lower"] - offset, told["upper"] - offset, told["estimate"] - offset)


def seconds(told: dict[str, float]) -> Interval:
    return Interval(told["lower"], told["upper"], told["estimate"])
