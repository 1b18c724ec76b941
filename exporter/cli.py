"""The commands: parse, call, print."""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from exporter import __version__, app, logs, report_command
from exporter.building import add_build
from exporter.config import TEMPLATES, ConfigError, Loaded, template
from exporter.core.snapshot import Head
from exporter.demo.scenario import run_demo
from exporter.drills import commands as drill_commands
from exporter.ledger import commands as ledger_commands
from exporter.ledger.retention import Before
from exporter.once import look_once
from exporter.plans import read_config

CONFIG = "--config.file"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that is named by the arguments and leave with its exit code: 0 good, 1 it failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
    except ConfigError as error:
        code = _tell(*error.problems)
    except BrokenPipeError:
        # The reader has gone: nothing is left to tell, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (OSError, ValueError) as error:
        code = _tell(error)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _tell(*errors: object) -> int:
    for error in errors:
        print(error, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rto-rpo-exporter",
        description="Measures, every second, how much data (RPO) and how much time (RTO) a disaster would cost.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_check(commands)
    _add_demo(commands)
    init = commands.add_parser("init", help="write a commented dr.yml to start from")
    init.add_argument("--template", choices=sorted(TEMPLATES), default="postgres")
    init.add_argument("--out", default="dr.yml", help="the file to write; - for standard output (default: %(default)s)")
    init.set_defaults(run=_init)
    add_build(commands)
    _add_ledger(commands)
    drill_commands.add(commands)
    report_command.add(commands)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(CONFIG, dest="config", type=Path, required=True, metavar="dr.yml", help="the configuration")


def _add_allow_exec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-exec", action="store_true",
                        help="let the configuration run commands as this user (kind exec)")  # fmt: skip


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser("serve", help="run the exporter")
    _add_config(serve)
    serve.add_argument("--web.listen-address", dest="listen", default="127.0.0.1:9720", metavar="HOST:PORT",
                       help="where to serve /metrics and the page (default: %(default)s)")  # fmt: skip
    serve.add_argument("--web.config.file", dest="web_config", type=Path, metavar="web.yml",
                       help="TLS and passwords, in the format of Prometheus's exporter-toolkit")  # fmt: skip
    serve.add_argument("--log.level", dest="log_level", choices=sorted(logs.LEVELS), default="info")
    serve.add_argument("--log.format", dest="log_format", choices=logs.FORMATS, default="logfmt")
    _add_allow_exec(serve)
    serve.set_defaults(run=_serve)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("check", help="tell everything that is wrong with a configuration")
    _add_config(check)
    check.add_argument("--once", action="store_true", help="also look at everything once, and print what was found")
    _add_allow_exec(check)
    check.set_defaults(run=_check)


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="two small sites with real replication, and the exporter watching them")
    demo.add_argument("--break", dest="break_", action="store_true", help="kill the primary and report what it cost")
    demo.add_argument("--postgres", action="store_true", help="with a real PostgreSQL pair, if PostgreSQL is installed")
    demo.add_argument("--web.listen-address", dest="listen", metavar="HOST:PORT",
                      help="where the demo's exporter serves its page (default: a free port)")  # fmt: skip
    demo.add_argument("--seed", type=int, help="repeat the instants of an earlier run")
    demo.set_defaults(run=_demo)


