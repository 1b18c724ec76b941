"""The kind `dns`, on real name servers (dnsmasq) and on bad ones."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from exporter.core.model import SILENT, Reason, Sample
from exporter.probes import KINDS
from exporter.probes.dns_exchange import ASK_AGAIN, by_udp
from exporter.probes.tcp import HostPort
from exporter.probes.wire import Stopwatch
from tests.hostile import serve
from tests.probes.looking import look, probe
from tests.servers import free_port
from tests.servers.name_server import name_server

RECORDS = (
    "--host-record=orders.test,10.1.0.5,30",
    "--host-record=both.test,10.1.0.5",
    "--host-record=both.test,10.2.0.5",
    "--cname=www.test,orders.test",
    "--srv-host=_sip._tcp.test,SIP.test,5060,10,5",
    *(f"--txt-record=large.test,{'x' * 200}{number}" for number in range(10)),
)
SITES = {"hk": ["10.1.0.0/24"], "sg": ["10.2.0.5"]}


@pytest.fixture(scope="module")
def hk() -> Iterator[int]:
    with name_server(*RECORDS) as port:
        yield port


@pytest.fixture(scope="module")
def sg() -> Iterator[int]:
    """One that has heard of the switch already."""
    with name_server("--host-record=orders.test,10.2.0.5,600", "--host-record=new.test,10.2.0.6") as port:
        yield port


async def asked(*ports: int, name: str = "orders.test", timeout: float = 5.0, **settings: Any) -> Sample:
    servers = [f"127.0.0.1:{port}" for port in ports]
    return await look(probe("dns", name=name, servers=servers, **settings), timeout)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reply: Callable[[bytes], list[bytes]]) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for answer in self._reply(data):
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def bad_server(reply: Callable[[bytes], list[bytes]]) -> AsyncIterator[int]:
    """A port at which each question gets these datagrams."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(reply), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def says(code: dns.rcode.Rcode) -> Callable[[bytes], list[bytes]]:
    def reply(question: bytes) -> list[bytes]:
        response = dns.message.make_response(dns.message.from_wire(question))
        response.set_rcode(code)
        return [response.to_wire()]

    return reply


def silence(question: bytes) -> list[bytes]:
    return []


async def test_an_address_its_ttl_and_its_site(hk: int) -> None:
    """The look tells where the name points, and for how long that may be believed."""
    sample = await asked(hk, sites=SITES)
    assert sample.ok, sample.detail
    assert sample.facts.served_by == "hk"
    assert sample.detail == "10.1.0.5  ttl 30 s"
    assert sample.phases.processing is not None


async def test_a_name_that_points_to_two_sites_tells_none(hk: int) -> None:
    """All addresses count: two sites at once, or an address of none, are no site."""
    assert (await asked(hk, name="both.test", sites=SITES)).facts.served_by is None
    assert (await asked(hk, sites={"sg": ["10.2.0.0/16"]})).facts.served_by is None
    assert (await asked(hk, name="both.test")).detail.startswith("10.1.0.5, 10.2.0.5  ")


async def test_a_chain_of_names(hk: int) -> None:
    """A CNAME is followed to the address with the least TTL of the chain, or is itself what points to a site."""
    sample = await asked(hk, name="www.test", sites=SITES)
    assert (sample.facts.served_by, sample.detail) == ("hk", "10.1.0.5  ttl 0 s")
    sample = await asked(hk, name="WWW.test.", type="CNAME", sites={"hk": ["Orders.test."]})
    assert sample.facts.served_by == "hk"


async def test_other_types(hk: int) -> None:
    """Records are compared as they stand in a zone file, names without case and final dot."""
    assert (await asked(hk, name="_sip._tcp.test", type="SRV", expect={"values": ["10 5 5060 sip.TEST."]})).ok
    sample = await asked(hk, name="_sip._tcp.test", type="SRV", expect={"values": ["10 5 5061 sip.test"]})
    assert sample.reason is Reason.ASSERTION


async def test_what_does_not_fit_a_datagram_comes_by_tcp(hk: int) -> None:
    """A truncated answer is asked for again by TCP."""
    sample = await asked(hk, name="large.test", type="TXT")
    assert sample.ok, sample.detail
    assert "and 6 more" in sample.detail
    assert sample.phases.connect is not None


