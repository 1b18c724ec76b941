"""Whatever a tool prints: facts that can be believed, or a BackupFailure, and never anything else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.backups import barman, json_facts, pgbackrest, restic, velero
from exporter.backups.failure import BackupFailure
from exporter.backups.source import _believable
from exporter.core.backup import BackupFacts
from tests.backups.inspecting import RECORDED, RECORDED_AT

PGBACKREST = pgbackrest.PgBackRestSettings(file="-")
BARMAN = barman.BarmanSettings(file="-")
VELERO = velero.VeleroSettings(file="-")
JSON = json_facts.JsonSettings.model_validate(
    {"file": "-", "items": "$.items", "point": "$.point", "last_success": "$.end", "size_bytes": "$.size"}
    | {"encrypted": "$.encrypted"}
)
READERS: dict[str, Callable[[bytes], BackupFacts]] = {
    "pgbackrest": lambda text: pgbackrest.facts_of(PGBACKREST, text),
    "barman": lambda text: barman.facts_of(BARMAN, text),
    "restic": restic.facts_of,
    "velero": lambda text: velero.facts_of(VELERO, text, RECORDED_AT),
    "json": lambda text: json_facts.facts_of(JSON, text),
}
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-11-22T20:41:30.1Z", "9999-12-31T23:59:59-12:00", "0001-01-01", 1e11, 10**400, "1e400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def believable(name: str, text: bytes) -> BackupFacts | None:
    """The facts, checked for what must hold of all; None for a failure."""
    try:
        facts = _believable(READERS[name](text), RECORDED_AT)
    except BackupFailure as failure:
        assert failure.detail
        return None
    for instant in (facts.point, facts.last_success, facts.last_verified):
        assert instant is None or 0 <= instant <= RECORDED_AT
    assert facts.size_bytes is None or 0 <= facts.size_bytes < float("inf")
    assert facts.versions is None or facts.versions >= 0
    return facts


@pytest.mark.parametrize("name", READERS)
@given(text=st.binary(max_size=200))
def test_bytes(name: str, text: bytes) -> None:
    """No bytes at all are taken for a backup."""
    assert (found := believable(name, text)) is None or found.point is None


@pytest.mark.parametrize("name", READERS)
@given(document=ANY)
def test_json(name: str, document: Any) -> None:
    """No JSON at all breaks the reading of it."""
    believable(name, json.dumps(document).encode())


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"items":' * 50_000, b"\xff\xfe", b"NaN", b"", b"null", b"[[]]"])
def test_bombs(name: str, text: bytes) -> None:
    """Deep nesting, no UTF-8 and emptiness are failures, or tell that there is nothing."""
    assert (found := believable(name, text)) is None or found.point is None


def paths(value: Any) -> list[tuple[Any, ...]]:
    """Every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, deeper in inner for rest in paths(deeper))]


@pytest.mark.parametrize("recorded", ["pgbackrest-two-repos", "barman-all", "restic-0.17", "velero-list"])
@settings(max_examples=200)
@given(data=st.data())
def test_a_real_output_with_something_else_in_it(recorded: str, data: st.DataObject) -> None:
    """A real output of which one value was replaced by any other is judged, or refused."""
    document = json.loads((RECORDED / f"{recorded}.json").read_text())
    *way, last = data.draw(st.sampled_from(paths(document)[1:]))
    at = document
    for key in way:
        at = at[key]
    at[last] = data.draw(ANY)
    believable(recorded.split("-")[0], json.dumps(document).encode())
