"""Calls that may block on a disk, each in a daemon thread: one that hangs holds up neither the loop nor the exit."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from exporter.ledger.errors import LedgerError

T = TypeVar("T")


class Threads:
    """At most `most` calls at a time, those that hang included."""

    def __init__(self, most: int = 8) -> None:
        self._free = threading.BoundedSemaphore(most)

    async def run(self, call: Callable[[], T], deadline: float, doing: str) -> T:
        """What `call` returns or raises (sqlite3.Error, OSError, ValueError).

        Raises LedgerError after `deadline` seconds, or at once if too many calls are running.
        """
        if not self._free.acquire(blocking=False):
            raise LedgerError(f"{doing} has to wait: too many such calls wait for the disk already; try again later")
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()

        def work() -> None:
            try:
                answer.set_result(call())
            except (sqlite3.Error, OSError, ValueError) as error:
                answer.set_exception(error)
            finally:
                self._free.release()

        threading.Thread(target=work, name="ledger-call", daemon=True).start()
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise LedgerError(f"{doing} took longer than {deadline:g} s; is the disk healthy?") from None
