"""`build`: files that are made from the code, and from a configuration where one is given."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dashboards.rule import GRAFANA, Links
from dashboards.rules import JOB, PREFIX, Wanted, rule_files
from dashboards.scope import ADDRESS, Scope, scope_of
from exporter.catalogue.reference import metrics_table
from exporter.plans import read_config

Files = Mapping[str, str]
"""Path below the target folder -> text."""


def add_build(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    build = commands.add_parser("build", help="write files that are generated from the code and your configuration")
    build.add_argument("what", choices=sorted(BUILDERS))
    build.add_argument("--config.file", dest="config", type=Path, metavar="dr.yml",
                       help="make them for this configuration (default: for any)")  # fmt: skip
    build.add_argument("--out", type=Path, required=True, metavar="DIR")
    build.add_argument("--check", action="store_true", help="write nothing; fail if the files are stale")
    build.add_argument("--web.external-url", dest="address", type=_url, default=ADDRESS, metavar="URL",
                       help="where people reach the exporter, for links to its page (default: %(default)s)")  # fmt: skip
    build.add_argument("--grafana.external-url", dest="grafana", type=_url, metavar="URL",
                       help="rules: where people reach Grafana, for links of alerts (default: exporter.grafana_url of the "
                       f"configuration, else {GRAFANA})")  # fmt: skip
    build.add_argument("--prometheus.job", dest="job", default=JOB, metavar="NAME",
                       help="rules: job_name of the exporters in Prometheus's configuration (default: %(default)s)")  # fmt: skip
    build.set_defaults(run=_build)


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address; write it like https://dr.example.com")
    return text.rstrip("/")


def _build(options: argparse.Namespace) -> int:
    made = BUILDERS[options.what](options)
    if not options.check:
        for name, text in made.items():
            path = options.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [options.out / name for name, text in made.items() if not _is_fresh(options.out / name, text)]
    stale += sorted(
        left for left in _neighbours(options.out, made) if left.relative_to(options.out).as_posix() not in made
    )
    for path in stale:
        print(f"{path} is stale; run the same without --check, or remove it if it is no longer made", file=sys.stderr)
    return 1 if stale else 0


def _is_fresh(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _neighbours(out: Path, made: Files) -> set[Path]:
    """Files that stand where ours do, and look like ours."""
    own = {path for name in made if "/" in name for path in (out / name).parent.glob(f"*{Path(name).suffix}")}
    return own | (set(out.glob(f"{PREFIX}*.yml")) if any(name.startswith(PREFIX) for name in made) else set())


def _reference(_: argparse.Namespace) -> Files:
    return {"metrics.md": metrics_table()}


def _dashboards(options: argparse.Namespace) -> Files:
    try:
        from dashboards.build import files
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "grafanalib":
            raise
        raise ValueError("boards need grafanalib; install it: pip install 'rto-rpo-exporter[dashboards]'") from None
    if options.config is None:
        return files(Scope(address=options.address))
    # Nothing of the configuration is run here, so commands in it are no danger.
    return files(scope_of(read_config(options.config, allow_exec=True).config, options.address))


def _rules(options: argparse.Namespace) -> Files:
    config = None if options.config is None else read_config(options.config, allow_exec=True).config
    grafana = options.grafana or (config and config.grafana_url) or GRAFANA
    wanted = Wanted(Links(options.address, grafana), options.job)
    return rule_files(wanted if config is None else wanted.of(config))


BUILDERS: Mapping[str, Callable[[argparse.Namespace], Files]] = {
    "dashboards": _dashboards,
    "reference": _reference,
    "rules": _rules,
}
"""What can be built."""
