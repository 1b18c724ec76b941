"""The routes, over a real socket."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.metrics.negotiation import OPENMETRICS
from exporter.web.openapi import OPENAPI
from exporter.web.server import make_app
from tests.ledger.helpers import opened
from tests.metrics import scenes
from tests.web.fakes import Stage, serving

DEADLINE = aiohttp.ClientTimeout(total=10)


async def ask(
    stage: Stage, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """(status, headers, body) of one request to a server that lives as long."""
    async with (
        serving(stage) as url,
        aiohttp.ClientSession(timeout=DEADLINE) as session,
        session.request(method, url + path, headers=headers) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.text()


async def ask_json(stage: Stage, path: str, status: int = 200) -> Any:
    got, headers, body = await ask(stage, path)
    assert got == status, body
    assert headers["Content-Type"].startswith("application/json")
    return json.loads(body)


def closed(number: int, system: str = "orders", kind: str = "failover") -> dict[str, Any]:
    """A record as the ledger gives it back."""
    return {"n": number, "id": f"id-{number}", "system": system, "kind": kind, "phases": {}, "open": False}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_metrics_are_served_in_the_format_that_is_asked_for(method: str) -> None:
    """OpenMetrics by Accept, gzip by Accept-Encoding, families by name[]."""
    headers = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
    status, got, body = await ask(Stage(), "/metrics?name[]=dr_state", method, headers)
    assert (status, got["Content-Type"], got["Content-Encoding"]) == (200, OPENMETRICS, "gzip")
    if method == "GET":
        assert body.startswith("# HELP dr_state ")
        assert body.endswith("# EOF\n")


async def test_health_does_not_depend_on_what_is_watched() -> None:
    """The process answers, so it is healthy."""
    assert await ask_json(Stage(), "/-/healthy") == {"status": "healthy"}


async def test_ready_only_when_everything_was_looked_at_once() -> None:
    """`records` was never seen; what an earlier run saw does not count; a reload that adds it later changes nothing."""
    stage = Stage()
    error = (await ask_json(stage, "/-/ready", 503))["error"]
    assert error == "7 endpoints were not looked at yet, such as entry of records; ask again"
    everything = stage.snapshot
    seen = [item for item in everything.systems.values() if item.system.name != "records"]
    stage.snapshot = scenes.snapshot(*seen, exporter=replace(scenes.EXPORTER, started=4999.9))
    error = (await ask_json(stage, "/-/ready", 503))["error"]
    assert error == "14 endpoints were not looked at yet, such as entry of chat; ask again"
    stage.snapshot = scenes.snapshot(*seen)
    async with serving(stage) as url, aiohttp.ClientSession(timeout=DEADLINE) as session:
        for shown in (stage.snapshot, everything):
            stage.snapshot = shown
            async with session.get(f"{url}/-/ready") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    ("token", "authorization", "status"),
    [
        (None, "Bearer s3cret", 403),
        ("", "Bearer ", 403),
        ("s3cret", None, 401),
        ("s3cret", "Bearer wrong", 401),
        ("s3cret", "Bearer s3cret2", 401),
        ("s3cret", "Basic s3cret", 401),
        ("s3cret", "Bearer \u00e9\u00e8", 401),
        ("s3cret", "Bearer s3cret", 200),
        ("s3cret", "bearer s3cret", 200),
    ],
)
async def test_only_the_token_allows_a_reload(token: str | None, authorization: str | None, status: int) -> None:
    """Without a configured token nothing may be changed at all."""
    stage = Stage(token=token)
    headers = {"Authorization": authorization} if authorization else None
    got, _, body = await ask(stage, "/-/reload", "POST", headers)
    assert (got, stage.reloads) == (status, int(status == 200))
    assert "s3cret" not in body


async def test_an_unreadable_token_file_is_told() -> None:
    """The sentence says which file, and nothing is reloaded."""

    def unreadable() -> str | None:
        raise ValueError("cannot read the secret file /run/secrets/dr-api: No such file or directory")

    stage = Stage()
    backend = replace(stage.backend(), token=unreadable)
    stage.backend = lambda: backend  # type: ignore[method-assign]  # the stage's own is replaced on purpose
    status, _, body = await ask(stage, "/-/reload", "POST", {"Authorization": "Bearer s3cret"})
    assert (status, "/run/secrets/dr-api" in body, stage.reloads) == (403, True, 0)


async def test_a_bad_reload_says_what_is_wrong() -> None:
    """All errors, and a status that `curl --fail` notices."""
    stage = Stage(reload_errors=["dr.yml:3:1: systems: is empty", "dr.yml:9:5: tier: unknown"])
    status, _, body = await ask(stage, "/-/reload", "POST", {"Authorization": "Bearer s3cret"})
    assert status == 422
    assert json.loads(body) == {"error": stage.reload_errors[0], "errors": stage.reload_errors}


async def test_service_discovery_lists_every_probed_target() -> None:
    """In the form that http_sd reads; the entry has an empty site."""
    found = await ask_json(Stage(), "/sd")
    assert len(found) == 21
    labels = {"system": "orders", "site": "", "component": "entry", "kind": "http"}
    assert {"targets": ["http://www.example/entry"], "labels": labels} in found


async def test_systems_and_one_of_them() -> None:
    """The list holds what the single answer holds, and the exporter's own state beside it."""
    stage = Stage()
    listed = await ask_json(stage, "/api/v1/systems")
    assert [item["name"] for item in listed["items"]] == ["orders", "chat", "records"]
    assert listed["next"] is None
    assert listed["exporter"]["vantage"] == "hk-noc-1"
    assert await ask_json(stage, "/api/v1/systems/chat") == listed["items"][1]
    assert listed["items"][1]["rto_seconds"] == pytest.approx(40)
    assert "/api/v1/systems" in (await ask_json(stage, "/api/v1/systems/nobody", 404))["error"]


