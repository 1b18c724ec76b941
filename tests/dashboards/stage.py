"""A real PostgreSQL pair and a small service, the real exporter that watches them, and a real Prometheus that scrapes it."""

import contextlib
import json
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.faults.exporter import Exporter
from tests.servers import PostgresPair, until
from tests.servers.prometheus import Prometheus

ORDERS, CHAT = "orders", "chat"
TOKEN = "of-the-boards-stage"
SCRAPE = 1
"""Seconds between two scrapes."""


class _Service(BaseHTTPRequestHandler):
    """An entry that tells which site serves, a business figure, and what a backup tool tells."""

    def do_GET(self) -> None:
        now = time.time()
        site = self.path.removeprefix("/at/")
        body = {
            "opm": 1130,
            "point": now - 90,
            "finished": now - 60,
            "verified": now - 3600,
            "encrypted": True,
            "immutable": True,
            "versions": 9,
            "size": 123456789,
        }
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("X-Served-By", site if site in ("hk", "sg") else "hk")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is about the boards."""


def _certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that only itself trusts."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    ask = (
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=chat",
        "-days",
        "30",
    )
    subprocess.run(["openssl", "req", *ask, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class _Server(ThreadingHTTPServer):
    """Handshakes in the thread of each connection: an idle one, like a tripwire, keeps nobody waiting."""

    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            request.close()


@contextmanager
def _service(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), _Service)
    server.tls = tls
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _configured(exporter: Exporter, port: int, tls_port: int) -> None:
    """Everything that a panel can be about, in the configuration of an exporter that has not been started."""
    url = f"http://127.0.0.1:{port}"
    served_by = {"served_by": {"header": "X-Served-By"}}
    config: dict[str, Any] = json.loads(exporter.config.read_text())
    config["exporter"]["references"] = [f"tcp://127.0.0.1:{port}"]
    (exporter.folder / "token").write_text(TOKEN)
    config["api"] = {"token_file": str(exporter.folder / "token")}
    (exporter.folder / "robot").write_text(f"{url}/robot/send?access_token=of-the-boards-stage")
    robot = {"url_file": str(exporter.folder / "robot"), "secret_file": str(exporter.folder / "token")}
    config["hooks"] = {"dingtalk": {"robots": [robot]}}
    config["contacts"] = [{"name": "DR commander", "who": "ops@example.com", "confirmed": "2026-10-01"}]
    config["systems"][ORDERS] |= {
        "objectives": {
            "rto": "60s",
            "rpo": {"site_loss": "5s", "data_corruption": "24h"},
            "availability": "99.9%",
            "drill_every": "90d",
        },
        "switch_time": "40s",
        "cost_per_minute": {"amount": 26000, "currency": "USD"},
        "parity": {"grants": {"component": "database", "query": "select count(*) from pg_roles", "every": "1s"}},
        "kpis": {"orders_per_minute": {"http": {"url": f"{url}/kpi", "json": "$.opm"}, "normal": 1200, "at_least": "88%", "every": "1s"}},
        "backups": {
            "nightly": {
                "json": {
                    "url": f"{url}/backups",
                    "point": "$.point",
                    "last_success": "$.finished",
                    "last_verified": "$.verified",
                    "encrypted": "$.encrypted",
                    "immutable": "$.immutable",
                    "versions": "$.versions",
                    "size_bytes": "$.size",
                },
                "site": "sg",
                "every": "24h",
                "verify_every": "90d",
                "versions": 7,
                "check_every": "1s",
            }
        },
    }  # fmt: skip
    config["systems"][CHAT] = {
        "home": "hk",
        "mode": "active-active",
        "objectives": {"rto": "15m"},
        "entry": {"http": {"url": f"https://127.0.0.1:{tls_port}/at/hk", "tls": {"verify": False}, **served_by}},
        "components": {"web": {"critical": True}},
        "sites": {site: {"web": {"http": f"{url}/at/{site}"}} for site in ("hk", "sg")},
    }
    exporter.config.write_text(json.dumps(config))


@dataclass
class Stage:
    """All of it, running."""

    pair: PostgresPair
    exporter: Exporter
    prometheus: Prometheus
    began: float
    """Unix seconds."""

    def wait_healthy(self) -> None:
        """Both of them: a drill is refused while nobody knows yet how its system is."""
        self.exporter.wait_calm(ORDERS)
        until(lambda: self.exporter.system(CHAT)["state"] == "healthy", f"{CHAT} is healthy", within=30, step=0.1)

    def drill(self, system: str, *, ended: bool = False) -> None:
        """Start one, and stop it again if it is to be over."""
        told = {"system": system, "scenario": "site_loss", "operator": "rig", "reason": "to be seen", "expires_in": 600}
        started = self._change("POST", "/api/v1/drills", told)
        if ended:
            self._change("DELETE", f"/api/v1/drills/{started['id']}", {"by": "rig", "outcome": "seen"})

    def _change(self, method: str, path: str, told: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            self.exporter.url + path, json.dumps(told).encode(), headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{method} {path}: {refused.code}: {refused.read(1000).decode()}") from refused

    def values(self, query: str) -> list[float]:
        return [series.value for series in self.prometheus.query(query)]


@contextmanager
def stage() -> Iterator[Stage]:
    """Ready in some seconds: everything is healthy and was scraped."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pair = stack.enter_context(PostgresPair())
        exporter = Exporter(folder, pair.a.dsn(), pair.b.dsn())
        _configured(exporter, stack.enter_context(_service()), stack.enter_context(_service(_certificate(folder))))
        scrapes = {
            "scrape_configs": [
                {
                    "job_name": "rto-rpo",
                    "scrape_interval": f"{SCRAPE}s",
                    "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
                }
            ]
        }
        stack.enter_context(exporter)
        yield Stage(pair, exporter, stack.enter_context(Prometheus(folder, scrapes)), time.time())
