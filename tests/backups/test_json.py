"""The general source: where the facts stand is written down."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.backups.json_facts import JsonSettings
from exporter.backups.times import seconds
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from tests.backups.inspecting import RECORDED_AT, failure, inspect

WALG = [
    {"backup_name": "base_1", "start_time": "2026-11-20T01:00:00Z", "finish_time": "2026-11-20T01:30:00Z", "ok": True},
    {"backup_name": "base_3", "start_time": "2026-11-22T01:00:00Z", "finish_time": None, "ok": False},
    {"backup_name": "base_2", "start_time": "2026-11-21T01:00:00Z", "finish_time": "2026-11-21T01:30:00Z", "ok": True},
]
LIST: dict[str, Any] = {"items": "$", "point": "$.start_time", "last_success": "$.finish_time"}


def written(folder: Path, document: Any) -> dict[str, Any]:
    (folder / "told.json").write_text(json.dumps(document))
    return {"file": str(folder / "told.json")}


async def test_all_facts(tmp_path: Path) -> None:
    """Every fact of one document, with times as seconds, milliseconds and ISO 8601."""
    document = {
        "a": {"t": 1795380000, "s": 1795380100500, "v": "2026-11-22T20:41:30+00:00", "e": True, "n": 3, "z": 10}
    }
    names = {
        "point": "t",
        "last_success": "s",
        "last_verified": "v",
        "encrypted": "e",
        "versions": "n",
        "size_bytes": "z",
    }
    paths: dict[str, Any] = {key: f"$.a.{name}" for key, name in names.items()}
    facts = await inspect("json", **written(tmp_path, document), immutable="$.a.gone", **paths)
    assert facts == BackupFacts(1795380000, 1795380100.5, seconds("2026-11-22T20:41:30Z"), True, None, 3, 10)


async def test_the_newest_of_a_list(tmp_path: Path) -> None:
    """Of a list the newest that counts tells, wherever it stands, and those that count are the versions."""
    facts = await inspect("json", **written(tmp_path, WALG), **LIST, where={"$.ok": True})
    assert facts.point == seconds("2026-11-21T01:00:00Z")
    assert facts.last_success == seconds("2026-11-21T01:30:00Z")
    assert facts.versions == 2


async def test_an_empty_list_is_no_backup(tmp_path: Path) -> None:
    """Nothing that counts is told as no backup, which is another thing than a list that is not there."""
    facts = await inspect("json", **written(tmp_path, WALG), **LIST, where={"$.ok": "yes"})
    assert (facts.point, facts.versions) == (None, 0)
    failed = await failure("json", **written(tmp_path, {"other": 1}), **LIST)
    assert (failed.reason, failed.detail) == (Reason.ASSERTION, "there is no list at $")


async def test_times_without_a_zone(tmp_path: Path) -> None:
    """A local time is refused without its zone: in Hong Kong it would be 8 hours off."""
    told = written(tmp_path, {"at": "2026-11-22T09:00:00"})
    assert "timezone" in (await failure("json", **told, point="$.at")).detail
    facts = await inspect("json", **told, point="$.at", timezone="Asia/Hong_Kong")
    assert facts.point == seconds("2026-11-22T01:00:00Z")


async def test_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """When clocks are set back, a local time means two instants, and the earlier one flatters nobody."""
    told = written(tmp_path, {"at": "2026-10-25T02:30:00"})
    facts = await inspect("json", **told, point="$.at", timezone="Europe/Berlin")
    assert facts.point == seconds("2026-10-25T00:30:00Z")


@pytest.mark.parametrize("value", ["soon", True, [1], {"at": 1}, "NaN", -1])
async def test_what_is_no_time(tmp_path: Path, value: Any) -> None:
    """Anything else at the place of a time is a failure that names the place."""
    failed = await failure("json", **written(tmp_path, {"at": value}), point="$.at")
    assert failed.reason is Reason.ASSERTION
    assert "$.at" in failed.detail


async def test_what_is_no_answer_to_yes_or_no(tmp_path: Path) -> None:
    """Only true and false are taken for a yes or a no."""
    document = {"at": RECORDED_AT, "safe": "false"}
    failed = await failure("json", **written(tmp_path, document), point="$.at", encrypted="$.safe")
    assert "$.safe" in failed.detail


def test_settings_that_contradict() -> None:
    """Versions are counted or told, and a zone is one that there is."""
    with pytest.raises(ValidationError, match="leave versions out"):
        JsonSettings.model_validate({"file": "x", "items": "$", "point": "$.t", "versions": "$.n"})
    with pytest.raises(ValidationError, match="is not a time zone"):
        JsonSettings.model_validate({"file": "x", "point": "$.t", "timezone": "Hong Kong"})
    with pytest.raises(ValidationError, match="exactly one of command, url and file"):
        JsonSettings.model_validate({"file": "x", "url": "http://x/", "point": "$.t"})
