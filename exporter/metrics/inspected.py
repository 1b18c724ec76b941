"""What is asked now and then beside the looks: backups, parity of the sites, business figures; and where the traffic goes."""

from collections.abc import Iterator, Sequence

from exporter.catalogue import metrics as m
from exporter.core.active import traffic_share
from exporter.core.backup import BackupFacts
from exporter.core.checks import parity_match
from exporter.core.inspected import BackupState, KpiState, ParityState
from exporter.core.model import Instant, System
from exporter.core.state import SystemState
from exporter.metrics.lines import INSTANT, NUMBER, WHOLE, Block, Value, series
from exporter.metrics.section import Row, Section

_NO_BACKUP, _NO_FACTS, _NO_PARITY, _NO_KPI = BackupState(), BackupFacts(), ParityState(), KpiState()


class Inspected(Section):
    """Made again only when one of its systems was inspected, or told where its traffic goes."""

    metrics = (
        m.BACKUP_SUCCESS,
        m.BACKUP_VERIFIED,
        m.BACKUP_ENCRYPTED,
        m.BACKUP_IMMUTABLE,
        m.BACKUP_VERSIONS,
        m.BACKUP_SIZE,
        m.PARITY_MATCH,
        m.PARITY_DIFFERENCE,
        m.KPI_VALUE,
        m.KPI_NORMAL,
        m.TRAFFIC_SHARE,
    )

    def __init__(self, systems: Sequence[System]) -> None:
        super().__init__(systems)
        backups = [(system.name, name) for system in systems for name in system.backups]
        parity = [(system.name, name) for system in systems for name in system.parity]
        kpis = [(system.name, name) for system in systems for name in system.kpis]
        sites = [(system.name, site) for system in systems if system.active_active for site in system.sites]
        self._success = Block((series(m.BACKUP_SUCCESS, *labels) for labels in backups), INSTANT)
        self._verified = Block((series(m.BACKUP_VERIFIED, *labels) for labels in backups), WHOLE)
        self._encrypted, self._immutable, self._versions = (
            Block(series(metric, *labels) for labels in backups)
            for metric in (m.BACKUP_ENCRYPTED, m.BACKUP_IMMUTABLE, m.BACKUP_VERSIONS)
        )
        self._size = Block((series(m.BACKUP_SIZE, *labels) for labels in backups), NUMBER)
        self._match = Block(series(m.PARITY_MATCH, *labels) for labels in parity)
        self._difference = Block((series(m.PARITY_DIFFERENCE, *labels) for labels in parity), NUMBER)
        self._value, self._normal = (
            Block((series(metric, *labels) for labels in kpis), NUMBER) for metric in (m.KPI_VALUE, m.KPI_NORMAL)
        )
        self._share = Block((series(m.TRAFFIC_SHARE, *labels) for labels in sites), NUMBER)
        self._any = bool(backups or parity or kpis or sites)
        self._made_from: list[object] = []
        self._row: Row = (b"",) * len(self.metrics)

    def row(self, states: Sequence[SystemState], now: Instant, offset: float) -> Row:
        if not self._any:
            return self._row
        made_from: list[object] = [offset]
        for state in states:
            made_from += (state.backups, state.parity, state.kpis, state.traffic_seen)
        if made_from != self._made_from:
            pairs = list(zip(self.systems, states, strict=True))
            self._row = (*self._backups(pairs, offset), *self._answers(pairs), self._share.fill(list(_shares(pairs))))
            self._made_from = made_from
        return self._row

    def _backups(self, pairs: Sequence[tuple[System, SystemState]], offset: float) -> Row:
        known = [state.backups.get(name, _NO_BACKUP) for system, state in pairs for name in system.backups]
        facts = [backup.facts or _NO_FACTS for backup in known]
        return (
            # As the backup's clock has it: on ours it would jitter, and look like one backup after the other.
            self._success.fill([told.last_success for told in facts]),
            self._verified.fill([None if backup.verified is None else backup.verified + offset for backup in known]),
            self._encrypted.fill([told.encrypted for told in facts]),
            self._immutable.fill([told.immutable for told in facts]),
            self._versions.fill([told.versions for told in facts]),
            self._size.fill([told.size_bytes for told in facts]),
        )

    def _answers(self, pairs: Sequence[tuple[System, SystemState]]) -> Row:
        parity = [
            (check, state.parity.get(name, _NO_PARITY))
            for system, state in pairs
            for name, check in system.parity.items()
        ]
        kpis = [state.kpis.get(name, _NO_KPI) for system, state in pairs for name in system.kpis]
        return (
            self._match.fill([parity_match(check, known) for check, known in parity]),
            self._difference.fill([max(known.differences.values(), default=None) for _, known in parity]),
            self._value.fill([kpi.value for kpi in kpis]),
            self._normal.fill([kpi.normal for kpi in kpis]),
        )


def _shares(pairs: Sequence[tuple[System, SystemState]]) -> Iterator[Value]:
    for system, state in pairs:
        if system.active_active:
            shares = traffic_share(system, state)
            yield from (shares.get(site) for site in system.sites)
