"""From the file to the result: read, merge, validate, compare, convert."""

import glob
import json
import os
from collections.abc import Mapping
from pathlib import Path

from exporter.config import document, syntax
from exporter.config.checks import check_file, check_system
from exporter.config.document import Document, Entry, Node
from exporter.config.endpoints import Kind, Source, check_secrets
from exporter.config.hooks import check_hooks
from exporter.config.inspections import inspections_of
from exporter.config.mask import digest, effective
from exporter.config.problem import ConfigError, Problem, show_path
from exporter.config.report import Report, in_order, one_line
from exporter.config.result import Config, Loaded
from exporter.config.schema import File, Shard, normalised, parse_shard
from exporter.config.systems import endpoints_of, resolved, system_config
from exporter.config.validate import validate

SHARD_VARIABLE = "RTO_RPO_SHARD"
MAX_FILES = 1000
NO_BACKUPS: Mapping[str, Source] = {}


def load(path: Path, kinds: Mapping[str, Kind], backups: Mapping[str, Source] = NO_BACKUPS) -> Loaded:
    """Read a configuration. `kinds` maps what may be written as an endpoint's kind to that kind, `backups` does so for
    sources of backups.

    Names of files in it are relative to the file that names them. Raises ConfigError with everything that is wrong at once.
    """
    main = document.read(path)
    report = Report(main.root, errors=list(main.problems))
    report.root = _with_included(main, path, report)
    data = normalised(document.plain(report.root))
    file = validate(File, data, (), report) or File()
    endpoints = {name: endpoints_of(name, section, kinds, report) for name, section in file.systems.items()}
    inspections = {
        name: inspections_of(name, section, endpoints[name], kinds, backups, report)
        for name, section in file.systems.items()
    }
    check_secrets(file.api, ("api",), report)
    check_hooks(file.hooks, file.api.token_file, report)
    check_file(file, report)
    for name in file.systems:
        check_system(name, file, endpoints[name], kinds, report)
    shard = _shard(file, report)
    report.finish()
    sections = {name: resolved(section, file) for name, section in file.systems.items()}
    shown = effective(file, sections, endpoints, inspections)
    config = Config(
        vantage=file.exporter.vantage,
        ledger=path.parent / file.exporter.ledger.removeprefix("sqlite:///"),
        references=file.exporter.references,
        shard=shard,
        retention=file.retention,
        token_file=Path(file.api.token_file) if file.api.token_file else None,
        contacts=file.contacts,
        contacts_confirmed_for=file.exporter.contacts_confirmed_for,
        grafana_url=file.exporter.grafana_url or "",
        dingtalk=file.hooks.dingtalk,
        systems={
            name: system_config(name, section, endpoints[name], inspections[name], kinds)
            for name, section in sections.items()
        },
    )
    return Loaded(config, in_order(report.warnings), digest(shown), json.dumps(shown, ensure_ascii=False))


def _shard(file: File, report: Report) -> Shard:
    """The environment wins: all shards of a StatefulSet share one file."""
    given = os.environ.get(SHARD_VARIABLE)
    if not given:
        return file.exporter.shard
    try:
        return parse_shard(given)
    except ValueError as error:
        report.error(("exporter", "shard"), f"{error} (this one comes from the variable {SHARD_VARIABLE})")
        return Shard()


def _with_included(main: Document, path: Path, report: Report) -> Node:
    """The root with the systems of all files of systems_from in it. What is wrong with those files is reported."""
    assert isinstance(main.root.value, dict)
    patterns = main.root.value.get("systems_from")
    if patterns is None or not isinstance(patterns.node.value, list):
        return main.root
    systems = main.root.value.get("systems", Entry(patterns.key, Node(patterns.node.place, None)))
    if systems.node.value is None:
        systems = Entry(systems.key, Node(systems.node.place, {}))
    if not isinstance(systems.node.value, dict):
        return main.root
    merged = dict(systems.node.value)
    for file in _matching(patterns.node.value, path, report):
        for name, entry in _systems_in(file, report).items():
            if name in merged:
                text = one_line(
                    f"there is a system of this name already at {merged[name].key}; give one of them another name"
                )
                report.errors.append(Problem(entry.key, show_path(("systems", name)), text))
            else:
                merged[name] = entry
    systems = Entry(systems.key, Node(systems.node.place, merged))
    return Node(main.root.place, main.root.value | {"systems": systems})


def _matching(patterns: list[Node], path: Path, report: Report) -> list[Path]:
    found: list[Path] = []
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern.value, str) or "\0" in pattern.value:
            continue
        names = sorted(glob.glob(pattern.value, root_dir=path.parent))  # noqa: PTH207 - Path.glob refuses absolute patterns
        files = [path.parent / name for name in names if not (path.parent / name).samefile(path)]
        if not files:
            report.warning(
                ("systems_from", index), "matches no file; mend the pattern, which is relative to this file, or add one"
            )
        found += [file for file in files if file not in found]
    if len(found) > MAX_FILES:
        report.error(("systems_from",), f"matches {len(found)} files; keep it to {MAX_FILES}")
    return found[:MAX_FILES]


def _systems_in(file: Path, report: Report) -> dict[str, Entry]:
    try:
        read = document.read(file)
    except ConfigError as error:
        report.errors += error.problems
        return {}
    assert isinstance(read.root.value, dict)
    report.errors += read.problems
    for key, entry in read.root.value.items():
        if key != "systems":
            text = "unknown key; a file of systems_from holds only systems:"
            report.errors.append(Problem(entry.key, show_path((key,)), text))
    systems = read.root.value.get("systems")
    if systems is None or not isinstance(systems.node.value, dict):
        report.errors += syntax.failure(
            str(file), 1, 1, "holds no systems; write systems: with at least one in it"
        ).problems
        return {}
    return systems.node.value
