"""What is built is whole: it runs where the checkout is not."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_runs_outside_of_the_checkout(tmp_path: Path) -> None:
    """Templates, the page's files and migrations are in it: a configuration can be written, checked and told apart."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT], check=True, cwd=tmp_path)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, cwd=tmp_path)

    def run(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(site)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout

    assert str(site) in run("-c", "import exporter; print(exporter.__file__)")
    run("-m", "exporter", "init", "--template", "http", "--out", "dr.yml")
    assert "systems:" in (tmp_path / "dr.yml").read_text(encoding="utf-8")
    run("-c", "import exporter.web.page, dashboards")
    run("-m", "exporter", "build", "rules", "--out", "rules")
    shipped = {path.suffix for path in (site / "exporter").rglob("*")}
    assert {".py", ".yml", ".css", ".js", ".html", ".json", ".md"} <= shipped
