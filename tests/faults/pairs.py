"""A real pair of servers, the exporter and an independent writer, which knows the truth: the instants of its acknowledgements,
and the rows that the survivor has.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from exporter.core.interval import Interval
from tests.faults.exporter import Exporter, Notary
from tests.faults.judge import HANG_WIDTH, MOVES, REFUSED_WIDTH, Loss, Outage
from tests.faults.stage import Stage
from tests.servers import PostgresPair, Proxy, Truth, Writer
from tests.servers.mariadb_pair import MariadbPair
from tests.servers.redis import RedisPair
from tests.servers.stall_meter import StallMeter
from tests.servers.truth import Written

LOOKED = 0.5
"""Seconds within which a look was under way that ended because its session did."""
HICCUP = 0.3
"""Seconds without an acknowledgement, of a hundred a second, that are an interruption of their own."""


class Server(Written, Protocol):
    """One of the two."""

    def markers(self, vantage: str) -> set[int]: ...
    def disconnect(self, user: str) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def wait_gone(self) -> None: ...
    def kill(self) -> float: ...
    def freeze(self) -> float: ...
    def thaw(self) -> None: ...


class Pair(Protocol):
    """What of a kind's servers is broken here."""

    link: Proxy

    @property
    def a(self) -> Any: ...
    @property
    def b(self) -> Any: ...
    @property
    def primary(self) -> Server: ...
    @property
    def standby(self) -> Server: ...
    def kill(self) -> float: ...
    def promote(self) -> Server: ...
    def wait_streaming(self) -> None: ...
    def start_again(self) -> None: ...
    def reclone(self) -> None: ...


class Kind(NamedTuple):
    """How servers of a kind are made and reached."""

    make: Callable[[], Any]
    probed: Callable[[Any, int], str]
    """Where the exporter looks, given a server and its port (or that of a proxy before it)."""
    written: Callable[[Any, int], str]
    """The same for the writer."""
    program: str


KINDS = {
    "postgres": Kind(
        PostgresPair,
        lambda server, port: str(server.dsn(port=port)),
        lambda server, port: str(server.dsn("writer", port=port)),
        "tests.servers.writer_process",
    ),
    "mariadb": Kind(
        MariadbPair,
        lambda server, port: str(server.dsn(port=port)),
        lambda server, port: str(server.dsn("writer", port=port)),
        "tests.servers.mariadb_writer_process",
    ),
    "redis": Kind(
        RedisPair,
        lambda server, port: str(server.url(port)),
        lambda server, port: str(port),
        "tests.servers.redis_writer_process",
    ),
}