@pytest.mark.parametrize(
    ("settings", "reason", "sentence"),
    [
        ({"expect": {"addresses": ["10.1.0.0/24"]}}, None, ""),
        ({"expect": {"addresses": ["10.2.0.5", "2001:db8::/64"]}}, Reason.ASSERTION, "10.1.0.5 is not among"),
        ({"max_ttl": "30s"}, None, ""),
        ({"max_ttl": "20s"}, Reason.ASSERTION, "the TTL is 30 s, longer than 20s"),
        ({"name": "none.test"}, Reason.ASSERTION, "NXDOMAIN: none.test does not exist"),
        ({"type": "AAAA"}, Reason.ASSERTION, "orders.test has no AAAA record"),
        ({"name": "orders.example"}, Reason.ERROR_CODE, "answers REFUSED to orders.example A"),
        ({"tcp": True}, None, ""),
    ],
)
async def test_answers(hk: int, settings: dict[str, Any], reason: Reason | None, sentence: str) -> None:
    """What an answer is worth, with the response code in the sentence."""
    sample = await asked(hk, **settings)
    assert sample.reason is reason, sample.detail
    assert sentence in sample.detail


@pytest.mark.parametrize("code", [dns.rcode.NXDOMAIN, dns.rcode.REFUSED, dns.rcode.NOTIMP])
async def test_a_server_that_says_no_has_answered(code: dns.rcode.Rcode) -> None:
    """It lives, and so does our network: its failure is not one of those in which it may be us that is cut off."""
    async with bad_server(silence) as silent, bad_server(says(code)) as port:
        for servers in ((port,), (silent, port)):
            sample = await asked(*servers, server_timeout="100ms")
            assert not sample.ok
            assert sample.reason not in SILENT


async def test_a_resolver_that_is_cut_off_may_be_so_with_us() -> None:
    """It says SERVFAIL, and lives beside the exporter: that proves nothing of the network."""
    async with bad_server(says(dns.rcode.SERVFAIL)) as port:
        assert (await asked(port)).reason in SILENT


async def test_servers_that_disagree(hk: int, sg: int) -> None:
    """Users of the server that lags behind still go to the old site: a failure that names both, existence included."""
    sample = await asked(hk, sg)
    assert sample.reason is Reason.ASSERTION
    assert f"127.0.0.1:{hk} says 10.1.0.5, but 127.0.0.1:{sg} says 10.2.0.5" in sample.detail
    sample = await asked(hk, sg, name="new.test")
    assert sample.reason is Reason.ASSERTION
    assert "NXDOMAIN" in sample.detail


async def test_a_dead_server_among_several(hk: int) -> None:
    """It fails no look while another answers, but it is named; with `require: all` it does."""
    dead = free_port()
    async with bad_server(silence) as silent:
        sample = await asked(dead, hk, silent, sites=SITES, server_timeout="100ms")
        assert sample.ok, sample.detail
        assert sample.facts.served_by == "hk"
        assert f"127.0.0.1:{dead}: Connection refused; 127.0.0.1:{silent}: no answer within 100ms" in sample.detail
        sample = await asked(dead, hk, require="all")
        assert sample.reason is Reason.REFUSED
        sample = await asked(silent, dead, server_timeout="100ms")
        assert sample.reason is Reason.REFUSED  # somebody answered, if only the host
        assert str(silent) in sample.detail


