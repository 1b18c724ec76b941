"""An evidence bundle from whoever: the verifier names what is wrong with it, whatever that is, and believes nothing altered."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cli import main
from exporter.reports.verify import bundle
from tests.fuzz.damage import SEEDS, altered, several
from tests.fuzz.examples import examples
from tests.reports.annals import CONFIG
from tests.reports.files import stage_ledger
from tests.reports.stage import staged


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of a bundle that is whole."""
    folder = tmp_path_factory.mktemp("bundle")
    ledger = stage_ledger(folder, staged("hhccpppsssssshhhhhoooohhhhh"), CONFIG)
    with pytest.raises(SystemExit):
        main(["report", "--year", "2027", "--ledger", str(ledger), "--bundle", str(folder / "whole")])
    return {path.relative_to(folder / "whole").as_posix(): path.read_bytes() for path in files(folder / "whole")}


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def written(folder: Path, content: dict[str, bytes]) -> Path:
    for path in files(folder):
        path.unlink()
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@examples(60)
@given(data=st.data())
def test_bytes(whole: dict[str, bytes], data: st.DataObject, tmp_path: Path) -> None:
    """One file is damaged: it is named, and nothing else happens."""
    name = data.draw(st.sampled_from(sorted(whole)))
    damaged = data.draw(several(whole[name]))
    differences, _, _ = bundle(written(tmp_path, {**whole, name: damaged}))
    assert bool(differences) is (damaged != whole[name]) or name == "SHA256SUMS"


@examples(100)
@given(data=st.data())
def test_documents(whole: dict[str, bytes], data: st.DataObject, tmp_path: Path) -> None:
    """A report, a record, a sample or a configuration says something else: the checksum is not all that tells."""
    names = [name for name in sorted(whole) if name.endswith((".json", ".jsonl"))]
    name = data.draw(st.sampled_from(names))
    lines = whole[name].decode().splitlines() if name.endswith(".jsonl") else [whole[name].decode()]
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = json.dumps(altered(lines[at], data.draw(SEEDS)))
    damaged = "\n".join(lines).encode() + b"\n"
    differences, _, _ = bundle(written(tmp_path, {**whole, name: damaged}))
    assert bool(differences) is (damaged != whole[name])


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"null", b"[]", b"{}", b"\xff", b"1e999", b'{"ledger": {"head": []}}', b""]
)
@pytest.mark.parametrize("name", ["report.json", "ledger.jsonl", "SHA256SUMS", "samples/0.jsonl", "config/0.json"])
def test_bombs(whole: dict[str, bytes], name: str, text: bytes, tmp_path: Path) -> None:
    """Something else altogether in place of each file."""
    assert bundle(written(tmp_path, {**whole, name: text}))[0]


def test_alone(whole: dict[str, bytes], tmp_path: Path) -> None:
    """As an auditor starts it: a difference, and no traceback."""
    folder = written(tmp_path, {**whole, "report.json": b'{"kind": "period"}', "ledger.jsonl": b"[[]]\n"})
    command = [sys.executable, "-I", "-S", str(folder / "verify.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (1, "")
    assert "DIFFERENCE: " in done.stdout
