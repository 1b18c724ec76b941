"""What every kind that speaks over a connection of its own must do, whatever it looks at: one line in CASES a kind."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.core.model import Reason
from exporter.probes.kind import Probe
from tests.hostile import Behaviour, answer, message
from tests.probes.looking import probe


@dataclass(frozen=True)
class Case:
    """One kind: how it is pointed at a port, what a good server does, and how a good answer begins."""

    name: str
    build: Callable[[int], Probe]
    good: Behaviour
    beginning: bytes
    whole: bytes
    nonsense: Reason
    """What garbage is for this kind."""


_PAGE = message("200 OK", b"all is well")
_PRIMARY = b"$13\r\nrun_id:1a2b\r\n\r\n$54\r\nrole:master\r\nmaster_replid:7e\r\nmaster_repl_offset:42\r\n\r\n+PONG\r\n"

CASES = (
    Case(
        "flow",
        lambda port: probe("flow", steps=[{"get": f"http://127.0.0.1:{port}/", "expect": {"body_regex": "well"}}]),
        answer(_PAGE),
        _PAGE[:-4],
        _PAGE,
        Reason.PROTOCOL,
    ),
    Case(
        "http",
        lambda port: probe("http", url=f"http://127.0.0.1:{port}/", expect={"body_regex": "well"}),
        answer(_PAGE),
        _PAGE[:-4],
        _PAGE,
        Reason.PROTOCOL,
    ),
    Case(
        "redis",
        lambda port: probe("redis", url=f"redis://127.0.0.1:{port}"),
        answer(_PRIMARY),
        _PRIMARY[:-9],
        _PRIMARY,
        Reason.PROTOCOL,
    ),
    Case(
        "tcp",
        lambda port: probe("tcp", address=f"127.0.0.1:{port}", send="hello\r\n", expect="^220 .*ready"),
        answer(b"220 mail ready\r\n"),
        b"",
        b"220 mail ready\r\n",
        Reason.ASSERTION,
    ),
)
