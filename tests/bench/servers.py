"""The other programs of the bench: the server that is looked at, blackbox_exporter, Prometheus and postgres_exporter."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

from tests.bench.rig import ask, running, until_listening
from tests.servers import free_port

_IPV4 = {"preferred_ip_protocol": "ip4"}
_PAGE = {**_IPV4, "fail_if_body_not_matches_regexp": ['"status": "ok"']}
_LAG_QUERY = """
pg_replication:
  query: "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 ELSE GREATEST(0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp()))) END AS lag"
  master: true
  metrics:
    - lag: {usage: GAUGE, description: Replication lag behind master in seconds}
"""
_ONLY_THAT = (
    "--disable-default-metrics",
    "--disable-settings-metrics",
    "--no-collector.database",
    "--no-collector.bgwriter",
)


class Endpoints(NamedTuple):
    """The running server that is looked at."""

    child: "Popen[str]"
    http: int
    tcp: int
    https: int
    certificate: Path

    def told(self, every: float) -> tuple[int, float]:
        """How many requests came since it was asked last, and their 99th percentile of lateness in seconds."""
        count, late = ask(self.child, str(every)).split()
        return int(count), float(late)


@contextlib.contextmanager
def endpoints(folder: Path) -> Iterator[Endpoints]:
    _certificate(folder)
    files = folder / "certificate.pem", folder / "key.pem"
    with running(sys.executable, "-m", "tests.bench.endpoint", *map(str, files)) as child:
        http, tcp, https = map(int, ask(child).split())
        yield Endpoints(child, http, tcp, https, files[0])


def _certificate(folder: Path) -> None:
    """A self-signed RSA certificate for 127.0.0.1."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -subj /CN=bench -days 2"
    name = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([*command.split(), *name], cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def blackbox(folder: Path) -> Iterator[tuple[int, int]]:
    """A running blackbox_exporter with the modules http, https, tcp and dns: its process id and port."""
    config, port = folder / "blackbox.yml", free_port()
    tls = {"tls_config": {"ca_file": str(folder / "certificate.pem")}}
    modules: Mapping[str, Any] = {
        "http": {"prober": "http", "timeout": "5s", "http": _PAGE},
        "https": {"prober": "http", "timeout": "5s", "http": {**_PAGE, **tls}},
        "tcp": {"prober": "tcp", "timeout": "5s"},
        "dns": {"prober": "dns", "timeout": "5s", "dns": {"query_name": "orders.test", "query_type": "A", **_IPV4}},
    }
    config.write_text(json.dumps({"modules": modules}))
    address = f"--web.listen-address=127.0.0.1:{port}"
    with running("prometheus-blackbox-exporter", f"--config.file={config}", address, "--log.level=error") as child:
        until_listening(child, port)
        yield child.pid, port


def probing(folder: Path, blackbox_port: int, urls: list[str], every: str) -> Mapping[str, Any]:
    """A configuration of Prometheus by which blackbox_exporter looks at all of `urls`."""
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": urls}]))
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"127.0.0.1:{blackbox_port}"},
    ]
    job = {"job_name": "blackbox", "metrics_path": "/probe", "params": {"module": ["http"]}, "relabel_configs": relabel}
    scrape = {**job, "scrape_interval": every, "file_sd_configs": [{"files": [str(targets)]}]}
    if every != "15s":  # where the usual 10 s do not fit
        scrape["scrape_timeout"] = every
    return {"scrape_configs": [scrape]}


@contextlib.contextmanager
def postgres_exporter(folder: Path, server_port: int, password: str) -> Iterator[tuple[int, int]]:
    """A postgres_exporter with every collector off but the query for the replication lag: its process id and port."""
    queries, port = folder / "queries.yml", free_port()
    queries.write_text(_LAG_QUERY)
    address, query = f"--web.listen-address=127.0.0.1:{port}", f"--extend.query-path={queries}"
    source = f"postgresql://dr_probe:{password}@127.0.0.1:{server_port}/app?sslmode=disable"
    environment = {**os.environ, "DATA_SOURCE_NAME": source}
    command = ("prometheus-postgres-exporter", address, query, *_ONLY_THAT, "--log.level=error")
    with running(*command, environment=environment) as child:
        until_listening(child, port)
        yield child.pid, port


@contextlib.contextmanager
def redis_exporter(server_port: int) -> Iterator[tuple[int, int]]:
    """A redis_exporter that tells of the server alone, not of itself: its process id and port."""
    port = free_port()
    login = (f"-redis.addr=redis://127.0.0.1:{server_port}", "-redis-only-metrics")
    with running("prometheus-redis-exporter", f"-web.listen-address=127.0.0.1:{port}", *login) as child:
        until_listening(child, port)
        yield child.pid, port
