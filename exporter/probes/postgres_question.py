"""A question to PostgreSQL in its own language, for parity of the sites and for business figures."""

import json
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any

from exporter import postgres_framing
from exporter.core.model import Reason
from exporter.probes.kind import Failure, Value
from exporter.probes.postgres_link import Server, terminate
from exporter.probes.wire import PROCESSING, Stopwatch

ROWS_LIMIT = 1_000
SIZE_LIMIT = 64 * 1024
"""Characters of all values together. The server's statement_timeout bounds what it takes to make them."""


async def ask(server: Server, query: str) -> Value:
    """The one value of a query's answer (numbers as float, the rest as text; None: no row, or NULL); of a larger answer the
    SHA-256 of its rows in their order.

    The query is one statement, in a read-only transaction that is rolled back, on a connection of its own. Raises
    Failure (too_large beyond ROWS_LIMIT or SIZE_LIMIT), OSError or what asyncpg raises.
    """
    watch = Stopwatch()
    link = await server.connect(watch, give_up=terminate)
    link.busy = True
    postgres_framing.allow(link.connection, None)  # the answer is judged as a whole, with a sentence for people
    try:
        watch.enter(PROCESSING)
        transaction = link.connection.transaction(readonly=True)
        await transaction.start()
        statement = await link.connection.prepare(query)
        rows = await (await statement.cursor()).fetch(ROWS_LIMIT + 1)
    finally:
        link.end()  # and with it the transaction
    return _told([tuple(row) for row in rows])


def _told(rows: Sequence[tuple[Any, ...]]) -> Value:
    size = sum(len(str(value)) for row in rows for value in row)
    if len(rows) > ROWS_LIMIT or size > SIZE_LIMIT:
        raise Failure(
            Reason.TOO_LARGE, f"the answer is larger than {ROWS_LIMIT} rows or {SIZE_LIMIT} characters; ask for less"
        )
    if not rows:
        return None
    if len(rows) == 1 and len(rows[0]) == 1:
        value = rows[0][0]
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return float(value)
        return None if value is None else str(value)
    text = json.dumps([[None if value is None else str(value) for value in row] for row in rows], ensure_ascii=False)
    return sha256(text.encode("utf-8", "replace")).hexdigest()
