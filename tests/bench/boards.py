"""How fast the overview loads at 1,000 systems: all of its queries, on a real Prometheus that holds 6 h of their states.

Run it: `python -m tests.bench --only boards`. The states are written as they would have been scraped every 5 s, with an
outage of a minute an hour in each twentieth system; everything else comes from one scrape of our own exposition. `loads` is
from the first query until the last answer, all asked at once as Grafana does.
"""

import asyncio
import json
import math
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dashboards.build import files
from dashboards.overview import ROWS
from dashboards.scope import Scope
from exporter.catalogue import metrics as m
from exporter.core.state import Mode
from exporter.metrics.exposition import Exposition
from tests.bench.rig import Row, cpu_seconds
from tests.bench.scrape import Fleet, ours
from tests.dashboards.questions import Question, questions
from tests.servers import until
from tests.servers.prometheus import Prometheus

SYSTEMS = 1000
HOURS = 6
SCRAPE = 5
BLOCK = 2 * 3600
"""Seconds of a block of Prometheus: one file each, or promtool reads all of them for each block."""
INSTANCE = "exporter:9720"
POINTS = 1500
"""Width of a wall's graph in pixels: Grafana asks for about as many steps, unless the panel says fewer."""
LIMIT = 1.0
"""Seconds until the overview has its data."""


def _states(start: int, end: int) -> Iterator[str]:
    """OpenMetrics of every system's state, from one instant to another."""
    yield f"# TYPE {m.STATE.name} gauge\n"
    names = [f"orders-{number:04}" for number in range(SYSTEMS)]
    heads = [
        (number, mode, f'{m.STATE.name}{{instance="{INSTANCE}",job="rto-rpo",state="{mode}",system="{name}"}} ')
        for number, name in enumerate(names)
        for mode in Mode
    ]
    for now in range(start, end, SCRAPE):
        minute = now // 60 % 60
        lines = [
            f"{head}{int(mode is (Mode.OUTAGE if number % 20 == 0 and minute == number % 60 else Mode.HEALTHY))} {now}\n"
            for number, mode, head in heads
        ]
        yield "".join(lines)
    yield "# EOF\n"


def _backfill(folder: Path, now: int) -> None:
    """Blocks of the last hours in Prometheus's own format."""
    start = now - HOURS * 3600
    while start < now:
        end = min(now, (start // BLOCK + 1) * BLOCK)
        text = folder / "states.txt"
        with text.open("w") as out:
            out.writelines(_states(start, end))
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "tsdb")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        text.unlink()
        start = end


@contextmanager
def _exporter() -> Iterator[str]:
    """Serves one exposition of all systems; gives host and port."""
    body = asyncio.run(ours(Exposition(), Fleet(SYSTEMS).move(1)))

    class Scraped(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Scraped)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _ask(prometheus: Prometheus, question: Question, points: int) -> float:
    """Seconds for one query, as Grafana asks it now."""
    end = time.time()
    span = HOURS * 3600
    step = max(SCRAPE, math.ceil(span / points))
    values = {"job": ".+", "instance": ".+", "__interval": f"{step}s", "__rate_interval": f"{4 * step}s", "__range": f"{span}s",
              "shown": "|".join(f"orders-{number:04}" for number in range(0, SYSTEMS, SYSTEMS // ROWS))}  # fmt: skip
    expr = question.filled(values)
    began = time.perf_counter()
    if question.instant:
        prometheus.query(expr)
    else:
        prometheus.query_range(expr, end - span, end, step)
    return time.perf_counter() - began


def measure(rounds: int) -> Iterator[Row]:
    """The overview's queries, all at once and in a row, and the dearest of them."""
    board = json.loads(files(Scope())["provisioned/dr-overview.json"])
    width = {panel["title"]: panel.get("maxDataPoints", POINTS) for panel in board["panels"]}
    asked = [(each, width[each.panel]) for each in questions(board) if each.panel in width]
    with tempfile.TemporaryDirectory() as name, _exporter() as address:
        folder = Path(name)
        _backfill(folder, int(time.time()) // SCRAPE * SCRAPE)
        relabel = [{"target_label": "instance", "replacement": INSTANCE}]
        scrape = {"job_name": "rto-rpo", "scrape_interval": f"{SCRAPE}s", "relabel_configs": relabel,
                  "static_configs": [{"targets": [address]}]}  # fmt: skip
        with Prometheus(folder, {"scrape_configs": [scrape]}) as prometheus:
            until(lambda: prometheus.query(m.BUILD_INFO.name), "the exporter is scraped", within=60)
            at_once, costs = [], []
            for _ in range(rounds):
                spent, began = cpu_seconds(prometheus.pid), time.perf_counter()
                with ThreadPoolExecutor(len(asked)) as pool:
                    list(pool.map(lambda each: _ask(prometheus, *each), asked))
                at_once.append(time.perf_counter() - began)
                costs.append(cpu_seconds(prometheus.pid) - spent)
    words = f"{len(asked)} queries, {HOURS} h of states every {SCRAPE} s"
    yield Row(f"overview, {SYSTEMS:,} systems: loads", _spread(at_once), LIMIT, "s", words=words)
    yield Row(f"overview, {SYSTEMS:,} systems: CPU of Prometheus", _spread(costs), LIMIT, "s", words=words)


def _spread(values: list[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]
