"""A real Prometheus of our own on loopback, that can be asked, reloaded, killed and started again on the same data."""

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.servers.wait import free_port, until

DEADLINE = 30.0
"""Seconds for one answer: the machine may be busy."""


def prometheus_missing() -> str:
    """Why the rig cannot run here; empty when it can."""
    return "" if shutil.which("prometheus") else "Prometheus is missing: apt-get install prometheus"


class Series(NamedTuple):
    """One element of an answer."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]
    """(Unix seconds, value), ascending; exactly one for an instant query."""

    @property
    def value(self) -> float:
        """The newest one."""
        return self.values[-1][1]


class Prometheus:
    """Use as a context manager. `config` is what would stand in prometheus.yml."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "prometheus.log"
        self._folder = folder
        self._config = folder / "prometheus.yml"
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(config)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the configuration: JSON is YAML too. Used from the next start or reload on."""
        self._config.write_text(json.dumps(config))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it is ready to answer queries."""
        assert self._process is None, "Prometheus runs already"
        arguments = (
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["prometheus", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._is_ready, f"Prometheus is ready; see {self.log}", within=60, step=0.05)

    def stop(self) -> None:
        """End it; nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None, "Prometheus does not run"
        return self._process.pid

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Prometheus did not start: {self.log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def reload(self) -> None:
        """Read the configuration and the rules again. Raises HTTPError when they are refused."""
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        with urllib.request.urlopen(request, timeout=DEADLINE):
            pass

    def api(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Any:
        """`data` of an answer of /api/v1/PATH. Raises AssertionError with Prometheus's own words when it is an error."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {dict(parameters)}: {error.read().decode()}") from None

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """What the expression gives at one instant (Unix seconds), now by default."""
        parameters = [("query", expression), *([] if at is None else [("time", f"{at:.3f}")])]
        return _series(self.api("query", parameters))

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """What the expression gives from `start` to `end` (Unix seconds), every `step` seconds."""
        times = [("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("step", f"{step:.3f}")]
        return _series(self.api("query_range", [("query", expression), *times]))

    def alerts(self) -> list[Mapping[str, Any]]:
        """The alerts that are pending or firing now: `labels`, `annotations`, `state`."""
        found: list[Mapping[str, Any]] = self.api("alerts")["alerts"]
        return found


def _series(data: Any) -> list[Series]:
    if data["resultType"] == "scalar":
        return [Series({}, (_sample(data["result"]),))]
    return [
        Series(one["metric"], tuple(_sample(each) for each in one.get("values", [one.get("value")])))
        for one in data["result"]
    ]


def _sample(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
