"""Drills and marks through the API: who may, what is taken, and what comes of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.ledger.helpers import opened
from tests.metrics import scenes
from tests.web.fakes import Stage, serving
from tests.web.test_server import DEADLINE, ask_json

BEARER = {"Authorization": "Bearer s3cret"}
ORDER = {"system": "orders", "operator": "ops", "reason": "quarterly", "expires_in": 3600}
CLOSED = scenes.failover().id


async def send(
    stage: Stage, path: str, body: Any = None, method: str = "POST", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON; `body`: bytes as they are, anything else as JSON."""
    given = {"Content-Type": "application/json", **BEARER} if headers is None else headers
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    async with (
        serving(stage) as url,
        aiohttp.ClientSession(timeout=DEADLINE) as session,
        session.request(method, url + path, data=data, headers=given) as answer,
    ):
        return answer.status, await answer.json()


async def begun(stage: Stage, **more: Any) -> dict[str, Any]:
    status, told = await send(stage, "/api/v1/drills", ORDER | more)
    assert status == 201, told
    drill: dict[str, Any] = told
    return drill


async def test_a_drill_from_start_to_signature() -> None:
    """Started, listed, stopped with its outcome, listed among the past ones, signed by two."""
    stage = Stage()
    drill = await begun(stage, expected="sg serves", scenario="region lost")
    assert (drill["open"], drill["expired"], drill["scenario"]) == (True, False, "region lost")
    assert drill["expires"] - drill["started"] == 3600
    listed = (await ask_json(stage, "/api/v1/drills"))["items"]
    assert listed == [drill] == [await ask_json(stage, f"/api/v1/drills/{drill['id']}")]
    assert (await ask_json(stage, "/api/v1/systems/orders"))["drill"]["id"] == drill["id"]
    path = f"/api/v1/drills/{drill['id']}"
    assert (await send(stage, f"{path}/sign", {"by": "risk"}))[0] == 409
    status, stopped = await send(stage, path, {"by": "night shift", "outcome": "all well"}, "DELETE")
    assert (status, stopped["open"], stopped["by"], stopped["outcome"]) == (200, False, "night shift", "all well")
    for by in ("risk", "board"):
        status, signed = await send(stage, f"{path}/sign", {"by": by, "role": "officer"})
    assert (status, [one["by"] for one in signed["signatures"]]) == (201, ["risk", "board"])
    listed = (await ask_json(stage, "/api/v1/drills?system=orders"))["items"]
    assert [(one["id"], len(one["signatures"])) for one in listed] == [(drill["id"], 2)]
    assert (await ask_json(stage, "/api/v1/drills?system=chat"))["items"] == []


async def test_a_drill_that_is_stopped_meanwhile_is_listed_once() -> None:
    """Its end is in the ledger already, and it is still shown as open: it was stopped."""
    stage = Stage()
    drill = await begun(stage)
    shown = stage.snapshot
    await send(stage, f"/api/v1/drills/{drill['id']}", {}, "DELETE")
    stage.snapshot = shown
    listed = (await ask_json(stage, "/api/v1/drills"))["items"]
    assert [(one["id"], one["open"]) for one in listed] == [(drill["id"], False)]


async def test_stopping_needs_no_body() -> None:
    """Its operator is taken to stop it; a second time is a conflict."""
    stage = Stage()
    path = f"/api/v1/drills/{(await begun(stage))['id']}"
    status, stopped = await send(stage, path, None, "DELETE", BEARER)
    assert (status, stopped["by"], stopped["outcome"]) == (200, "ops", None)
    assert (await send(stage, path, None, "DELETE", BEARER))[0] == 409


async def test_pages_of_past_drills() -> None:
    """Open ones on the first page only; `next` leads on."""
    stage = Stage()
    ids = []
    for second in range(3):
        stage.now = stage.now._replace(mono=stage.now.mono + second, wall=stage.now.wall + second)
        drill = await begun(stage)
        ids.append(drill["id"])
        await send(stage, f"/api/v1/drills/{drill['id']}", {}, "DELETE")
    stage.now = stage.now._replace(mono=stage.now.mono + 1, wall=stage.now.wall + 1)
    running = (await begun(stage))["id"]
    first = await ask_json(stage, "/api/v1/drills?limit=2")
    assert [one["id"] for one in first["items"]] == [running, ids[2], ids[1]]
    second_page = await ask_json(stage, f"/api/v1/drills?limit=2&cursor={first['next']}")
    assert [one["id"] for one in second_page["items"]] == [ids[0]]
    assert (await ask_json(stage, "/api/v1/drills?limit=x", 400))["error"].startswith("limit is not usable")


