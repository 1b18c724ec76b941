"""`build dashboards`: what a user calls."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.cli import main

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "dashboards" / "generated"
CONFIG = ROOT / "deploy" / "examples" / "two-sites.yml"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["build", *arguments])
    return int(left.value.code or 0)


def test_the_generated_boards_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """What is committed is what the code makes now; `make dashboards` writes it."""
    code = run("dashboards", "--out", str(GENERATED), "--check")
    assert code == 0, capsys.readouterr().err


def test_stale_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A board that was changed by hand, one that is missing, and one that is no longer made."""
    out = tmp_path / "boards"
    assert run("dashboards", "--out", str(out)) == 0
    assert run("dashboards", "--out", str(out), "--check") == 0
    (out / "provisioned/dr-sla.json").write_text("{}", encoding="utf-8")
    (out / "import/dr-system.json").unlink()
    (out / "provisioned/dr-old.json").write_text("{}", encoding="utf-8")
    assert run("dashboards", "--out", str(out), "--check") == 1
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.split(" is stale")[0] for line in told) == sorted(
        str(out / name) for name in ("provisioned/dr-sla.json", "import/dr-system.json", "provisioned/dr-old.json")
    )


def test_boards_are_made_for_a_configuration(tmp_path: Path) -> None:
    """The example has no backups, so there is no board of backups; and links lead to the address that is given."""
    config = tmp_path / "dr.yml"
    config.write_text(
        'systems: {shop: {home: hk, components: {web: {critical: true}}, sites: {hk: {web: {http: "http://192.0.2.1/"}}}}}',
        encoding="utf-8",
    )
    out = tmp_path / "boards"
    assert (
        run("dashboards", f"--config.file={config}", "--out", str(out), "--web.external-url=https://dr.example.com/")
        == 0
    )
    names = {path.name for path in (out / "provisioned").iterdir()}
    assert names == {"dr-overview.json", "dr-system.json", "dr-failovers.json", "dr-sla.json", "dr-exporter.json"}
    assert '"https://dr.example.com"' in (out / "provisioned/dr-system.json").read_text(encoding="utf-8")


def test_a_bad_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its place, as by `check`; nothing is written."""
    config = tmp_path / "dr.yml"
    config.write_text("systemz: {}", encoding="utf-8")
    assert run("dashboards", f"--config.file={config}", "--out", str(tmp_path / "boards")) == 1
    assert "dr.yml:1:1: systemz" in capsys.readouterr().err
    assert not (tmp_path / "boards").exists()


def test_a_bad_address_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no URL is refused, and what would be right is said."""
    assert run("dashboards", "--out", str(tmp_path), "--web.external-url=dr.example.com") == 2
    assert "write it like https://" in capsys.readouterr().err


def test_without_grafanalib_a_sentence_is_told(tmp_path: Path) -> None:
    """The extra may be missing: then the command says what to install, and everything else works."""
    hide = "import sys; sys.modules['grafanalib'] = None; sys.modules['grafanalib.core'] = None\n"
    code = f"{hide}from exporter.cli import main\nmain(['build', sys.argv[1], '--out', sys.argv[2]])"

    def call(what: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, what, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    done = call("dashboards")
    assert done.returncode == 1
    assert done.stderr == "boards need grafanalib; install it: pip install 'rto-rpo-exporter[dashboards]'\n"
    assert call("reference").returncode == 0
    assert (tmp_path / "metrics.md").is_file()
