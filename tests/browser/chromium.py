"""Which browser the tests drive, and how."""

import shutil
from typing import Literal

import pytest

LOOP: Literal["session"] = "session"
"""The event loop of everything that talks with the browser."""
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

MARKS = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope=LOOP),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing; install Debian's chromium"),
]
