"""Every configuration that ships loads without a warning, once its secret files exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.plans import read_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALONE = sorted(path for path in (DEPLOY / "examples").glob("*.yml"))


def checked(text: str, folder: Path) -> Any:
    """The configuration of this text, with every secret and file that it names beside it."""
    names = re.compile(r"/run/secrets/(?:dr/)?([\w-]+)|/var/lib/dr/([\w.-]+)")
    for found in names.finditer(text):
        (folder / (found[1] or found[2])).write_text("secret\n", encoding="utf-8")
    file = folder / "dr.yml"
    file.write_text(names.sub(lambda found: found[1] or found[2], text), encoding="utf-8")
    loaded = read_config(file, allow_exec=True)
    assert loaded.warnings == []
    return loaded.config


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
def test_examples(path: Path, tmp_path: Path) -> None:
    """Each file of deploy/examples, with those that it includes."""
    (tmp_path / "systems.d").mkdir()
    for included in (DEPLOY / "examples/systems.d").glob("*.yml"):
        (tmp_path / "systems.d" / included.name).write_bytes(included.read_bytes())
    assert checked(path.read_text(encoding="utf-8"), tmp_path).systems


def test_the_full_one_shows_the_hook(tmp_path: Path) -> None:
    """It has two robots, and says who is mentioned."""
    config = checked((DEPLOY / "examples/full.yml").read_text(encoding="utf-8"), tmp_path)
    assert len(config.dingtalk.robots) == 2
    assert config.dingtalk.at == ("13800000000",)


def test_compose(tmp_path: Path) -> None:
    """What the stack's exporter watches, as it ships and with its hook uncommented."""
    text = (DEPLOY / "compose/dr.yml").read_text(encoding="utf-8")
    assert checked(text, tmp_path).dingtalk is None
    hooked = re.sub(r"^# (hooks:|  )", r"\1", text, flags=re.MULTILINE)
    assert len(checked(hooked, tmp_path).dingtalk.robots) == 1


def test_kubernetes(tmp_path: Path) -> None:
    """The ConfigMap's dr.yml."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes/exporter.yaml").read_text(encoding="utf-8"))
    config = next(document for document in documents if document["kind"] == "ConfigMap")
    assert list(checked(config["data"]["dr.yml"], tmp_path).systems) == ["orders"]


def test_what_the_documentation_shows(tmp_path: Path) -> None:
    """The hook's section in docs/deploy.md, in the least of configurations."""
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    minimal = (DEPLOY / "examples/minimal.yml").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert checked(minimal + block, tmp_path).dingtalk.per_minute == 16