async def test_open_incidents_come_first_and_only_once() -> None:
    """The open one leads the first page; the cursor leads to the older ones."""
    stage = Stage()
    stage.ledger.closed = [closed(9), closed(7, "chat"), closed(5, kind="blip"), closed(3)]
    first = await ask_json(stage, "/api/v1/incidents?limit=2")
    assert [item["id"] for item in first["items"]] == ["01JB9Z", "id-9", "id-7"]
    assert first["items"][0]["end"] is None
    second = await ask_json(stage, f"/api/v1/incidents?limit=2&cursor={first['next']}")
    assert [item["id"] for item in second["items"]] == ["id-3"]
    assert second["next"] is None


async def test_incidents_of_one_system_with_blips() -> None:
    """?system and ?blips narrow and widen the list."""
    stage = Stage()
    stage.ledger.closed = [closed(9), closed(7, "chat"), closed(5, kind="blip")]
    found = await ask_json(stage, "/api/v1/incidents?system=orders&blips=true")
    assert [item["id"] for item in found["items"]] == ["id-9", "id-5"]


@pytest.mark.parametrize("wanted", ["01JB9Z", "id-5", "01JB2K"])
async def test_one_incident_open_or_closed(wanted: str) -> None:
    """Open ones come from the snapshot, closed ones from the ledger, unless it could not be written yet."""
    stage = Stage()
    stage.ledger.closed = [closed(9), closed(5, kind="blip")]
    assert (await ask_json(stage, f"/api/v1/incidents/{wanted}"))["id"] == wanted


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/api/v1/incidents/id-5"])
async def test_a_ledger_that_cannot_be_read_is_told(path: str, tmp_path: Path) -> None:
    """503 and the ledger's own sentence; what is open is no secret, but a list without the closed ones would mislead."""
    async with opened(tmp_path / "ledger.db") as ledger:
        (tmp_path / "ledger.db").unlink()
        stage = Stage()
        backend = replace(stage.backend(), ledger=ledger)
        stage.backend = lambda: backend  # type: ignore[method-assign]  # the stage's own is replaced on purpose
        assert "there is no ledger at" in (await ask_json(stage, path, 503))["error"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit is not usable; give a whole number from 1 to 500"),
        ("limit=501", "limit is not usable; give a whole number from 1 to 500"),
        ("limit=%C2%B2", "limit is not usable; give a whole number from 1 to 500"),
        ("cursor=-1", "cursor is not usable; give a whole number from the `next` of the page before"),
        ("blips=yes", "blips is not usable; give true or false"),
    ],
)
async def test_a_bad_parameter_says_what_would_be_right(query: str, sentence: str) -> None:
    """400 and a sentence."""
    assert await ask_json(Stage(), f"/api/v1/incidents?{query}", 400) == {"error": sentence}


