"""A server that tells by /-/ready when it can be used, as Prometheus and Alertmanager do: started, awaited and ended."""

import subprocess
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.wait import free_port, until


class Daemon:
    """Use as a context manager. `arguments()` are read at each start."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{program}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def arguments(self) -> list[str]:
        """The command line, without the program."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it is ready."""
        assert self._process is None, f"{self.program} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, *self.arguments()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._is_ready, f"{self.program} is ready; see {self.log}", within=60, step=0.05)

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
        assert self._process is not None, f"{self.program} does not run"
        return self._process.pid

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.program} did not start: {self.log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
