"""What MySQL and MariaDB put into their packets: greeting, login, results and errors. Bytes in, values out; nothing waits.

Protocol 4.1 with text results, as dev.mysql.com ("Client/Server Protocol") and mariadb.com ("Clients & Utilities, protocol")
describe it.
"""

from functools import lru_cache
from typing import NamedTuple

CONNECT_WITH_DB = 0x8
PROTOCOL_41 = 0x200
SPEAKS_TLS = 0x800
TRANSACTIONS = 0x2000
SECURE_CONNECTION = 0x8000
MULTI_STATEMENTS = 0x1_0000
MULTI_RESULTS = 0x2_0000
PLUGIN_AUTH = 0x8_0000
OURS = 0x1 | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | MULTI_RESULTS | PLUGIN_AUTH

QUIT, QUERY = b"\x01", b"\x03"
MORE_RESULTS = 0x8
"""In the status of a result: another one follows."""
UTF8MB4 = 45
MAX_PACKET = 1 << 20
NUMERIC = frozenset({0, 1, 2, 3, 4, 5, 8, 9, 13, 246})
"""Types of columns whose texts are numbers."""


class Garbled(Exception):  # noqa: N818 - what it says of the bytes
    """These bytes are no packet of MySQL or MariaDB."""


class Refusal(NamedTuple):
    """An error packet: what the server will not or cannot do."""

    code: int
    text: str


class Greeting(NamedTuple):
    """What a server says first."""

    version: str
    nonce: bytes
    plugin: str
    offers_tls: bool


class Column(NamedTuple):
    name: str
    numeric: bool


class Table(NamedTuple):
    """One result with rows; values are texts, None is NULL."""

    columns: tuple[Column, ...]
    rows: list[tuple[str | None, ...]]

    def records(self) -> list[dict[str, str | None]]:
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Cursor:
    """Reads one packet from its beginning. Every method raises Garbled where the packet ends too early."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise Garbled
        return self._data[start : self._at]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def until_zero(self) -> bytes:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise Garbled
        text = self._data[self._at : end]
        self._at = end + 1
        return text

    def rest(self) -> bytes:
        start, self._at = self._at, len(self._data)
        return self._data[start:]

    def length(self) -> int | None:
        """A length-encoded number; None where NULL stands."""
        first = self.number(1)
        if first < 0xFB:
            return first
        if first == 0xFB:
            return None
        if first == 0xFF:
            raise Garbled
        return self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first])

    def value(self) -> bytes | None:
        """A length-encoded string; None where NULL stands."""
        length = self.length()
        return None if length is None else self.take(length)


def framed(payload: bytes, sequence: int) -> bytes:
    """One packet as it goes over the wire; `payload` is shorter than 16 MiB."""
    return len(payload).to_bytes(3, "little") + bytes([sequence & 0xFF]) + payload


def read_greeting(packet: bytes) -> Greeting:
    """Raises Garbled when it is none of protocol 10, with login data of protocol 4.1."""
    cursor = Cursor(packet)
    if cursor.number(1) != 10:
        raise Garbled
    version = cursor.until_zero().decode("utf-8", "replace")
    cursor.take(4)
    nonce = cursor.take(8)
    cursor.take(1)
    capabilities = cursor.number(2)
    cursor.take(3)
    capabilities |= cursor.number(2) << 16
    if not capabilities & PROTOCOL_41 or not capabilities & SECURE_CONNECTION:
        raise Garbled
    length = cursor.number(1)
    cursor.take(10)
    nonce += cursor.take(max(13, length - 8)).rstrip(b"\0")
    plugin = cursor.until_zero().decode("ascii", "replace") if capabilities & PLUGIN_AUTH else "mysql_native_password"
    return Greeting(version, nonce, plugin, bool(capabilities & SPEAKS_TLS))


def tls_request(capabilities: int) -> bytes:
    """The beginning of `login_packet`, after which TLS starts."""
    return (
        (capabilities | SPEAKS_TLS).to_bytes(4, "little")
        + MAX_PACKET.to_bytes(4, "little")
        + bytes([UTF8MB4])
        + bytes(23)
    )


def login_packet(capabilities: int, user: str, proof: bytes, database: str, plugin: str) -> bytes:
    """`proof`: what the login plugin makes of password and nonce, at most 250 bytes. `database`: may be empty."""
    if database:
        capabilities |= CONNECT_WITH_DB
    head = capabilities.to_bytes(4, "little") + MAX_PACKET.to_bytes(4, "little") + bytes([UTF8MB4]) + bytes(23)
    named = b"".join(part.encode() + b"\0" for part in (database, plugin) if part)
    return head + user.encode() + b"\0" + bytes([len(proof)]) + proof + named


def read_refusal(packet: bytes) -> Refusal:
    """An error packet, with or without an SQLSTATE."""
    cursor = Cursor(packet, 1)
    code = cursor.number(2)
    text = cursor.rest().decode("utf-8", "replace")
    return Refusal(code, text[6:] if text.startswith("#") else text)


@lru_cache(maxsize=4096)
def read_column(packet: bytes) -> Column:
    """One column's definition. They are the same at every look, and there are more of them than of values."""
    cursor = Cursor(packet)
    for _ in range(4):  # catalogue, schema, table, the table's own name
        cursor.value()
    name = (cursor.value() or b"").decode("utf-8", "replace")
    cursor.value()
    cursor.take(7)  # length of what follows, character set, display width
    return Column(name, cursor.number(1) in NUMERIC)


def read_row(packet: bytes, columns: int) -> tuple[str | None, ...]:
    """One row of texts."""
    cursor = Cursor(packet)
    values = [cursor.value() for _ in range(columns)]
    if not cursor.at_end:
        raise Garbled
    return tuple(None if value is None else value.decode("utf-8", "replace") for value in values)


def is_end(packet: bytes) -> bool:
    """Whether it ends a list of columns or rows."""
    return packet[:1] == b"\xfe" and len(packet) < 9


def end_status(packet: bytes) -> int:
    """The server's status in the packet that ends a list of rows."""
    cursor = Cursor(packet, 3)
    return cursor.number(2)


def ok_status(packet: bytes) -> int:
    """The server's status in the packet that says that a statement without rows is done."""
    cursor = Cursor(packet, 1)
    cursor.length()
    cursor.length()
    return cursor.number(2)