async def test_the_head_of_the_ledger() -> None:
    """Number and hash, to be kept elsewhere."""
    expected = {"number": 17, "hash": "c0ffee", "writable": True, "waiting": 0}
    assert await ask_json(Stage(), "/api/v1/ledger/head") == expected


async def test_the_description_lists_every_route() -> None:
    """What the server answers and what openapi.json says are the same paths."""
    app = make_app(Stage().backend())
    served = {route.resource.canonical for route in app.router.routes() if route.resource is not None}
    assert served - {"/static/{name}", "/systems/{name}", "/incidents/{id}", "/drills"} == set(OPENAPI["paths"])
    assert await ask_json(Stage(), "/api/v1/openapi.json") == OPENAPI


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/nothing", 404, "openapi.json"),
        ("GET", "/static/../server.py", 404, "openapi.json"),
        ("GET", "/static/%2e%2e%2fserver.py", 404, "openapi.json"),
        ("POST", "/metrics", 405, "use GET, HEAD"),
        ("GET", "/-/reload", 405, "use POST"),
        ("GET", "/api/v1/backups/orders/nightly/verified", 405, "use POST"),
        ("DELETE", "/api/v1/systems", 405, "use GET, HEAD"),
    ],
)
async def test_wrong_paths_and_methods(method: str, path: str, status: int, word: str) -> None:
    """JSON that says what would be right."""
    got, _, body = await ask(Stage(), path, method)
    assert (got, word in json.loads(body)["error"]) == (status, True)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/config",
        "/nothing",
        "/static/wall.js",
        "/systems/orders",
        "/incidents/1",
        "/drills",
        "/systems/none",
        "/api/v1/systems",
    ],
)
async def test_every_answer_has_the_strict_headers(path: str) -> None:
    """Errors and streams too: no inline script, no framing, no sniffing, no referrer."""
    _, headers, _ = await ask(Stage(), path)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


async def test_the_page_is_harmless_with_any_name() -> None:
    """Markup in a name is text; a lone surrogate and a right-to-left mark do not break the page."""
    names = ["<script>alert(1)</script>", "\"'><img src=x>", "\u202eevil", "x" * 200, "a\ud800b"]
    systems = [scenes.system(name) for name in names]
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems)))
    status, _, body = await ask(stage, "/")
    assert status == 200
    assert "<script>alert" not in body
    assert "<img" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert [item["name"] for item in (await ask_json(stage, "/api/v1/systems"))["items"]][:4] == names[:4]


async def test_the_page_shows_the_worst_first_before_any_script_runs() -> None:
    """Outage, then unknown, then healthy, each as a word."""
    _, _, body = await ask(Stage(), "/")
    assert body.index(">Outage<") < body.index(">Unknown<") < body.index(">Healthy<")


async def test_the_configuration_is_shown_masked() -> None:
    """As YAML, as the backend gave it."""
    status, headers, body = await ask(Stage(), "/config")
    assert (status, headers["Content-Type"]) == (200, "application/yaml; charset=utf-8")
    assert "***" in body


async def test_too_large_a_header_is_refused() -> None:
    """One header above the limit ends the request, not the server."""
    async with serving(Stage()) as url, aiohttp.ClientSession(timeout=DEADLINE) as session:
        async with session.get(f"{url}/-/healthy", headers={"X-Large": "x" * 20_000}) as refused:
            assert refused.status == 400
        async with session.get(f"{url}/-/healthy") as answer:
            assert answer.status == 200


async def test_a_client_that_leaves_in_the_middle_disturbs_nobody() -> None:
    """Half a scrape, then the next one is whole."""
    systems = [scenes.system(f"s{i}") for i in range(200)]
    stage = Stage(snapshot=scenes.snapshot(*(scenes.watched(of, scenes.healthy(of)) for of in systems)))
    async with serving(stage) as url, aiohttp.ClientSession(timeout=DEADLINE) as session:
        async with session.get(f"{url}/metrics") as answer:
            await answer.content.readany()
            answer.close()
        async with session.get(f"{url}/metrics") as answer:
            assert (await answer.text()).count("dr_rto_seconds{") == 200
