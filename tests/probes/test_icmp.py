"""The kind `icmp`, in a network of its own where the kernel of the host does not allow echo requests."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.core.model import Reason
from exporter.probes import KINDS
from tests.probes.looking import look, probe

ROOT = Path(__file__).parents[2]
RANGE = "/proc/sys/net/ipv4/ping_group_range"
UNSHARE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
EXPECTED = {
    "127.0.0.1": None,
    "::1": None,
    "localhost": None,
    "10.1.0.1": Reason.UNREACHABLE,  # there is no route
    "192.0.2.1": Reason.TIMEOUT,  # there is one, which leads nowhere
    "name.invalid": Reason.DNS,
}


def in_a_network_of_its_own(allowed: str, loop: str, *hosts: str) -> dict[str, tuple[str | None, str]]:
    """Reason and detail of one look at each host. Skips where no network can be made."""
    made = f"echo {allowed} > {RANGE} && ip link set lo up && ip route add 192.0.2.0/24 dev lo"
    command = [*UNSHARE, "sh", "-c", f'{made} && exec "$@"', "sh"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespace can be made here")
    child = [sys.executable, "-m", "tests.probes.ping_child", loop, *hosts]
    done = subprocess.run([*command, *child], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    found: dict[str, tuple[str | None, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_hosts(loop: str) -> None:
    """Both families answer; a missing route is told at once, a silent host costs the deadline."""
    found = in_a_network_of_its_own("'0 2147483647'", loop, *EXPECTED)
    assert {host: reason for host, (reason, _) in found.items()} == EXPECTED


def test_forbidden() -> None:
    """Where the kernel allows it to nobody, that is our trouble and not the host's, and the sentence says what to set."""
    found = in_a_network_of_its_own("'1 0'", "asyncio", "127.0.0.1", "::1")
    for reason, detail in found.values():
        assert reason == Reason.INTERNAL
        assert "set sysctl net.ipv4.ping_group_range" in detail


async def test_a_look_without_leave_or_with_it() -> None:
    """On this very host: an answer, or the sentence; never anything else."""
    sample = await look(probe("icmp", host="127.0.0.1"))
    assert sample.reason in (None, Reason.INTERNAL), sample.detail


async def test_there_is_nothing_to_hold() -> None:
    """A host has no connection whose end could be news."""
    broken: list[float] = []
    holding = asyncio.create_task(probe("icmp", host="127.0.0.1").hold(broken.append))
    await asyncio.sleep(0)
    assert not holding.done()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert broken == []


@pytest.mark.parametrize("wrong", ["10.1.0.1:7", "http://10.1.0.1", "", "two words", "[::1]"])
def test_settings_that_cannot_be(wrong: str) -> None:
    """A host stands alone."""
    with pytest.raises(ValueError, match="is not a host; write an address or a name without a port"):
        KINDS["icmp"].settings.model_validate({"host": wrong})
