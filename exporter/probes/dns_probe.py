"""One name at several name servers, with dnspython's messages (an extra: only `exporter.probes.dns` may import this)."""

import asyncio
import ipaddress
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from exporter.core.model import NO_FACTS, SILENT, Facts, Instant, Phases, Reason
from exporter.probes.dns_exchange import by_tcp, by_udp
from exporter.probes.dns_settings import DnsSettings, server_of
from exporter.probes.kind import Ask, Deadline, Failure, Look
from exporter.probes.tripwire import nothing_to_hold
from exporter.probes.wire import Stopwatch
from exporter.settings import format_duration

PAYLOAD = 1232
"""Bytes of an answer by UDP that no link has to break in pieces (DNS Flag Day 2020); longer ones come by TCP."""
_SHOWN = 4
"""Records that a sentence names."""


class Said(NamedTuple):
    """What a message says."""

    values: frozenset[str]
    """Empty: the name, or a record of this type, does not exist."""
    ttl: int = 0
    """Seconds: the least of the chain of CNAMEs."""
    missing: str = ""


class Answer(NamedTuple):
    """What one server says."""

    server: str
    said: Said
    phases: Phases

    def __str__(self) -> str:
        return f"{self.server} says {self.said.missing or _listed(self.said.values)}"


class DnsProbe:
    """Every look asks every server, over sockets of its own."""

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._expected = frozenset(_folded(settings.type, value) for value in settings.expect.values)
        self._expected_networks = [ipaddress.ip_network(text) for text in settings.expect.addresses]
        self._sites = [
            (site, _place(settings.type, text)) for site, places in settings.sites.items() for text in places
        ]
        self._query = dns.message.make_query(settings.name + ".", settings.type, use_edns=0, payload=PAYLOAD, id=0)
        self._question = self._query.to_wire()[2:]
        """But for its number, which is another one each time."""
        self._known: dict[str, tuple[bytes, Said]] = {}
        """The newest answer of each server, but for its number: what is the same byte by byte says the same."""
        self._fits: tuple[Said, Facts] | None = None
        """What was found right the last time, and the facts in it: right again, without another look at each record."""
        self.target = f"{settings.name} {settings.type} @{','.join(settings.servers)}"

    async def look(self, ask: Ask) -> Look:
        servers = self._settings.servers
        if len(servers) == 1:
            answers, failures = [await self._answer(servers[0])], []
        else:
            outcomes = await asyncio.gather(*(self._within_its_share(server) for server in servers))
            answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
            failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        if failures and (not answers or self._settings.require == "all"):
            raise _worst(failures)
        slowest = max(answers, key=lambda answer: sum(spent or 0.0 for spent in answer.phases))
        return Look(self._checked(answers), slowest.phases, _told(slowest, failures))

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a name cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await nothing_to_hold()

    async def close(self) -> None:
        """Nothing is kept between looks."""

    async def _within_its_share(self, server: str) -> Answer | Failure:
        share = self._settings.server_timeout
        try:
            with Deadline(asyncio.get_running_loop().time() + share):
                return await self._answer(server)
        except TimeoutError:
            return Failure(Reason.TIMEOUT, f"{server}: no answer within {format_duration(share)}")
        except Failure as failure:
            return failure

    async def _answer(self, server: str) -> Answer:
        """Raises Failure, which names the server."""
        watch = Stopwatch()
        try:
            with watch:
                return Answer(server, await self._said(server, watch), watch.phases())
        except Failure as failure:
            failure.detail = f"{server}: {failure.detail}"
            raise

    async def _said(self, server: str, watch: Stopwatch) -> Said:
        """Raises Failure or OSError."""
        number = os.urandom(2)
        question, where = number + self._question, server_of(server)
        if not self._settings.tcp:
            said = self._understood(server, await by_udp(question, where, watch), number)
            if said is not None:
                return said
        said = self._understood(server, await by_tcp(question, where, watch), number)
        if said is None:
            raise Failure(Reason.PROTOCOL, "says by TCP that the answer is too long")
        return said

    def _understood(self, server: str, data: bytes, number: bytes) -> Said | None:
        """None: it did not fit into a datagram. Raises Failure."""
        known, content = self._known.get(server), data[2:]
        if known is not None and known[0] == content and data[:2] == number:
            return known[1]
        response = _message(b"\0\0" + content)
        if data[:2] != number or not self._query.is_response(response):
            raise Failure(Reason.PROTOCOL, "answers another question than ours")
        if response.flags & dns.flags.TC:
            return None
        said = self._read(response)
        self._known[server] = content, said
        return said

    def _read(self, response: dns.message.Message) -> Said:
        """Raises Failure."""
        settings = self._settings
        rcode = response.rcode()
        if rcode == dns.rcode.NXDOMAIN:
            return Said(frozenset(), missing=f"NXDOMAIN: {settings.name} does not exist")
        if rcode != dns.rcode.NOERROR:
            # A forwarder that is cut off, maybe with us, says SERVFAIL as well: it is no proof that anybody hears us.
            reason = Reason.DNS if rcode == dns.rcode.SERVFAIL else Reason.ERROR_CODE
            raise Failure(reason, f"answers {dns.rcode.to_text(rcode)} to {settings.name} {settings.type}")
        try:
            chain = response.resolve_chaining() if isinstance(response, dns.message.QueryMessage) else None
        except dns.exception.DNSException as error:
            raise Failure(Reason.PROTOCOL, f"the answer leads nowhere: {type(error).__name__}") from None
        if chain is None or chain.answer is None:
            return Said(frozenset(), missing=f"{settings.name} has no {settings.type} record")
        return Said(frozenset(_folded(settings.type, record.to_text()) for record in chain.answer), chain.minimum_ttl)

    def _checked(self, answers: Sequence[Answer]) -> Facts:
        """Raises Failure unless all say the same, and it is what was expected."""
        said = answers[0].said
        if len(answers) == 1 and self._fits is not None and said is self._fits[0]:
            return self._fits[1]
        self._check(answers)
        facts = self._facts(said.values)
        self._fits = said, facts
        return facts

    def _check(self, answers: Sequence[Answer]) -> None:
        """Raises Failure unless all say the same, and it is what was expected."""
        first = answers[0]
        for other in answers[1:]:
            if other.said.values != first.said.values:
                raise Failure(Reason.ASSERTION, f"{first}, but {other}", first.phases)
        if first.said.missing:
            raise Failure(Reason.ASSERTION, str(first), first.phases)
        strange = [value for value in first.said.values if not self._is_expected(value)]
        if strange:
            raise Failure(Reason.ASSERTION, f"{_listed(strange)} is not among what is expected", first.phases)
        longest = max(answers, key=lambda answer: answer.said.ttl)
        limit = self._settings.max_ttl
        if limit is not None and longest.said.ttl > limit:
            told = f"{longest.server}: the TTL is {longest.said.ttl} s, longer than {format_duration(limit)}"
            raise Failure(Reason.ASSERTION, told, first.phases)

    def _is_expected(self, value: str) -> bool:
        if self._expected:
            return value in self._expected
        return not self._expected_networks or any(
            ipaddress.ip_address(value) in network for network in self._expected_networks
        )

    def _facts(self, values: frozenset[str]) -> Facts:
        """The site is told only if all records point to it."""
        sites = {next((site for site, holds in self._sites if holds(value)), None) for value in values}
        return Facts(served_by=sites.pop()) if len(sites) == 1 else NO_FACTS


