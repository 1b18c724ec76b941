"""A MySQL server of a few lines: it greets, checks a login, and answers every question with what was recorded."""

import asyncio
import hashlib
from collections.abc import Sequence

from exporter.probes.mysql_packet import framed
from tests.hostile import Behaviour

NONCE = b"abcdefghijklmnopqrst"
OK = b"\0\0\0\2\0\0\0"
END = b"\xfe\0\0\2\0"
MORE = b"\xfe\0\0\x0a\0"
MORE_OK = b"\0\0\0\x0a\0\0\0"

Recorded = tuple[Sequence[str], Sequence[Sequence[str | None]]]
"""Names of columns, and rows."""

PRIMARY: Sequence[Recorded] = (
    (
        ("identity", "read_only", "innodb_read_only", "logs", "gtid_mode", "applied"),
        [("3e11fa47-71ca-11e1-9e33-c80aa9429562", "0", "0", "1", "ON", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5")],
    ),
    (("Replica_IO_Running",), []),
    (("File", "Position"), [("binlog.000012", "900")]),
)
"""What MySQL 8.4 says of itself to a look when it follows nobody."""


def greeting(version: str = "8.4.3", plugin: str = "caching_sha2_password", *, tls: bool = False) -> bytes:
    """The payload of a server's first packet."""
    capabilities = 0x01FF_F7FF | (0x800 if tls else 0)
    return b"".join(
        [
            b"\x0a" + version.encode() + b"\0\1\0\0\0" + NONCE[:8] + b"\0",
            (capabilities & 0xFFFF).to_bytes(2, "little") + b"\xff\2\0" + (capabilities >> 16).to_bytes(2, "little"),
            bytes([21]) + bytes(10) + NONCE[8:] + b"\0" + plugin.encode() + b"\0",
        ]
    )


def refusal(code: int, text: str, state: str = "28000") -> bytes:
    """The payload of an error packet."""
    return b"\xff" + code.to_bytes(2, "little") + f"#{state}{text}".encode()


def text(value: str | None) -> bytes:
    """A length-encoded string, or NULL."""
    if value is None:
        return b"\xfb"
    data = value.encode()
    return (bytes([len(data)]) if len(data) < 251 else b"\xfc" + len(data).to_bytes(2, "little")) + data


def results(recorded: Sequence[Recorded]) -> bytes:
    """All packets of the answer to a question with so many statements."""
    payloads: list[bytes] = [OK if not recorded else MORE_OK]
    for index, (columns, rows) in enumerate(recorded):
        names = [text("def") + text("") * 3 + text(name) * 2 + b"\x0c\x2d\0\0\1\0\0\xfd\0\0\0\0\0" for name in columns]
        found = [b"".join(text(value) for value in row) for row in rows]
        payloads += [bytes([len(columns)]), *names, END, *found, END if index == len(recorded) - 1 else MORE]
    return b"".join(framed(payload, number) for number, payload in enumerate(payloads, 1))


def proof(password: str) -> bytes:
    """What caching_sha2_password wants to see, as MySQL's documentation writes it down."""
    once = hashlib.sha256(password.encode()).digest()
    mixed = hashlib.sha256(hashlib.sha256(once).digest() + NONCE).digest()
    return bytes(one ^ other for one, other in zip(once, mixed, strict=True))


def server(
    *answers: Sequence[Recorded], version: str = "8.4.3", password: str = "", after_login: bytes = b""
) -> Behaviour:
    """Each question of a connection gets the next of `answers`, the last one for ever. `after_login`: payload that is sent
    before the login is accepted."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(greeting(version), 0))
        login = await packet(reader)
        if password and proof(password) not in login:
            writer.write(framed(refusal(1045, "Access denied for user 'dr_probe'@'10.1.0.9'"), 2))
            return
        if after_login:
            writer.write(framed(after_login, 2))
        writer.write(framed(OK, 3 if after_login else 2))
        number = 0
        while (await packet(reader))[:1] == b"\x03":
            writer.write(results(answers[min(number, len(answers) - 1)]))
            number += 1

    return behave


async def packet(reader: asyncio.StreamReader) -> bytes:
    """The payload of the client's next packet; empty when it has gone."""
    try:
        head = await reader.readexactly(4)
        return await reader.readexactly(int.from_bytes(head[:3], "little"))
    except asyncio.IncompleteReadError:
        return b""
