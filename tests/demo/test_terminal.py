"""What the demo prints."""

import pytest

from exporter.demo.terminal import Style, Terminal, wants_colour


def said(*, colour: bool) -> list[str]:
    lines: list[str] = []
    terminal = Terminal(lines.append, colour=colour)
    terminal.title("a title")
    terminal.done("done")
    terminal.columns(("left", 8), ("right", -8), styles=(Style.RED,))
    return lines


def test_plain_text_has_no_escapes() -> None:
    """Without colour nothing but text is printed, within 80 columns."""
    assert said(colour=False) == ["", "a title", "─" * 80, "  ✓ done", "left       right"]


def test_colours_only_add_escapes() -> None:
    """With colour the same text stands between the escapes."""
    assert said(colour=True)[-1] == "\x1b[31mleft       right\x1b[0m"


@pytest.mark.parametrize(
    ("tty", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_who_gets_colours(
    monkeypatch: pytest.MonkeyPatch, tty: bool, environment: dict[str, str], expected: bool
) -> None:
    """A terminal does, unless NO_COLOR or a dumb terminal says otherwise."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)
    assert wants_colour(environment) is expected