def _message(data: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError) as error:
        raise Failure(Reason.PROTOCOL, f"not an answer of a name server ({type(error).__name__})") from None


def _folded(kind: str, text: str) -> str:
    """In the form in which records are compared: names have no case and no final dot, texts are as they are."""
    return text if kind in ("TXT", "CAA") else text.lower().rstrip(".")


def _place(kind: str, text: str) -> Callable[[str], bool]:
    """Whether a record points to a place of `sites`."""
    if kind == "CNAME":
        name = _folded(kind, text)
        return lambda value: value == name
    network = ipaddress.ip_network(text)
    return lambda value: ipaddress.ip_address(value) in network


def _worst(failures: Sequence[Failure]) -> Failure:
    """The first that was an answer of any kind, else the first; its sentence holds them all."""
    chosen = next((failure for failure in failures if failure.reason not in SILENT), failures[0])
    return Failure(chosen.reason, "; ".join(failure.detail for failure in failures), chosen.phases)


def _told(answer: Answer, failures: Sequence[Failure]) -> str:
    said = f"{_listed(answer.said.values)}  ttl {answer.said.ttl} s"
    return f"{said}  but {'; '.join(failure.detail for failure in failures)}" if failures else said


def _listed(values: Sequence[str] | frozenset[str]) -> str:
    shown = [value[:60] for value in sorted(values)]
    rest = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