async def test_that_we_stood_still_is_not_held_against_the_servers(hk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers in time is heard, though its time was over before we could listen."""

    async def stalled(*asked: Any) -> bytes:
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        return await by_udp(*asked)

    monkeypatch.setattr("exporter.probes.dns_probe.by_udp", stalled)
    sample = await asked(hk, free_port(), server_timeout="100ms")
    assert sample.ok, sample.detail


async def test_a_single_server_has_all_the_time(hk: int) -> None:
    """A hang is a timeout of the whole look, a closed port is refused at once."""
    async with bad_server(silence) as silent:
        assert (await asked(silent, timeout=0.1)).reason is Reason.TIMEOUT
    assert (await asked(free_port())).reason is Reason.REFUSED


async def test_an_answer_like_the_last_one_is_not_believed_longer() -> None:
    """What was the same byte by byte is not taken apart again; what differs in one byte is, and each has its own number."""
    numbers: list[bytes] = []
    last = [5, 5, 6, 6, 5]

    def reply(question: bytes) -> list[bytes]:
        numbers.append(question[:2])
        response = dns.message.make_response(dns.message.from_wire(question))
        address = f"10.{last[len(numbers) - 1] - 4}.0.5"
        response.answer.append(dns.rrset.from_text("orders.test.", 30, "IN", "A", address))
        return [response.to_wire()]

    async with bad_server(reply) as port:
        kept = probe("dns", name="orders.test", servers=[f"127.0.0.1:{port}"], sites=SITES)
        seen = [(await look(kept)).facts.served_by for _ in last]
    assert seen == ["hk", "hk", "sg", "sg", "hk"]
    assert len(set(numbers)) > 1


async def test_a_server_that_cuts_by_tcp_too() -> None:
    """Half an answer is none: by TCP everything fits."""

    async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        response = dns.message.make_response(dns.message.from_wire(await reader.readexactly(length)))
        response.flags |= dns.flags.TC
        writer.write(response.to_wire(prepend_length=True))

    async with serve(cuts) as server:
        sample = await asked(server.port, tcp=True)
    assert sample.reason is Reason.PROTOCOL, sample.detail
    assert "says by TCP that the answer is too long" in sample.detail


async def test_a_lost_datagram_is_sent_again(hk: int) -> None:
    """One lost packet is no outage."""
    seen: list[bytes] = []

    def forgetful(question: bytes) -> list[bytes]:
        seen.append(question)
        return says(dns.rcode.NXDOMAIN)(question) if len(seen) == 2 else []

    async with bad_server(forgetful) as port:
        assert "NXDOMAIN" in (await asked(port)).detail
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("reply", "reason", "sentence"),
    [
        (says(dns.rcode.SERVFAIL), Reason.DNS, "answers SERVFAIL"),
        (lambda question: [question[:2] + b"\xff" * 40], Reason.PROTOCOL, "not an answer of a name server"),
        (lambda question: [question], Reason.PROTOCOL, "answers another question"),
        (
            lambda question: [b"", b"\0", b"forged!" * 9, *says(dns.rcode.REFUSED)(question)],
            Reason.ERROR_CODE,
            "REFUSED",
        ),
    ],
)
async def test_bad_servers(reply: Callable[[bytes], list[bytes]], reason: Reason, sentence: str) -> None:
    """Broken answers have their reason; datagrams that are not ours are passed over."""
    async with bad_server(reply) as port:
        sample = await asked(port)
    assert sample.reason is reason, sample.detail
    assert sentence in sample.detail


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"servers": []}, "write 1 to 32"),
        ({"type": "TXT", "expect": {"addresses": ["10.0.0.1"]}}, "write values for TXT"),
        ({"expect": {"values": ["10.0.0.1"]}}, "write addresses for A"),
        ({"sites": {"hk": ["10.1.0.5/24"]}}, "is not an address or a network"),
        ({"type": "CNAME", "sites": {"hk": ["10.1.0.5"]}}, "is not a name"),
        ({"name": "a" * 64 + ".test"}, "is not a name"),
        ({"servers": ["10.1.0.2:0"]}, "is not the address of a name server"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in the settings is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["dns"].settings.model_validate({"name": "orders.test", "servers": ["10.1.0.2"], **wrong})
    assert sentence in str(error.value)


@pytest.mark.parametrize("server", ["10.1.0.2", "10.1.0.2:5353", "2001:db8::2", "[2001:db8::2]:5353"])
def test_servers_are_addresses(server: str) -> None:
    """With a port or without, of both families; only an entry with sites tells the site."""
    settings = KINDS["dns"].settings.model_validate({"name": "bücher.example", "servers": [server]})
    assert not KINDS["dns"].tells_site(settings)
    assert probe("dns", name="bücher.example", servers=[server]).target == f"xn--bcher-kva.example A @{server}"


def sockets() -> set[str]:
    """Those that this process has open."""
    found = set()
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(name.readlink()))
    return {one for one in found if one.startswith("socket:")}


@pytest.mark.parametrize("turns", range(5))
async def test_a_look_that_is_cancelled_at_any_moment_leaves_nothing(turns: int) -> None:
    """Also while its socket is made, which uvloop goes on with: none stays open, and nobody asks any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(3 * ASK_AGAIN)
        before, where = sockets(), HostPort(*server.getsockname())
        looking = asyncio.create_task(by_udp(b"12 question", where, Stopwatch()))
        asyncio.get_running_loop().call_later(0.001, looking.cancel)
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(0.01)  # noqa: ASYNC251 - the timer rings as soon as the loop goes on, before anything else
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.sleep(ASK_AGAIN)
        assert not sockets() - before
        with pytest.raises(TimeoutError):  # the first question may have gone out, no second one
            for _ in range(2):
                await asyncio.to_thread(server.recv, 64)
