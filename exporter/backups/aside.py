"""File system calls in a thread of their own: a mount that hangs holds up neither the loop nor the exit."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from exporter.backups.failure import BackupFailure
from exporter.core.model import Reason

T = TypeVar("T")


class Aside(Generic[T]):
    """One call at a time, one that hangs included: a dead mount must not collect threads."""

    def __init__(self, call: Callable[[], T], doing: str) -> None:
        """`call` may raise OSError and BackupFailure; `doing` says in a failure what it is."""
        self._call = call
        self._doing = doing
        self._running: Future[T] | None = None

    async def __call__(self) -> T:
        """What the call returns. Raises BackupFailure; may be cancelled, and the thread then ends by itself."""
        if self._running is not None and not self._running.done():
            raise BackupFailure(
                Reason.TIMEOUT, f"{self._doing} has not come back since the last time; is the mount dead?"
            )
        self._running = answer = Future[T]()
        answer.set_running_or_notify_cancel()
        threading.Thread(target=self._work, args=(answer,), name="backup-files", daemon=True).start()
        try:
            return await asyncio.shield(asyncio.wrap_future(answer))
        except OSError as error:
            reason = Reason.PERMISSION if isinstance(error, PermissionError) else Reason.ASSERTION
            why = error.strerror or type(error).__name__
            raise BackupFailure(reason, f"{self._doing} failed: {why}: {error.filename}") from None

    def _work(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._call())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            answer.set_exception(error)