def _add_ledger(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    ledger = commands.add_parser("ledger", help="the evidence chain")
    actions = ledger.add_subparsers(required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="find any record that was edited, removed or reordered")
    verify.add_argument("--head", metavar="NUMBER:HASH", help="a head that was noted earlier: finds a cut tail too")
    verify.set_defaults(run=_verify)
    listing = actions.add_parser("list", help="one line a record")
    listing.add_argument("--system")
    listing.add_argument("--kind")
    listing.add_argument("--last", type=int, metavar="N", help="only the newest N")
    listing.set_defaults(run=_list)
    export = actions.add_parser("export", help="every record as a line of JSON")
    export.set_defaults(run=_export)
    backup = actions.add_parser("backup", help="copy the ledger while it is in use, and verify the copy")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE")
    backup.set_defaults(run=_backup)
    compact = actions.add_parser(
        "compact", help="remove old records and samples, from a ledger that no exporter uses now"
    )
    compact.add_argument("--before", required=True, metavar="DAY", help="records that are older, like 2019-01-01 (UTC)")
    compact.add_argument("--samples-before", metavar="DAY", help="samples that are older (default: as --before)")
    compact.set_defaults(run=_compact)
    for action in (verify, listing, export, backup, compact):
        where = action.add_mutually_exclusive_group(required=True)
        where.add_argument("--ledger", type=Path, metavar="FILE", help="the ledger's file")
        where.add_argument(CONFIG, dest="config", type=Path, metavar="dr.yml", help="take the ledger from there")


def _serve(options: argparse.Namespace) -> None:
    host, port = app.address(options.listen)
    loaded = _load(options)
    logs.set_up(options.log_level, options.log_format)
    logging.captureWarnings(capture=True)
    with asyncio.Runner(loop_factory=app.new_loop) as runner:
        runner.run(app.serve(app.Options(options.config, host, port, options.web_config, options.allow_exec), loaded))


def _load(options: argparse.Namespace) -> Loaded:
    loaded = read_config(options.config, allow_exec=options.allow_exec)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return loaded


def _check(options: argparse.Namespace) -> int:
    loaded = _load(options)
    systems = loaded.config.systems.values()
    endpoints = sum(len(system.endpoints) for system in systems)
    if not options.once:
        print(f"{options.config} is good: {len(systems)} systems, {endpoints} endpoints", file=sys.stderr)
        return 0
    with asyncio.Runner(loop_factory=app.new_loop) as runner:
        table, failures = runner.run(look_once(loaded.config, allow_exec=options.allow_exec))
    print(table)
    return 1 if failures else 0


def _demo(options: argparse.Namespace) -> int:
    if options.listen is not None:
        app.address(options.listen)
    return asyncio.run(
        run_demo(break_=options.break_, postgres=options.postgres, listen=options.listen, seed=options.seed)
    )


def _init(options: argparse.Namespace) -> None:
    text = template(options.template)
    if options.out == "-":
        print(text, end="")
        return
    path = Path(options.out)
    if path.exists():
        raise FileExistsError(f"{path} is there already; move it away, or name another file with --out")
    path.write_text(text, encoding="utf-8")
    print(f"{path} is written; fill in your own names, then run: rto-rpo-exporter check --config.file={path} --once")


def _ledger(options: argparse.Namespace) -> Path:
    return options.ledger or read_config(options.config, allow_exec=True).config.ledger


def _verify(options: argparse.Namespace) -> int:
    path = _ledger(options)
    noted = None
    if options.head:
        number, _, digest = options.head.partition(":")
        if not number.isdigit() or not digest:
            raise ValueError(f"{options.head!r} is not a head; write its number and hash, like 42:9f86d0…")
        noted = Head(int(number), digest)
    findings = ledger_commands.verify(path, noted)
    for finding in findings:
        print(f"record {finding.n}: {finding.sentence}")
    if not findings:
        head = ledger_commands.head(path)
        print(f"{head.number} records, the chain is whole; head {head.number}:{head.hash}")
    return 1 if findings else 0


def _backup(options: argparse.Namespace) -> int:
    findings = ledger_commands.backup(_ledger(options), options.out)
    for finding in findings:
        print(f"record {finding.n}: {finding.sentence}")
    if not findings:
        head = ledger_commands.head(options.out)
        print(f"{options.out} is written and whole; head {head.number}:{head.hash}")
    return 1 if findings else 0


def _compact(options: argparse.Namespace) -> None:
    days = [
        datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        for day in (options.before, options.samples_before or options.before)
    ]
    vantage = (
        socket.gethostname() if options.config is None else read_config(options.config, allow_exec=True).config.vantage
    )
    removed = ledger_commands.remove(_ledger(options), Before(*days), vantage)
    print(
        f"removed {removed.records} records and {removed.samples} chunks of samples; head {removed.head.number}:{removed.head.hash}"
    )


def _list(options: argparse.Namespace) -> None:
    for line in ledger_commands.listing(_ledger(options), system=options.system, kind=options.kind, last=options.last):
        print(line)


def _export(options: argparse.Namespace) -> None:
    for line in ledger_commands.export(_ledger(options)):
        print(line)
