"""Plain text for a terminal of 80 columns; colours only where they are wanted."""

import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum

WIDTH = 80


class Style(StrEnum):
    """ANSI select graphic rendition."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


def wants_colour(environment: Mapping[str, str] = os.environ) -> bool:
    """On a terminal, unless NO_COLOR is set to anything (https://no-color.org) or the terminal is dumb."""
    return sys.stdout.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


class Terminal:
    """Says lines through `out`."""

    def __init__(self, out: Callable[[str], object], *, colour: bool) -> None:
        self._out = out
        self._colour = colour

    def style(self, text: str, *styles: Style) -> str:
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m" if self._colour and styles else text

    def say(self, text: str = "", *styles: Style) -> None:
        self._out(self.style(text, *styles))

    def title(self, text: str) -> None:
        self.say()
        self.say(text, Style.BOLD)
        self.say("─" * WIDTH, Style.DIM)

    def done(self, text: str) -> None:
        """Something that was waited for is there."""
        self.say(f"  {self.style('✓', Style.GREEN)} {text}")

    def happens(self, text: str) -> None:
        """Something is being done to the system."""
        self.say(f"  {self.style('▶', Style.RED, Style.BOLD)} {self.style(text, Style.BOLD)}")

    def columns(self, *cells: tuple[str, int], styles: tuple[Style, ...] = ()) -> None:
        """One row of a table: (text, width) each; a negative width aligns right."""
        parts = [text.ljust(width) if width >= 0 else text.rjust(-width) for text, width in cells]
        self.say("".join(parts).rstrip(), *styles)
