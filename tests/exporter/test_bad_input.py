"""Nothing that an endpoint does has any effect on another system."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.exporter.rig import Exporter, page, until
from tests.hostile import (
    ENDLESS_BODY,
    ENDLESS_CHUNKS,
    ENDLESS_HEADERS,
    GARBAGE,
    GZIP_BOMB,
    MEGABYTE_HEADER,
    Behaviour,
    answer,
    dies_after,
    drip,
    forever,
    full_backlog,
    hang,
    message,
    reset,
    serve,
)
from tests.probes.conftest import certificates
from tests.servers import free_port
from tests.servers.certificates import Certificates

__all__ = ["certificates"]
INTERVAL = 0.2
LOOKS = 25
"""How often the good system is looked at while the others do their worst."""
RSS_MOST = 200 << 20
LOOP = message("302 Found", b"", "Location: /")


class Bad(NamedTuple):
    behaviour: Behaviour
    reasons: set[str]
    http: Mapping[str, Any] = MappingProxyType({})


BAD = {
    "hanging": Bad(hang, {"timeout"}),
    "endless_body": Bad(ENDLESS_BODY, {"too_large"}),
    "endless_chunks": Bad(ENDLESS_CHUNKS, {"too_large"}),
    "endless_headers": Bad(ENDLESS_HEADERS, {"too_large"}),
    "endless_garbage": Bad(forever(b"", GARBAGE), {"protocol", "too_large"}),
    "gzip_bomb": Bad(GZIP_BOMB, {"too_large"}, {"expect": {"body_regex": "ok"}}),
    "megabyte_header": Bad(MEGABYTE_HEADER, {"too_large"}),
    "redirect_loop": Bad(answer(LOOP), {"redirect"}, {"redirects": 5}),
    "redirect": Bad(answer(LOOP), {"redirect"}),
    "invalid_utf8": Bad(answer(message(body=b'{"role": "\xff\xfe"}')), {"protocol"}, {"role": "$.role"}),
    "not_http": Bad(answer(GARBAGE), {"protocol"}),
    "reset": Bad(reset, {"reset"}),
    "dies": Bad(dies_after(message(body=b"x" * 100)[:-50]), {"reset", "protocol"}),
    "dripping": Bad(drip(message(body=b"x" * 1000), 0.05), {"timeout"}),
    "server_error": Bad(answer(message("500 Oh", b"")), {"status"}),
    "unauthorized": Bad(answer(message("401 No", b"")), {"auth"}),
    "forbidden": Bad(answer(message("403 No", b"")), {"permission"}),
}


@pytest.fixture
async def zoo(certificates: Certificates) -> AsyncIterator[tuple[dict[str, Any], dict[str, set[str]]]]:
    """Systems, and the reasons that each of them must get."""
    async with AsyncExitStack() as stack:
        systems = {}
        wanted = {}
        for name, bad in BAD.items():
            server = await stack.enter_async_context(serve(bad.behaviour))
            systems[name], wanted[name] = page(server.port, **bad.http), bad.reasons
        fine = answer(message(body=b"fine"))
        secure = await stack.enter_async_context(serve(fine, certificates.server("self_signed")))
        systems["certificate"] = page(secure.port, url=f"https://127.0.0.1:{secure.port}/")
        wanted["certificate"] = {"tls"}
        systems["refusing"], wanted["refusing"] = page(free_port()), {"refused"}
        systems["unreachable"] = page(stack.enter_context(full_backlog()))
        wanted["unreachable"] = {"timeout", "unreachable"}
        good = await stack.enter_async_context(serve(fine))
        systems["good"] = page(good.port, expect={"body_regex": "fine"})
        yield systems, wanted


async def test_every_failure_keeps_to_itself(
    exporter: Exporter, zoo: tuple[dict[str, Any], dict[str, set[str]]]
) -> None:
    """Each gets its reason; memory stays bounded; the good system is healthy, and looked at as often as promised."""
    systems, wanted = zoo
    exporter.configure(systems, probing={"interval": f"{INTERVAL}s", "fast_interval": "200ms"})
    await exporter.start()
    await exporter.until_state("healthy", system="good")
    good = {"system": "good", "site": "hk", "component": "web"}
    began = await exporter.metrics()
    first = began.value("dr_probe_attempts_total", **good) or 0.0
    started = began.value("dr_probe_last_run_timestamp_seconds", **good) or 0.0

    async def looked() -> bool:
        return ((await exporter.metrics()).value("dr_probe_attempts_total", **good) or 0.0) >= first + LOOKS

    await until(looked, f"{LOOKS} looks at the good system", within=8 * LOOKS * INTERVAL)
    metrics = await exporter.metrics()
    looks = (metrics.value("dr_probe_attempts_total", **good) or 0.0) - first
    lasted = (metrics.value("dr_probe_last_run_timestamp_seconds", **good) or 0.0) - started
    seen = {name: metrics.those("dr_probe_failures_total", "reason", system=name) for name in wanted}
    assert {name: reasons for name, reasons in seen.items() if not reasons or not reasons <= wanted[name]} == {}
    assert metrics.those("dr_probe_failures_total", "reason", system="good") == set()
    assert metrics.state("good") == "healthy"
    assert metrics.total("dr_blips_total", system="good") == 0
    assert looks * INTERVAL >= lasted / 2, f"{looks:g} looks in {lasted:.1f} s"
    rss = _rss(exporter.pid)
    print(f"good: {looks:g} looks in {lasted:.1f} s of {lasted / INTERVAL:.0f} promised; RSS {rss >> 20} MB")
    assert rss < RSS_MOST
    assert "Traceback" not in exporter.log.read_text(encoding="utf-8")


def _rss(pid: int) -> int:
    """Bytes: the most that it ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
