"""The conversations with MySQL and MariaDB: greeting, login, query. Generators that yield what to send and get the answer's
packets, so that they neither wait nor know of a connection."""

import hashlib
from collections.abc import Generator
from typing import NamedTuple, TypeAlias, TypeVar

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.probes.mysql_errors import refused
from exporter.probes.mysql_packet import (
    MORE_RESULTS,
    QUERY,
    Column,
    Cursor,
    Garbled,
    Greeting,
    Refusal,
    Table,
    end_status,
    is_end,
    login_packet,
    ok_status,
    read_column,
    read_greeting,
    read_refusal,
    read_row,
)

Value = TypeVar("Value")
Talk: TypeAlias = Generator[bytes, bytes, Value]
"""Yields the payload of a packet to send (b"": none), is sent the payload of the next packet that arrives."""

MAX_COLUMNS = 4096


class Answer(NamedTuple):
    """What became of one or several statements: the results with rows, and what ended them early."""

    tables: list[Table]
    refusal: Refusal | None = None

    def all(self) -> list[Table]:
        """The tables of a complete answer. Raises Failure with the server's reason if it is not."""
        if self.refusal is not None:
            raise refused(self.refusal)
        return self.tables


def greet() -> Talk[Greeting]:
    """Waits for the server's first words. Raises Failure when it refuses already, as a full or blocking one does."""
    packet = yield b""
    if packet[:1] == b"\xff":
        raise refused(read_refusal(packet))
    return read_greeting(packet)


class Credentials(NamedTuple):
    user: str
    password: str
    database: str


def log_in(greeting: Greeting, who: Credentials, capabilities: int, *, encrypted: bool) -> Talk[None]:
    """Answers until the server is content. Raises Failure when it is not, or wants what we do not speak.

    `encrypted`: TLS is spoken, so a password may be sent to a server that wants it as it is.
    """
    plugin = greeting.plugin if greeting.plugin in _PROOFS else "mysql_native_password"
    proof = _PROOFS[plugin](who.password.encode(), greeting.nonce)
    packet = yield login_packet(capabilities, who.user, proof, who.database, plugin)
    while packet[:1] != b"\x00":
        if packet[:1] == b"\xff":
            raise refused(read_refusal(packet))
        if packet[:1] == b"\xfe":
            plugin, nonce = _switched(packet)
            packet = yield _proof(plugin, who.password.encode(), nonce, encrypted=encrypted)
        elif packet == b"\x01\x03":  # caching_sha2_password: it knew us
            packet = yield b""
        elif packet == b"\x01\x04":  # and now it does not
            packet = yield _plain(plugin, who.password.encode(), encrypted=encrypted)
        else:
            raise Garbled


def query(statements: str, *, max_rows: int) -> Talk[Answer]:
    """Text results of one or several statements; one that fails ends the answer. Raises Failure(too_large) for more rows."""
    tables: list[Table] = []
    packet = yield QUERY + statements.encode()
    while True:
        if packet[:1] == b"\xff":
            return Answer(tables, read_refusal(packet))
        if packet[:1] == b"\x00":
            status = ok_status(packet)
        else:
            table, packet = yield from _table(packet, max_rows)
            tables.append(table)
            if packet[:1] == b"\xff":
                continue
            status = end_status(packet)
        if not status & MORE_RESULTS:
            return Answer(tables)
        packet = yield b""


def _table(packet: bytes, max_rows: int) -> Talk[tuple[Table, bytes]]:
    """One result with rows, and the packet that ended it: its end, or an error in the middle."""
    count = Cursor(packet).length()
    if not count or count > MAX_COLUMNS:
        raise Garbled
    columns: list[Column] = []
    for _ in range(count):
        columns.append(read_column((yield b"")))  # noqa: PERF401 - a comprehension cannot yield
    if not is_end((yield b"")):
        raise Garbled
    rows: list[tuple[str | None, ...]] = []
    while True:
        packet = yield b""
        if is_end(packet) or packet[:1] == b"\xff":
            return Table(tuple(columns), rows), packet
        if len(rows) >= max_rows:
            raise Failure(Reason.TOO_LARGE, f"the answer has more than {max_rows} rows")
        rows.append(read_row(packet, count))


def _switched(packet: bytes) -> tuple[str, bytes]:
    cursor = Cursor(packet, 1)
    return cursor.until_zero().decode("ascii", "replace"), cursor.rest().rstrip(b"\0")


def _proof(plugin: str, password: bytes, nonce: bytes, *, encrypted: bool) -> bytes:
    if plugin in _PROOFS:
        return _PROOFS[plugin](password, nonce)
    if plugin == "sha256_password":
        return _plain(plugin, password, encrypted=encrypted)
    right = "mysql_native_password or caching_sha2_password"
    raise Failure(Reason.AUTH, f"the account logs in by {plugin[:60]}, which is not spoken; give it {right}")


def _plain(plugin: str, password: bytes, *, encrypted: bool) -> bytes:
    if not encrypted:
        raise Failure(Reason.AUTH, f"{plugin} wants the password itself, which is sent over TLS only; use tls: true")
    return password + b"\0"


def _native(password: bytes, nonce: bytes) -> bytes:
    """SHA1(password) xor SHA1(nonce + SHA1(SHA1(password)))."""
    if not password:
        return b""
    hashed = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(hashed, usedforsecurity=False).digest()
    return _xor(hashed, hashlib.sha1(nonce + twice, usedforsecurity=False).digest())


def _caching_sha2(password: bytes, nonce: bytes) -> bytes:
    """SHA256(password) xor SHA256(SHA256(SHA256(password)) + nonce)."""
    if not password:
        return b""
    hashed = hashlib.sha256(password).digest()
    return _xor(hashed, hashlib.sha256(hashlib.sha256(hashed).digest() + nonce).digest())


def _xor(some: bytes, others: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(some, others, strict=True))


_PROOFS = {"mysql_native_password": _native, "caching_sha2_password": _caching_sha2}
