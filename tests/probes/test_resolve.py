"""Names: one lookup for all who ask, and a hung name delays nobody else."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from exporter.core.model import Reason
from exporter.probes.kind import Failure
from exporter.probes.references import answers, parse_reference
from exporter.probes.resolve import FLIGHTS_PER_NAME, JOIN_FOR, Resolver, is_address
from tests import hostile
from tests.hostile import serve
from tests.servers import free_port


class Names:
    """A lookup that can hang and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()

    def __call__(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        if host.startswith("hung"):
            self.released.wait(10)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ("192.0.2.1",)


@pytest.fixture
def names() -> Iterator[Names]:
    """Whatever hangs is let go at the end."""
    names = Names()
    yield names
    names.released.set()


async def test_looks_of_one_slot_share_a_lookup(names: Names) -> None:
    """Many looks at one name ask once."""
    resolver = Resolver(names)
    assert await asyncio.gather(*[resolver.addresses("db") for _ in range(50)]) == [("192.0.2.1",)] * 50
    assert names.asked == ["db"]


async def test_a_hung_name_delays_no_other(names: Names) -> None:
    """With many names hanging, another is still resolved."""
    resolver = Resolver(names)
    hung = [asyncio.create_task(resolver.addresses(f"hung{n}")) for n in range(40)]
    assert await asyncio.wait_for(resolver.addresses("db"), 5) == ("192.0.2.1",)
    assert not any(task.done() for task in hung)
    names.released.set()
    await asyncio.gather(*hung)


async def test_a_cancelled_look_leaves_the_lookup_to_the_others(names: Names) -> None:
    """Whoever gives up does not take the answer from the rest."""
    resolver = Resolver(names)
    first, second = (asyncio.create_task(resolver.addresses("hung")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    names.released.set()
    assert await second == ("192.0.2.1",)


async def test_an_old_lookup_is_not_joined_for_ever(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """After JOIN_FOR seconds a new lookup starts beside the hung one, up to a limit; the first answer frees them all."""
    assert JOIN_FOR > 0
    monkeypatch.setattr("exporter.probes.resolve.JOIN_FOR", 0.0)
    resolver = Resolver(names)
    waiting = [asyncio.create_task(resolver.addresses("hung")) for _ in range(FLIGHTS_PER_NAME + 3)]
    await asyncio.sleep(0)
    assert len(names.asked) <= FLIGHTS_PER_NAME
    names.released.set()
    assert await asyncio.gather(*waiting) == [("192.0.2.1",)] * len(waiting)


async def test_failures_are_not_reused(names: Names) -> None:
    """A name that is not found is asked again by the next look, so that its return is seen at once."""
    resolver = Resolver(names)
    for _ in range(2):
        with pytest.raises(Failure) as failed:
            await resolver.addresses("unknown")
        assert failed.value.reason is Reason.DNS
        await asyncio.sleep(0.001)
    assert names.asked == ["unknown", "unknown"]


async def test_addresses_need_no_lookup(names: Names) -> None:
    """An IP address is its own answer."""
    assert await Resolver(names).addresses("2001:db8::1") == ("2001:db8::1",)
    assert names.asked == []
    assert is_address("127.0.0.1")
    assert not is_address("localhost")


async def test_the_system_resolves_localhost() -> None:
    """The real lookup works."""
    assert set(await Resolver().addresses("localhost")) <= {"127.0.0.1", "::1"}


async def test_references() -> None:
    """A handshake and a refusal prove that we are not cut off; silence does not."""
    async with serve(hostile.hang) as server:
        assert await answers(parse_reference(f"tcp://127.0.0.1:{server.port}"))
    assert await answers(parse_reference(f"tcp://127.0.0.1:{free_port()}"))
    with hostile.full_backlog() as port, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await answers(parse_reference(f"tcp://127.0.0.1:{port}"))


@pytest.mark.parametrize("text", ["tcp://x", "x:1", "udp://x:1", "tcp://x:0", "tcp://x:70000", "tcp://a b:1", "tcp://"])
def test_references_that_cannot_be(text: str) -> None:
    """A reference that cannot be used says what would be right."""
    with pytest.raises(ValueError, match="write one like"):
        parse_reference(text)


def test_a_reference_shows_as_it_is_written() -> None:
    """IPv6 keeps its brackets."""
    for text in ("tcp://198.51.100.1:443", "tcp://[2001:db8::1]:443"):
        assert str(parse_reference(text)) == text
