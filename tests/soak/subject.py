"""The exporter under soak: its process, its configuration, and what one may ask of it or do to it."""

import json
import os
import signal
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.faults.exporter import Exporter
from tests.servers import free_port

TOKEN = "a-long-enough-token"
VANTAGE = "faults"
"""As the fault runs call it, who count the markers under that name."""
STABLE = 5.0
"""Seconds for which a system serves until its incident is closed."""
PROBING = {"stable_for": f"{STABLE:g}s"}
WITHIN = 90.0
"""Seconds for an answer: it may be frozen just then, on a machine that others use."""


class View(Exporter):
    """One of its systems, for those who break only that."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        self.folder, self.port, self.name = folder, port, name
        self.url = f"http://127.0.0.1:{port}"
        self.ledger = folder / "ledger.db"
        self.config = folder / "dr.yml"
        self.kind = name
        self.stable_for = STABLE
        self._pair = True
        self._wrapper = ()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=WITHIN) as answer:
            return json.load(answer)

    def system(self, name: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/systems/{self.name}")
        return found

    def incidents(self, system: str = "", *, blips: bool = False) -> list[dict[str, Any]]:
        query = f"limit=500&system={self.name}&blips={str(blips).lower()}"
        items: list[dict[str, Any]] = self.get(f"/api/v1/incidents?{query}")["items"]
        return items

    def wait_calm(self, system: str = "", within: float = 3 * WITHIN) -> None:
        super().wait_calm(system, within)

    def waited(self) -> float:
        """Not told: under soak nothing is said of widths."""
        return 0.0

    def wait_closed(self, known: int, within: float = 3 * WITHIN) -> dict[str, Any]:
        return super().wait_closed(known, within)


class Subject(View):
    """All of it, and its operator."""

    def __init__(self, folder: Path, systems: Mapping[str, Any]) -> None:
        super().__init__(folder, free_port(), "")
        self._systems = dict(systems)
        (folder / "token").write_text(TOKEN)
        self.config.write_text(self.document())

    def document(self, **extra: Any) -> str:
        """Its configuration, JSON being YAML; `extra`: systems beside its own."""
        return json.dumps(
            {
                "exporter": {"vantage": VANTAGE, "ledger": f"sqlite:///{self.ledger}"},
                "api": {"token_file": str(self.folder / "token")},
                "probing": PROBING,
                "systems": {**self._systems, **extra},
            }
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def step_back(self, nice: int) -> None:
        """Take less of the processor than those from whom it inherited theirs."""
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), nice)

    def view(self, name: str) -> View:
        return View(self.folder, self.port, name)

    def all_incidents(self) -> list[dict[str, Any]]:
        """Blips too."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"/api/v1/incidents?limit=200&blips=true{cursor}")
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    def records(self) -> int:
        """In its ledger; asked of the file, since the exporter may be stopped just then."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=WITHIN)) as db:
            return int(db.execute("SELECT coalesce(max(n), 0) FROM records").fetchone()[0])

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=WITHIN) as answer:
            return str(answer.read().decode())

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(number)
        self._process.wait(WITHIN)

    def reload(self, document: str) -> None:
        """SIGHUP, with this configuration."""
        self.config.write_text(document)
        self.signal(signal.SIGHUP)

    def start_drill(self, system: str) -> str | None:
        """Its id; None if it may not begin now, since the system is not calm."""
        order = {"system": system, "operator": "ops@example.com", "reason": "soak", "expires_in": 3600}
        try:
            begun: str = self._do("POST", "/api/v1/drills", order)["id"]
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.CONFLICT:
                return None
            raise
        return begun

    def stop_drill(self, drill: str) -> None:
        self._do("DELETE", f"/api/v1/drills/{drill}", {"outcome": "as expected"})

    def _do(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:
            return json.load(answer)
