"""The exporter's own metrics: what it is, what it can do now, and what it costs."""

from collections.abc import Iterator
from itertools import accumulate

from exporter.catalogue import metrics as m
from exporter.core.snapshot import ExporterState, Histogram, HookState
from exporter.metrics.lines import line


def own_lines(exporter: ExporterState) -> Iterator[tuple[m.Metric, bytes]]:
    """(metric, its lines); a metric without lines is not known yet."""
    yield m.BUILD_INFO, line(m.BUILD_INFO, exporter.version, exporter.vantage, exporter.config_hash, value=1)
    yield m.SHARD_INFO, line(m.SHARD_INFO, exporter.shard, value=1)
    yield m.RELOAD_OK, line(m.RELOAD_OK, value=int(exporter.reload_ok))
    yield m.RELOAD_AT, line(m.RELOAD_AT, value=exporter.reload_at) if exporter.reload_at else b""
    yield m.EXPORTER_BLIND, line(m.EXPORTER_BLIND, value=int(exporter.blind_since is not None))
    references = exporter.references.items()
    yield m.REFERENCE_UP, b"".join(line(m.REFERENCE_UP, target, value=int(up)) for target, up in references)
    contacts = [(one.name, one.confirmed) for one in exporter.contacts if one.confirmed is not None]
    yield m.CONTACT_CONFIRMED, b"".join(line(m.CONTACT_CONFIRMED, name, value=at) for name, at in contacts)
    yield m.LEDGER_WRITABLE, line(m.LEDGER_WRITABLE, value=int(exporter.ledger_writable))
    yield m.LEDGER_WAITING, line(m.LEDGER_WAITING, value=exporter.ledger_waiting)
    yield m.LEDGER_RECORDS, line(m.LEDGER_RECORDS, value=exporter.ledger_head.number)
    yield m.FAULTS, line(m.FAULTS, value=exporter.faults)
    if exporter.hook is not None:
        yield from _hook_lines(exporter.hook)
    yield m.LATENESS, _histogram(m.LATENESS, exporter.lateness)


def _hook_lines(hook: HookState) -> Iterator[tuple[m.Metric, bytes]]:
    yield m.HOOK_MESSAGES, b"".join(line(m.HOOK_MESSAGES, *key, value=n) for key, n in hook.messages.items())
    yield (
        m.HOOK_NOTIFICATIONS,
        b"".join(line(m.HOOK_NOTIFICATIONS, key, value=n) for key, n in hook.notifications.items()),
    )
    yield m.HOOK_UNNAMED, b"".join(line(m.HOOK_UNNAMED, key, value=n) for key, n in hook.unnamed.items())
    yield m.HOOK_WAITING, line(m.HOOK_WAITING, value=hook.waiting)


def _histogram(metric: m.Metric, histogram: Histogram) -> bytes:
    if not histogram.counts:
        return b""
    name = metric.name
    cumulated = list(accumulate(histogram.counts))
    bounds = [*map(repr, histogram.bounds[:-1]), "+Inf"]
    buckets = [f'{name}_bucket{{le="{le}"}} {count}\n' for le, count in zip(bounds, cumulated, strict=True)]
    return f"{''.join(buckets)}{name}_sum {histogram.total!r}\n{name}_count {cumulated[-1]}\n".encode()
