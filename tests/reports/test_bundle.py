"""The bundle as an auditor gets it: a folder that was sent, and Python."""

import json
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.reports.bundle import canonical, verifier
from exporter.reports.verify import bundle
from tests.reports.annals import CONFIG
from tests.reports.files import stage_ledger
from tests.reports.stage import staged


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A failover that lost writes, its failback, and an outage, from a real watch."""
    return stage_ledger(tmp_path, staged("hhccpppsssssshhhhhoooohhhhh"), CONFIG)


def made(ledger: Path, where: Path, *more: str) -> Path:
    with pytest.raises(SystemExit) as left:
        main(["report", "--year", "2027", "--ledger", str(ledger), "--bundle", str(where), *more])
    assert left.value.code == 0
    return where


def verified(folder: Path, *more: str) -> tuple[int, str]:
    """Its exit code and what it prints, in a Python that sees nothing of ours."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *more],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_bundle_is_whole_and_can_be_checked_alone(ledger: Path, tmp_path: Path) -> None:
    """The verifier needs nothing of ours; all three incidents are recomputed from what was seen."""
    folder = made(ledger, tmp_path / "bundle")
    code, told = verified(folder)
    assert (code, told) == (0, "the bundle is whole; 3 incidents were recomputed from what was seen\n")
    report = json.loads((folder / "report.json").read_text())
    head = report["ledger"]["head"]
    assert verified(folder, "--head", f"{head['number']}:{head['hash']}")[0] == 0
    assert verified(folder, "--head", f"{head['number']}:{'0' * 64}")[0] == 1


def test_a_zip_holds_the_same(ledger: Path, tmp_path: Path) -> None:
    """A name that ends in .zip makes one file, the same each time but for when the report was made."""
    folder, packed = made(ledger, tmp_path / "bundle"), made(ledger, tmp_path / "bundle.zip")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "unpacked")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    unpacked = tmp_path / "unpacked"
    assert names == sorted(path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file())
    assert verified(unpacked)[0] == 0


def test_a_folder_that_holds_something_is_left_alone(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Evidence never overwrites anything."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("x")
    with pytest.raises(SystemExit) as left:
        main(["report", "--year", "2027", "--ledger", str(ledger), "--bundle", str(tmp_path / "full")])
    assert left.value.code == 1
    assert "holds something already" in capsys.readouterr().err


def resealed(folder: Path) -> None:
    """As a forger would who knows of the checksums."""
    sums = folder / "SHA256SUMS"
    names = [line.partition("  ")[2] for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names))


@pytest.mark.parametrize("name", ["report.json", "ledger.jsonl", "samples", "config"])
def test_a_forged_file_is_named_even_with_new_checksums(ledger: Path, tmp_path: Path, name: str) -> None:
    """The report against the ledger, the ledger against its chain, samples and configuration against their hashes."""
    folder = made(ledger, tmp_path / "bundle")
    path = folder / name
    if path.is_dir():
        path = min(path.iterdir())
    before = path.read_text()
    forged = {"report.json": ('"missed"', '"met"'), "config": ("DR commander", "Somebody")}.get(name, ("e", "3"))
    path.write_text(before.replace(*forged))
    assert path.read_text() != before
    assert any("altered" in one for one in bundle(folder)[0])
    resealed(folder)
    assert bundle(folder)[0]


def test_a_file_that_is_added_or_missing_is_named(ledger: Path, tmp_path: Path) -> None:
    """Both are told by the checksums."""
    folder = made(ledger, tmp_path / "bundle")
    (folder / "more.txt").write_text("x")
    (folder / "README.txt").unlink()
    assert bundle(folder)[0] == ["README.txt is missing", "more.txt was added: SHA256SUMS does not list it"]


def test_how_little_worked_is_in_the_report_of_an_incident(ledger: Path, tmp_path: Path) -> None:
    """The one component that matters was down: nothing worked, which is no "not observed"."""
    incidents = json.loads((made(ledger, tmp_path / "year") / "report.json").read_text(encoding="utf-8"))["events"]
    out = next(one for one in incidents if one["kind"] == "failover")
    assert out["functional_ratio"] == 0.0
    for form, line in (("markdown", "at the worst: 0 %"), ("html", "at the worst</dt><dd>0 %")):
        with pytest.raises(SystemExit):
            main(
                [
                    "report",
                    "--incident",
                    out["id"],
                    "--ledger",
                    str(ledger),
                    "--format",
                    form,
                    "--out",
                    str(tmp_path / form),
                ]
            )
        assert line in (tmp_path / form).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_an_incident_and_its_tail_have_bundles_too(ledger: Path, tmp_path: Path) -> None:
    """`--incident` takes the records from the day before on, to the newest."""
    report = tmp_path / "year.json"
    with pytest.raises(SystemExit):
        main(["report", "--year", "2027", "--ledger", str(ledger), "--format", "json", "--out", str(report)])
    wanted = json.loads(report.read_text())["events"][0]["id"]
    folder = tmp_path / "one"
    with pytest.raises(SystemExit) as left:
        main(["report", "--incident", wanted, "--ledger", str(ledger), "--bundle", str(folder), "--lang", "zh"])
    assert left.value.code == 0
    assert verified(folder)[0] == 0


def test_the_verifier_is_one_file_of_the_standard_library() -> None:
    """Every import in it comes with Python."""
    imports = [line.split()[1] for line in verifier().splitlines() if line.startswith(("import ", "from "))]
    assert {name.partition(".")[0] for name in imports} <= set(sys.stdlib_module_names)


def test_the_configuration_hashes_as_it_is_kept() -> None:
    """The text in the bundle is the one whose hash the exporter shows."""
    assert json.loads(canonical(CONFIG)) == CONFIG
