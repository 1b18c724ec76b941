"""The rules of the house, read off the source: who imports whom, how long things are, what every public thing says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HERE = Path(__file__)
SOURCES = sorted(path for package in ("exporter", "dashboards") for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES, FUNCTION_LINES, TRIVIAL = 300, 45, 8

SHARED = ("settings", "command", "errnos", "json_path", "urls", "postgres_framing", "arrival")
"""Modules at the top that probes and backups have in common, because these two never meet."""

MAY_IMPORT = {
    "core": ("core",),
    "catalogue": ("catalogue", "core"),
    "config": ("config", "core", "catalogue", "settings"),
    "probes": ("probes", "core", "catalogue", *SHARED),
    "backups": ("backups", "core", "catalogue", *SHARED),
    "ledger": ("ledger", "core", "catalogue", "settings"),
    "engine": ("engine", "core", "probes.kind"),
    "hooks": ("hooks", "core", "settings"),
    "metrics": ("metrics", "core", "catalogue"),
    "web": ("web", "core", "catalogue"),
    "dashboards": ("dashboards", "catalogue", "config"),
    "reports": ("reports", "core", "catalogue", "settings"),
}
"""Package of ours -> what of ours it may import. Packages that are not named here, and the modules at the top, introduce
the others to each other."""

LATE_IMPORTS = {
    "exporter/building.py": "grafanalib is an extra that may not be installed",
    "exporter/backups/wal_archive.py": "asyncpg is an extra that may not be installed",
    "exporter/app.py": "uvloop is an extra that may not be installed",
    "exporter/reports/pdf.py": "weasyprint is an extra that may not be installed",
    "exporter/probes/dns.py": "dnspython is an extra that may not be installed",
    "exporter/probes/grpc.py": "h2 is an extra that may not be installed",
    "exporter/probes/postgres.py": "asyncpg is an extra that may not be installed",
}
"""File -> why it may import inside functions."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of the modules that are imported anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module or ""


@cache
def functions(tree: ast.AST) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    return tuple(node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def package_of(path: Path) -> str:
    """The package below `exporter`; boards are beside it."""
    top, inner = path.relative_to(ROOT).parts[:2]
    return inner if top == "exporter" else top


@each([path for path in SOURCES if package_of(path) in MAY_IMPORT])
def test_siblings_never_meet(path: Path) -> None:
    """Each package imports of ours only what it may; app.py introduces the rest to each other."""
    allowed = [name if name == "dashboards" else f"exporter.{name}" for name in MAY_IMPORT[package_of(path)]]
    ours = {name for name in imports(tree_of(path)) if name.split(".")[0] in ("exporter", "dashboards")}
    foreign = {name for name in ours if not any(name == one or name.startswith(f"{one}.") for one in allowed)}
    assert not foreign


@each([path for path in SOURCES if package_of(path) == "core"])
def test_the_core_is_pure(path: Path) -> None:
    """Nothing in the core reads a clock, waits, logs or does I/O: its imports cannot, and it awaits nothing."""
    harmless = {
        "bisect", "collections", "collections.abc", "dataclasses", "datetime", "enum", "functools", "itertools", "math",
        "operator", "types", "typing",
    }  # fmt: skip
    tree = tree_of(path)
    assert {name for name in imports(tree) if name.split(".")[0] != "exporter"} <= harmless
    clocks = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n).startswith("datetime.now")]
    assert not clocks
    if path.name != "ports.py":  # the protocols of the outside, which does wait
        assert not [n for n in ast.walk(tree) if isinstance(n, (ast.Await, ast.AsyncFunctionDef, ast.AsyncWith))]
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"open", "print", "input", "eval", "exec"}


def test_nothing_imports_in_circles() -> None:
    """Modules can be put in an order in which each imports only earlier ones."""
    wants = {name: {i for i in imports(tree_of(path)) if i in MODULES and i != name} for name, path in MODULES.items()}
    while wants:
        ready = {name for name, needs in wants.items() if not needs & wants.keys()}
        assert ready, f"these import each other in circles: {sorted(wants)}"
        wants = {name: needs for name, needs in wants.items() if name not in ready}


@each(SOURCES)
def test_imports_stand_at_the_top(path: Path) -> None:
    """An import inside a function hides a circle, unless its reason is written down here."""
    late = {
        node.lineno
        for function in functions(tree_of(path))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert not late or name_of(path) in LATE_IMPORTS, f"imports inside functions, lines {sorted(late)}"


@each(SOURCES)
def test_files_and_functions_stay_short(path: Path) -> None:
    """The tail separates the good houses from the bad."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES
    long = [
        f"{function.name}: {function.end_lineno - function.lineno + 1} lines"
        for function in functions(tree_of(path))
        if function.end_lineno is not None and function.end_lineno - function.lineno >= FUNCTION_LINES
    ]
    assert not long


def silent(path: Path) -> Iterator[str]:
    """Public modules, classes and functions without a word, but for what its name and signature say whole."""
    tree = tree_of(path)
    if tree.body and not ast.get_docstring(tree):
        yield "the module"
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            trivial = (node.end_lineno or node.lineno) - node.lineno < TRIVIAL
            if not trivial and not node.name.startswith("_") and node.name != "main" and not ast.get_docstring(node):
                yield node.name


@each(SOURCES)
def test_public_things_say_what_they_are(path: Path) -> None:
    """Every module, public class and public function that is more than a few lines has a docstring."""
    assert not list(silent(path))


@each([path for path in TESTS if path.name.startswith("test_")])
def test_every_test_says_what_it_shows(path: Path) -> None:
    """A test is a sentence with a proof."""
    tests = [function for function in functions(tree_of(path)) if function.name.startswith("test_")]
    assert not [function.name for function in tests if not ast.get_docstring(function)]


@each([path for path in [*SOURCES, *TESTS] if path != HERE])
def test_nothing_is_left_for_later(path: Path) -> None:
    """No note to self, no stub, and nothing about the place where it was made."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|breakpoint\(\)", text)
    assert not re.search(r"\.\./shared", text)