class Scene(Stage):
    """A pair, a writer and the exporter, ready to be broken again and again."""

    def __init__(
        self,
        pair: Any,
        writer: Writer,
        exporter: Exporter,
        meter: StallMeter,
        dice: random.Random,
        fronts: Mapping[str, Proxy] | None = None,
        *,
        system: str = "orders",
    ) -> None:
        """`fronts`: a proxy before each server, by its name, through which everybody but its standby reaches it."""
        super().__init__(exporter, meter, dice, system, exporter.kind)
        self.pair: Pair = pair
        self.writer = writer
        self.fronts = fronts
        self._old: Server = pair.primary
        self._notary = Notary(exporter, system)
        self._gone: set[int] = set()
        """Markers that were lost in earlier runs."""

    @property
    def front(self) -> Proxy:
        """The proxy before the primary."""
        assert self.fronts is not None
        return self.fronts[self.pair.primary.name]

    def port(self, server: Server) -> int:
        """At which the writer reaches it."""
        return self.fronts[server.name].port if self.fronts else server.port

    def site(self, server: Server) -> str:
        return "hk" if server is self.pair.a else "sg"

    def doubt(self) -> None:
        """Its sessions end; those of the writer do not."""
        self.pair.primary.disconnect("dr_probe")

    def after_doubt(self, outage: Outage) -> Outage:
        """The tripwire was cut with the sessions and may not be laid again yet; a look that was cut with them may be the
        first that failed, if no other had its time before the fault."""
        assert self.doubted is not None
        began = outage.start
        start = Interval(min(self.doubted, began.lower), began.upper) if began.lower - self.doubted < LOOKED else began
        return outage._replace(start=start, noticed=None)

    def short_outage(self) -> Outage:
        """Long enough to be declared, though it takes a look until its time is over to see it."""
        at = frozen(self.pair.primary)
        time.sleep(self.dice.uniform(3.2, 3.8))
        self.pair.primary.thaw()
        return self.outage(at)

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Notes every marker that the exporter calls acknowledged."""
        self._old = self.pair.primary
        self._notary = Notary(self.exporter, self.system)
        with self._notary:
            yield

    def outage(self, at: float, *, crash: bool = False, planned: bool = False) -> Outage:
        """What the writer saw of a fault at that instant, once it writes again to whoever is the primary now.

        `crash`: connections break at once, so that a tripwire dates it. `planned`: a move without a failure.
        """
        new = self.pair.primary
        truth = self.writer.truth(at, new, port=self.port(new))
        kind = "outage_in_place" if new is self._old else "failback" if self.site(new) == "hk" else "failover"
        kinds = ("switchover",) if planned and kind == "failover" else (kind,)
        loss = None if new is self._old else self.loss(truth)
        width = REFUSED_WIDTH if crash else HANG_WIDTH
        return Outage(truth.start, truth.end, kinds, width, truth.noticed if crash else None, loss)

    def gap(self, at: float) -> tuple[Interval, Interval]:
        """When the service ended and came back around that instant, if only for a moment, as the writer saw it."""
        acks = [ack for ack in self.writer.acks() if ack.port == self.port(self.pair.primary)]
        before = max((ack for ack in acks if ack.acked <= at), key=lambda ack: ack.acked)
        after = min((ack for ack in acks if ack.sent >= at and ack.acked > at), key=lambda ack: ack.acked)
        return Interval(before.sent, max(at, before.acked) + 0.01), Interval(at, after.acked)

    def hiccups(self, since: float, outages: list[Outage]) -> list[Outage]:
        """Writes that took very long: a disk or a machine that is busy with something else."""
        found = []
        if self.doubted is not None:  # a session that is ended in the middle of a look fails it
            cut = Interval(self.doubted - LOOKED, self.doubted + LOOKED)
            found.append(Outage(cut, cut, ("blip",), certain=False))
        for server in (self.pair.a, self.pair.b):
            acks = [ack for ack in self.writer.acks() if ack.port == self.port(server) and ack.acked > since]
            for before, after in pairwise(acks):
                if after.acked - before.acked < HICCUP:
                    continue
                start = Interval(before.sent, max(before.acked, after.sent))
                gap = Outage(start, Interval(after.sent, after.acked), ("blip", "outage_in_place"), certain=False)
                if not any(one.start.lower <= gap.end.upper and gap.start.lower <= one.end.upper for one in outages):
                    found.append(gap)
        return found

    def loss(self, truth: Truth) -> Loss:
        """Of the writer's rows, and of the exporter's own markers at the old primary."""
        return Loss(truth.rpo, self.markers_lost())

    def markers_lost(self) -> int:
        """How many of the exporter's own markers the old primary acknowledged, and the new one does not have."""
        time.sleep(0.1)  # the notary has read once more what was acknowledged before the fault
        acked = {seq for seq, site in self._notary.markers.items() if site == self.site(self._old)}
        gone = acked - self.pair.primary.markers("faults") - self._gone
        self._gone |= gone
        return len(gone)

    def moves(self, outages: list[Outage]) -> Mapping[str, int]:
        kinds = [outage.kinds[0] for outage in outages if outage.loss is not None]
        return {kind: kinds.count(kind) for kind in MOVES}

    def mend(self) -> None:
        """The pair streams again; after a promotion the old primary is a new standby."""
        self.pair.link.heal()
        if self.pair.primary is not self._old:
            self.pair.reclone()  # before it can be reached again: a row written to the old primary would be lost by the mending
        for proxy in (self.fronts or {}).values():
            proxy.heal()
        if self.pair.primary is self._old:
            self.pair.wait_streaming()


def frozen(server: Server) -> float:
    """Freeze it; the instant by which it certainly stands still (a last answer may slip out until then)."""
    server.freeze()
    return time.monotonic()


@contextmanager
def scene(
    seed: int,
    kind: str = "postgres",
    *,
    fronted: bool = False,
    pair: Callable[[], Any] | None = None,
    canary: bool = True,
    wrapper: Sequence[str] = (),
    made: "type[Scene]" = Scene,
) -> Iterator[Scene]:
    """Everything up; everything down at the end. `pair`: makes it otherwise than is usual for its kind; `wrapper`: as for
    Exporter."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dr-faults-")))
        how = KINDS[kind]
        servers = stack.enter_context((pair or how.make)())
        both = (servers.a, servers.b)
        fronts = {one.name: stack.enter_context(Proxy(one.port)) for one in both} if fronted else None
        ports = [fronts[one.name].port if fronts else one.port for one in both]
        reached = zip(both, ports, strict=True)
        writer = stack.enter_context(Writer(*(how.written(*one) for one in reached), program=how.program))
        meter = stack.enter_context(StallMeter())
        probed = [how.probed(server, port) for server, port in zip(both, ports, strict=True)]
        exporter = stack.enter_context(
            Exporter(folder, *probed, kind=kind, canary=canary, wrapper=wrapper, stable_for=2.0)
        )
        yield made(servers, writer, exporter, meter, random.Random(seed), fronts)