CHANGES = [
    ("POST", "/api/v1/drills", ORDER),
    ("DELETE", "/api/v1/drills/x", {}),
    ("POST", "/api/v1/drills/x/sign", {"by": "risk"}),
    ("POST", f"/api/v1/incidents/{CLOSED}/marks", {"kind": "note", "by": "ops", "text": "t"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=[f"{c[0]}-{c[1]}" for c in CHANGES])
async def test_only_the_token_and_only_json_change_anything(method: str, path: str, body: Any) -> None:
    """403 without a configured token, 401 with a wrong one, 415 for what a foreign page could send, 400 for no JSON."""
    json_type = {"Content-Type": "application/json"}
    wrong = json_type | {"Authorization": "Bearer wrong"}
    assert (await send(Stage(token=None), path, body, method, json_type | BEARER))[0] == 403
    for headers in (json_type, wrong):
        status, told = await send(Stage(), path, body, method, headers)
        assert (status, "s3cret" in str(told)) == (401, False)
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert (await send(Stage(), path, body, method, BEARER | {"Content-Type": kind}))[0] == 415
    for nonsense in (b"{", b"[]", b"\xff", b"[" * 60_000, b"3"):
        status, told = await send(Stage(), path, nonsense, method)
        assert (status, "JSON" in told["error"]) == (400, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operator": None}, "operator is missing; give who answers for it"),
        ({"operator": "  "}, "operator is missing"),
        ({"operator": 7}, "operator is not text"),
        ({"operator": "x" * 201}, "operator is too long; give at most 200 characters"),
        ({"reason": "x" * 2001}, "reason is too long"),
        ({"expires_in": None}, "expires_in is missing; give seconds from 1 to 604800"),
        ({"expires_in": 0.5}, "expires_in is not usable"),
        ({"expires_in": 604801}, "expires_in is not usable"),
        ({"expires_in": True}, "expires_in is not usable"),
        ({"expires_in": "1h"}, "expires_in is not usable"),
        ({"type": "exercise"}, "type is not possible here; choose from: drill, maintenance"),
        ({"expire_in": 5}, "expire_in is not known here; choose from: system,"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said(change: dict[str, Any], words: str) -> None:
    """400 and a sentence with what would be right; nothing has begun."""
    stage = Stage()
    status, told = await send(stage, "/api/v1/drills", ORDER | change)
    assert (status, words in told["error"]) == (400, True), told
    assert stage.ledger.records == []


async def test_what_cannot_be_shown_is_shown_as_such() -> None:
    """Nothing that people write can turn the writing direction of a report, or move a terminal's cursor."""
    drill = await begun(Stage(), reason="a\u202eb\x1b[2J\ud800 记录\n2")
    assert drill["reason"] == "a\ufffdb\ufffd[2J\ufffd 记录 2"


async def test_nan_is_no_number() -> None:
    """Python's JSON would take it."""
    status, _ = await send(Stage(), "/api/v1/drills", json.dumps(ORDER | {"expires_in": float("nan")}).encode())
    assert status == 400


async def test_what_cannot_be_done_now() -> None:
    """404 for what is not there; 409 where a drill is open already, or an outage, which it would hide."""
    stage = Stage()
    assert (await send(stage, "/api/v1/drills", ORDER | {"system": "nobody"}))[0] == 404
    status, told = await send(stage, "/api/v1/drills", ORDER | {"system": "chat"})
    assert (status, "cannot begin in an incident" in told["error"]) == (409, True)
    await begun(stage)
    status, told = await send(stage, "/api/v1/drills", ORDER | {"type": "maintenance"})
    assert (status, "stop it first" in told["error"]) == (409, True)
    for method, path in (("DELETE", "drills/x"), ("POST", "drills/x/sign"), ("GET", "drills/x")):
        body = None if method == "GET" else {"by": "ops"}
        assert (await send(stage, f"/api/v1/{path}", body, method))[0] == 404
    status, _ = await send(stage, "/api/v1/incidents/x/marks", {"kind": "note", "by": "ops", "text": "t"})
    assert status == 404


async def test_a_ledger_that_cannot_be_written_is_told() -> None:
    """202: it is in effect, and its record waits."""
    stage = Stage()
    stage.ledger.writable = False
    assert (await send(stage, "/api/v1/drills", ORDER))[0] == 202


async def test_a_system_may_be_called_anything() -> None:
    """The id of its drill is made for a URL."""
    stage = Stage(snapshot=scenes.snapshot(scenes.watched(of := scenes.system("记录 a/b"), scenes.healthy(of))))
    drill = await begun(stage, system="记录 a/b")
    assert (await send(stage, f"/api/v1/drills/{quote(drill['id'], safe='')}", {}, "DELETE"))[0] == 200


# --- marks


async def say(stage: Stage, incident: str, **mark: Any) -> tuple[int, Any]:
    return await send(stage, f"/api/v1/incidents/{incident}/marks", {"by": "ops", **mark})


async def test_marks_of_every_kind() -> None:
    """Each is added, none replaces another, and the incident shows them with what they make of it."""
    stage = Stage()
    start = NOW_START
    said: list[dict[str, Any]] = [
        {"kind": "decided", "under": "runbook 7", "at": start + 1},
        {"kind": "validated", "text": "orders can be placed"},
        {"kind": "note", "text": "the cable\nwas cut"},
        {"kind": "action", "text": "a second cable", "owner": "net", "due": "2026-12-24"},
        {"kind": "sign_off", "role": "CISO"},
        {"kind": "reclassified", "as": "third_party", "reason": "the carrier's cable"},
    ]
    for mark in said:
        stage.now = stage.now._replace(wall=stage.now.wall + 1)
        status, told = await say(stage, CLOSED, **mark)
        assert status == 201, told
    assert [one["kind"] for one in told["marks"]] == [mark["kind"] for mark in said]
    assert told["marks"][2]["text"] == "the cable was cut"
    assert told["phases"]["decided"] == pytest.approx(start + 1)
    assert (told["classification"]["original"], told["classification"]["effective"]) == ("real", "third_party")
    action = told["marks"][3]["id"]
    assert (await say(stage, CLOSED, kind="action", done="action-x"))[0] == 409
    assert (await say(stage, CLOSED, kind="action", done=action, text="laid"))[0] == 201
    assert (await say(stage, CLOSED, kind="action", done=action))[0] == 409
    found = await ask_json(stage, f"/api/v1/incidents/{CLOSED}")
    assert [one["kind"] for one in found["marks"]][-1] == "action"
    assert found["marks"][-1]["done"] == action


NOW_START = scenes.NOW.wall_of(scenes.failover().start.lower)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ({"kind": "praise"}, "kind is not possible here; choose from: decided"),
        ({}, "kind is missing"),
        ({"kind": "note"}, "text is missing"),
        ({"kind": "note", "text": "t", "owner": "x"}, "owner is not known here"),
        ({"kind": "note", "text": "t", "by": ""}, "by is missing; give who says so"),
        ({"kind": "action", "text": "t", "owner": "x"}, "due is not a date; write it like 2026-10-01"),
        ({"kind": "action", "text": "t", "owner": "x", "due": "2026-02-30"}, "due is not a date"),
        ({"kind": "action", "done": "a", "owner": "x"}, "leave owner and due out"),
        ({"kind": "reclassified", "as": "fine", "reason": "r"}, "as is not possible here; choose from: real"),
        ({"kind": "reclassified", "as": "planned"}, "reason is missing"),
        ({"kind": "decided", "at": scenes.NOW.wall + 1}, "Unix seconds that are past"),
        ({"kind": "decided", "at": NOW_START - 86_401}, "not more than a day before"),
    ],
)
async def test_what_is_wrong_with_a_mark_is_said(mark: dict[str, Any], words: str) -> None:
    """400 and a sentence; nothing is taken down."""
    stage = Stage()
    status, told = await say(stage, CLOSED, **mark)
    assert (status, words in told["error"]) == (400, True), told
    assert stage.ledger.records == []


async def test_an_open_incident_needs_no_ledger(tmp_path: Path) -> None:
    """In the middle of a disaster the disk may be gone too: the incident is told, and its marks are not known."""
    stage = Stage()
    running = scenes.outage(scenes.system("chat")).incident
    assert running is not None
    async with opened(tmp_path / "ledger.db") as ledger:
        (tmp_path / "ledger.db").unlink()
        backend = replace(stage.backend(), ledger=ledger)
        stage.backend = lambda: backend  # type: ignore[method-assign]  # the stage's own is replaced on purpose
        told = await ask_json(stage, f"/api/v1/incidents/{running.id}")
        assert (told["id"], told["marks"], told["classification"]) == (running.id, None, None)
        assert (await say(stage, running.id, kind="decided"))[0] == 201


async def test_a_mark_on_a_running_outage() -> None:
    """A decision dates its phase at once."""
    stage = Stage()
    running = scenes.outage(scenes.system("chat")).incident
    assert running is not None
    status, told = await say(stage, running.id, kind="decided", under="runbook 7")
    assert (status, told["open"], told["phases"]["decided"]) == (201, True, stage.now.wall)
    shown = (await ask_json(stage, "/api/v1/systems/chat"))["incident"]
    assert shown["phases"]["decided"] == stage.now.wall
