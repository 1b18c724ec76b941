"""What is generated is fresh, and what is promised in words is there."""

import re
import subprocess
import sys
from pathlib import Path

from exporter.catalogue.metrics import METRICS

ROOT = Path(__file__).parents[1]


def test_the_reference_is_fresh() -> None:
    """The README's table of metrics is what the catalogue would write now; `make reference` writes it."""
    assert subprocess.run([sys.executable, ROOT / ".ci/reference.py"], check=False).returncode == 0


def test_every_metric_is_in_the_reference() -> None:
    """No metric is declared without a line in the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in readme] == []


def test_links_lead_somewhere() -> None:
    """Every relative link of the documentation names a file that is there."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
