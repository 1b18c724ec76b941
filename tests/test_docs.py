"""What is generated is fresh, and what is promised in words is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.catalogue.alerts import ALERTS
from exporter.catalogue.metrics import METRICS
from exporter.plans import read_config

ROOT = Path(__file__).parents[1]


def test_the_reference_is_fresh() -> None:
    """The README's table of metrics is what the catalogue would write now; `make reference` writes it."""
    assert subprocess.run([sys.executable, ROOT / ".ci/reference.py"], check=False).returncode == 0


def test_every_metric_is_in_the_reference() -> None:
    """No metric is declared without a line in the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in readme] == []


def test_every_alert_is_in_the_reference() -> None:
    """No alert is declared without a line in the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in ALERTS if f"`{name}`" not in readme] == []


def test_links_lead_somewhere() -> None:
    """Every relative link of the documentation names a file that is there."""
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "deploy/prometheus/README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/sources.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{number}-{text.split(':')[0]}" for number, text in enumerate(BLOCKS)])
def test_what_the_documentation_shows_is_right(block: str, tmp_path: Path) -> None:
    """Each system of docs/sources.md loads without a warning, once its secret files exist."""
    for name in set(re.findall(r"/run/secrets/([\w-]+)", block)):
        (tmp_path / name).write_text("x", encoding="utf-8")
    text = block.replace("/run/secrets/", "").replace("\n", "\n  ")
    file = tmp_path / "dr.yml"
    file.write_text(f'exporter: {{references: ["tcp://192.0.2.1:443"]}}\nsystems:\n  {text}', encoding="utf-8")
    assert read_config(file, allow_exec=False).warnings == []
