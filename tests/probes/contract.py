"""What every kind that speaks over a connection of its own must do, whatever it looks at: one line in CASES a kind."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import dns.message
import dns.rrset
import hpack

from exporter.core.model import Reason
from exporter.probes.kind import Context, Probe
from exporter.probes.mysql_packet import framed
from tests.hostile import Behaviour, answer, message
from tests.probes import mysql_server
from tests.probes.example import example_kind
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
    refusal: Behaviour | None = None
    """How a server refuses our credentials; None: this kind has none."""
    tls: bool = False
    """The good server speaks TLS."""
    waits: str = "processing"
    """The phase of a look at a server that accepts and is silent."""
    tripwire: bool = True
    """It holds an idle connection, at a server that has said nothing yet too."""
    opening: bytes = b""
    """What a server says before it is asked."""

    def opened(self, behaviour: Behaviour) -> Behaviour:
        """The same behaviour, of a server that speaks first where this kind's servers do."""

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(self.opening)
            await behaviour(reader, writer)

        return behave


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _call_answer(code: int, *body: bytes) -> bytes:
    """What a gRPC server answers to the first call of a connection, with its SETTINGS before it."""
    packed = hpack.Encoder()
    head = packed.encode([(":status", "200"), ("content-type", "application/grpc")])
    end = packed.encode([("grpc-status", str(code))])
    data = [_frame(0, 0, 1, part) for part in body]
    return b"".join([_frame(4, 0, 0, b""), _frame(1, 4, 1, head), *data, _frame(1, 5, 1, end)])


async def _name_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one question by TCP: the name has the address 10.1.0.5."""
    question = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
    response = dns.message.make_response(question)
    response.answer.append(dns.rrset.from_text(question.question[0].name, 30, "IN", "A", "10.1.0.5"))
    wire = response.to_wire()
    writer.write(len(wire).to_bytes(2) + wire)
    await writer.drain()


_PAGE = message("200 OK", b"all is well")
_SERVING = _call_answer(0, b"\0\0\0\0\2\x08\1")
_DNS = b"\0\x30" + bytes(0x30)
_SERVER_HELLO = b"\x16\3\3\0\x7a\2\0\0\x76\3\3" + bytes(0x74)
_MYSQL_LOGIN = framed(mysql_server.OK, 2)
_VERSION = b"VERSION 1.6.18\r\n"

CASES = (
    Case(
        "http",
        lambda port: probe("http", url=f"http://127.0.0.1:{port}/", expect={"body_regex": "well"}),
        answer(_PAGE),
        _PAGE[:-4],
        _PAGE,
        Reason.PROTOCOL,
        refusal=answer(message("401 Unauthorized")),
    ),
    Case(
        "tcp",
        lambda port: probe("tcp", address=f"127.0.0.1:{port}", send="hello\r\n", expect="^220 .*ready"),
        answer(b"220 mail ready\r\n"),
        b"",
        b"220 mail ready\r\n",
        Reason.ASSERTION,
    ),
    Case(
        "tls",
        lambda port: probe("tls", address=f"127.0.0.1:{port}", verify=False),
        answer(b""),
        _SERVER_HELLO[:-4],
        _SERVER_HELLO,
        Reason.TLS,
        tls=True,
        waits="tls",
    ),
    Case(
        "grpc",
        lambda port: probe("grpc", address=f"127.0.0.1:{port}", service="shop.Orders"),
        answer(_SERVING),
        _SERVING[:-4],
        _SERVING,
        Reason.PROTOCOL,
        refusal=answer(_call_answer(16)),
    ),
    Case(
        "dns",
        lambda port: probe("dns", name="orders.example.com", servers=[f"127.0.0.1:{port}"], tcp=True),
        _name_server,
        _DNS[:-4],
        _DNS,
        Reason.PROTOCOL,
        tripwire=False,
    ),
    Case(
        "mysql",
        lambda port: probe("mysql", dsn=f"mysql://dr_probe@127.0.0.1:{port}"),
        mysql_server.server(mysql_server.PRIMARY),
        _MYSQL_LOGIN[:-4],
        _MYSQL_LOGIN,
        Reason.PROTOCOL,
        refusal=mysql_server.server([], password="another"),
        tripwire=False,
        opening=framed(mysql_server.greeting(), 0),
    ),
    Case(
        "memcached, the example of CONTRIBUTING",
        lambda port: example_kind().build(
            example_kind().settings.model_validate({"address": f"127.0.0.1:{port}"}), Context("test")
        ),
        answer(_VERSION),
        _VERSION[:-4],
        _VERSION,
        Reason.PROTOCOL,
    ),
)
