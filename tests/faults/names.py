"""A name that leads to two sites, and the faults of its name server. The exporter runs in a mount namespace of its own, where
/etc/resolv.conf names a real server (dnsmasq) that answers from a file.

The truth is the instants between which the test switched, as the name server itself answers.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Self

import dns.exception
import dns.message
import dns.query

from exporter.core.interval import Interval
from exporter.probes.dns_exchange import ASK_AGAIN
from tests.faults.exporter import Exporter
from tests.faults.judge import HANG_WIDTH, REFUSED_WIDTH, Outage
from tests.faults.stage import Fault, Stage
from tests.faults.table import Run
from tests.servers import free_port, until
from tests.servers.name_server import OPTIONS, PROGRAM
from tests.servers.processes import family, wait_stopped
from tests.servers.stall_meter import StallMeter

NAME = "app.test"
SITES = {"hk": "127.0.77.1", "sg": "127.0.77.2"}
SERVER = "127.0.77.53"
RESOLVER = f"nameserver {SERVER}\n"


def names_missing() -> str:
    """Why it cannot run here; empty when it can."""
    if PROGRAM is None:
        return "dnsmasq is not installed: apt-get install dnsmasq-base"
    if os.geteuid() != 0:
        return "only root may mount another /etc/resolv.conf and listen on port 53"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "no mount namespaces here"


class Site(BaseHTTPRequestHandler):
    """Answers with the address at which it was reached."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the base class calls it so
        """Nothing is printed."""


class Town(Stage):
    """Two sites behind one name."""

    def __init__(self, exporter: Exporter, meter: StallMeter, dice: Random, folder: Path, port: int) -> None:
        super().__init__(exporter, meter, dice, "app", "dns")
        self._folder, self._port = folder, port
        self._sites: dict[str, ThreadingHTTPServer] = {}
        self.at = "hk"
        """Where the name leads to."""

    def __enter__(self) -> Self:
        for site in SITES:
            self.open(site)
        self.name_server = self._started()
        return self

    def __exit__(self, *error: object) -> None:
        self.name_server.kill()
        self.name_server.wait()
        for site in list(self._sites):
            self.shut(site)

    def _started(self) -> "subprocess.Popen[bytes]":
        self._write(self.at)
        listen = ["--bind-interfaces", f"--listen-address={SERVER}", "--port=53", "--user=root"]
        assert PROGRAM is not None
        server = subprocess.Popen(
            [PROGRAM, *OPTIONS, *listen, f"--addn-hosts={self._folder / 'hosts'}"], stderr=subprocess.DEVNULL
        )
        until(lambda: self.answer() is not None, "the name server answers")
        return server

    def _write(self, site: str | None) -> None:
        (self._folder / "hosts").write_text(f"{SITES[site]} {NAME}\n" if site else "")

    def answer(self) -> str | None:
        """The address that the name server gives; empty: there is none; None: no answer."""
        try:
            found = dns.query.udp(dns.message.make_query(f"{NAME}.", "A"), SERVER, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return None
        return next((str(record) for entry in found.answer for record in entry), "")

    def lead(self, site: str | None) -> Interval:
        """Let the name lead to another site, or nowhere; between which instants it did."""
        before = time.monotonic()
        self._write(site)
        self.name_server.send_signal(signal.SIGHUP)
        until(lambda: self.answer() == (SITES[site] if site else ""), "the name has moved", step=0.005)
        self.at = site or self.at
        return Interval(before, time.monotonic())

    def open(self, site: str) -> Interval:
        before = time.monotonic()
        server = self._sites[site] = ThreadingHTTPServer((SITES[site], self._port), Site)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return Interval(before, time.monotonic())

    def shut(self, site: str) -> Interval:
        before = time.monotonic()
        server = self._sites.pop(site)
        server.socket.close()
        after = time.monotonic()
        server.shutdown()
        server.server_close()
        return Interval(before, after)

    def silence(self) -> Interval:
        """The name server stands still: questions get no answer."""
        before = time.monotonic()
        self.name_server.send_signal(signal.SIGSTOP)
        wait_stopped(family(self.name_server.pid))
        return Interval(before, time.monotonic())

    def speak(self) -> Interval:
        before = time.monotonic()
        self.name_server.send_signal(signal.SIGCONT)
        return Interval(before, time.monotonic())

    def kill(self) -> Interval:
        before = time.monotonic()
        self.name_server.kill()
        self.name_server.wait()
        return Interval(before, time.monotonic())

    def revive(self) -> Interval:
        before = time.monotonic()
        self.name_server = self._started()
        return Interval(before, time.monotonic())

    def pause(self) -> None:
        time.sleep(self.dice.uniform(2.5, 4.0))

    def doubt(self) -> None:
        """There is no way to raise one without harm."""

    def short_outage(self) -> Outage:
        return _gone(self)[0]

    def mend(self) -> None:
        """At home again, which is a move of the traffic of its own."""
        if self.at != "hk":
            self.lead("hk")
            until(lambda: self.exporter.system("app")["serving"] == ["hk"], "it is served from home", step=0.1)


def _outage(town: Town, end: Callable[[], Interval], start: Interval, *, at_once: bool) -> list[Outage]:
    town.pause()
    return [Outage(start, end(), ("outage_in_place",), REFUSED_WIDTH + ASK_AGAIN if at_once else HANG_WIDTH)]


def _gone(town: Town) -> list[Outage]:
    """The name exists no more (NXDOMAIN)."""
    return _outage(town, partial(town.lead, "hk"), town.lead(None), at_once=True)


def _dead(town: Town) -> list[Outage]:
    return _outage(town, town.revive, town.kill(), at_once=True)


def _silent(town: Town) -> list[Outage]:
    """The resolver's library asks a silent server again after seconds only, so the bounds are those of a hang."""
    return _outage(town, town.speak, town.silence(), at_once=False)


def _flip(town: Town) -> list[Outage]:
    """Home dies, and the name is moved to the other site."""
    start = town.shut("hk")
    town.pause()
    end = town.lead("sg")
    town.open("hk")
    return [Outage(start, end, ("traffic_moved",), REFUSED_WIDTH)]


NAMES: dict[str, Fault] = {
    "DNS flip": Fault(_flip),
    "DNS: no such name": Fault(_gone),
    "DNS server dead": Fault(_dead),
    "DNS server silent": Fault(_silent),
}


@contextmanager
def town(seed: int) -> Iterator[Town]:
    """All of it, running."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        (folder / "resolv.conf").write_text(RESOLVER)
        port = free_port()
        bind = f'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec "$@"'
        page = {site: {"web": {"http": {"url": f"http://{address}:{port}/"}}} for site, address in SITES.items()}
        served = {"served_by": {"address": {site: [address] for site, address in SITES.items()}}}
        entry = {"http": {"url": f"http://{NAME}:{port}/", **served}}
        system = {"home": "hk", "entry": entry, "components": {"web": {"critical": True}}, "sites": page}
        wrapper = ("unshare", "--mount", "sh", "-c", bind, "sh")
        exporter = Exporter(folder, systems={"app": system}, wrapper=wrapper, stable_for=2.0)
        made = Town(exporter, stack.enter_context(StallMeter()), Random(seed), folder, port)
        stack.enter_context(made)
        stack.enter_context(exporter)
        yield made


def table(times: int, seed: int) -> Iterator[Run]:
    """Each fault so many times; nothing where it cannot be played."""
    if missing := names_missing():
        print(f"no faults of names: {missing}")
        return
    with town(seed) as stage:
        for name, fault in NAMES.items():
            for _ in range(times):
                yield stage.play(name, fault)
