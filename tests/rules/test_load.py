"""The rules in a real Prometheus that scrapes 1,000 systems of two exporters."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.core.backup import BackupFacts
from exporter.core.model import ENTRY, Facts, Moment, System
from exporter.core.snapshot import Snapshot
from exporter.core.state import SystemState
from tests.metrics import scenes
from tests.metrics.scraping import plain
from tests.rules.test_rules import RULES
from tests.servers.prometheus import Prometheus, prometheus_missing
from tests.servers.wait import free_port, until

pytestmark = [
    pytest.mark.alone,
    pytest.mark.prometheus,
    pytest.mark.skipif(bool(prometheus_missing()), reason=prometheus_missing()),
]
SYSTEMS, OUT = 1000, 20
NOW = scenes.NOW.mono
PROMISED = 1.0
"""Seconds for all rules together, on one core of a quiet machine."""
ROUNDS = 3
STEP = 5
BUSY = 'rate(process_cpu_seconds_total{job="itself"}[30s])'
"""Cores in use; what else the machine does is not in it."""
NOISE = 10
"""How much slower a busy one may be."""


def fleet(wall: float) -> Snapshot:
    """Most are healthy; some are out, so that templates are filled in, too. `wall`: Unix seconds, for what is young."""
    whole = replace(scenes.inspected_system(), mode="active-standby")

    def watched(number: int) -> tuple[System, SystemState]:
        system = replace(whole, name=f"orders-{number:04}")
        state = scenes.inspected(system)
        facts = Facts(tls_not_after=wall + 60 * 86400)
        parts = {**state.parts, ENTRY: replace(state.parts[ENTRY], facts=facts)}
        sources = {key: replace(source, position=9) for key, source in state.sources.items()}
        parity = {name: replace(known, alike={"sg": True}, differs={}) for name, known in state.parity.items()}
        told = BackupFacts(wall - 3600, wall - 3000, wall - 86400, True, True, 12, 1.5e9)
        backups = {name: replace(known, facts=told, verified=NOW - 86400) for name, known in state.backups.items()}
        kpis = {name: replace(known, value=1200.0) for name, known in state.kpis.items()}
        well = replace(
            state,
            serving=("hk",),
            parts=parts,
            sources=sources,
            parity=parity,
            backups=backups,
            kpis=kpis,
            last=None,
            drill=None,
            drilled=None,
        )
        return system, well if number >= OUT else replace(scenes.outage(system), parity=parity, last=None)

    return scenes.snapshot(*(scenes.watched(*watched(number)) for number in range(SYSTEMS)))


@contextmanager
def exposing(text: str) -> Iterator[str]:
    """`HOST:PORT` of a server that answers every scrape with the same text."""
    body = text.encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that http.server gives
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fast(folder: Path) -> list[str]:
    """The rules that ship, but all evaluated every 5 s: a test has no time for minutes."""
    paths = []
    for path in sorted(RULES.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in document["groups"]:
            group["interval"] = "5s"
        (folder / path.name).write_text(yaml.safe_dump(document), encoding="utf-8")
        paths.append(str(folder / path.name))
    return paths


def test_a_thousand_systems_cost_less_than_a_second(tmp_path: Path) -> None:
    """Every rule evaluates without an error; two exporters are one vote, so each outage is one alert."""
    now = Moment(scenes.NOW.mono, time.time())
    text = asyncio.run(plain(fleet(now.wall), now))
    with exposing(text) as one, exposing(text) as other:
        scraped = {"rto-rpo": [one, other]}
        prometheus = Prometheus(tmp_path, {})
        scraped["itself"] = [prometheus.url.removeprefix("http://")]
        prometheus.configure(
            {
                "global": {"scrape_interval": f"{STEP}s"},
                "rule_files": fast(tmp_path),
                "scrape_configs": [
                    {"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in scraped.items()
                ],
            }
        )
        with prometheus:
            out = 'count(ALERTS{alertname="DrOutage", alertstate="firing", drill="false"}) or vector(0)'
            until(lambda: prometheus.query(out)[0].value == OUT, "the outages fire", within=300, step=1)
            seen: dict[str, dict[str, float]] = {}
            until(lambda: watch(prometheus, seen) >= ROUNDS, "each group was evaluated often", within=300, step=2)
            busy = until(lambda: prometheus.query(BUSY), "its own CPU time was scraped twice", within=120, step=2)
    # The best of a few: what else runs on the machine only ever adds.
    taken = {group: min(rounds.values()) for group, rounds in seen.items()}
    for group, seconds in sorted(taken.items()):
        print(f"{group}: {seconds * 1000:.0f} ms")
    print(
        f"all rules, {SYSTEMS} systems, 2 exporters, {len(text.splitlines()) * 2} series: {sum(taken.values()):.2f} s"
    )
    print(f"the whole Prometheus, scrapes and queries too: {busy[0].value * STEP:.2f} s of CPU every {STEP} s")
    assert sum(taken.values()) < PROMISED * NOISE


def watch(prometheus: Prometheus, seen: dict[str, dict[str, float]]) -> int:
    """Notes by group and instant how long each evaluation took, in seconds. Returns how many each group has had at least."""
    for group in prometheus.api("rules")["groups"]:
        for rule in group["rules"]:
            assert rule["health"] != "err", f"{rule['name']}: {rule.get('lastError')}"
        seen.setdefault(group["name"], {})[group["lastEvaluation"]] = group["evaluationTime"]
    return min(len(rounds) for rounds in seen.values())
