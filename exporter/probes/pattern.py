"""Regular expressions whose time is linear in the text, because the text is somebody else's.

RE2, as in Prometheus and blackbox_exporter. Python's own `re` can be made to stand still for hours by one answer, and all
other looks with it. RE2 has no look-around and no back-references, and `$` is the end of the text, not of its last line.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, TypeVar

import re2
from pydantic import AfterValidator

PROGRAM_LIMIT = 2000
"""Instructions of one pattern: in the worst case RE2 needs a few nanoseconds for each of them at every byte."""
AT_ONCE = 4096
"""Bytes of text that are searched on the event loop; longer ones have a thread of their own."""

_SPECIAL = frozenset(rb"\.^$*+?{}[]|()")

Found = TypeVar("Found")


class Pattern:
    """One regular expression in UTF-8, or in plain bytes if `text` is bytes. Raises ValueError when it is none.

    `captures`: its first group will be asked for, which costs more than whether it is found.
    """

    def __init__(self, text: str | bytes, *, captures: bool = False) -> None:
        options = re2.Options()
        options.log_errors = False
        options.never_capture = not captures
        self.text = text if isinstance(text, str) else text.decode("utf-8", "replace")
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            why = error.args[0].decode("utf-8", "replace")
            raise ValueError(f"{self.text!r} is not a regular expression of RE2: {why}") from None
        if self._compiled.programsize > PROGRAM_LIMIT:
            raise ValueError(f"{self.text!r} is too large a regular expression; repeat less in it")
        plain = text.encode() if isinstance(text, str) else text
        self._plain = None if _SPECIAL & {*plain} else plain
        """The expression itself, where it means nothing but itself: most do."""

    def found_at_once(self, data: bytes) -> bool:
        """Whether it is found somewhere in `data`; for short data only."""
        return self._plain in data if self._plain is not None else self._compiled.search(data) is not None

    async def found(self, data: bytes) -> bool:
        """Whether it is found somewhere in `data`, which may be of any length."""
        return await _searched(self.found_at_once, data)

    async def first_group(self, data: bytes) -> bytes | None:
        """What the first group matches, or the whole expression if it has no group; None where it is not found."""
        return await _searched(self._first_group_at_once, data)

    def _first_group_at_once(self, data: bytes) -> bytes | None:
        match = self._compiled.search(data)
        if match is None:
            return None
        group: bytes | None = match[min(1, self._compiled.groups)]
        return group


async def _searched(search: Callable[[bytes], Found], data: bytes) -> Found:
    return search(data) if len(data) <= AT_ONCE else await _searched_in_thread(search, data)


async def _searched_in_thread(search: Callable[[bytes], Found], data: bytes) -> Found:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Found] = loop.create_future()

    def land(found: Found) -> None:
        if not outcome.done():
            outcome.set_result(found)

    def run() -> None:
        found = search(data)  # without the interpreter's lock
        try:
            loop.call_soon_threadsafe(land, found)
        except RuntimeError:
            return  # the loop was closed while we searched

    # Of its own rather than of a pool, which slow searches could fill.
    threading.Thread(target=run, name="search an answer", daemon=True).start()
    return await outcome


def _regex(text: str) -> str:
    Pattern(text)
    return text


Regex = Annotated[str, AfterValidator(_regex)]
"""A setting that is a regular expression."""
