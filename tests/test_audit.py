"""What `make audit` and `make sbom` say, and that they say when they could not look."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def helper(name: str) -> ModuleType:
    """A program of .ci, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AUDIT, SBOM = helper("audit"), helper("sbom")


def says(monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    """The next program that is run prints this."""
    done = subprocess.CompletedProcess([], 1, out, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


@pytest.mark.parametrize(
    ("found", "code", "sentence"),
    [
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}',
            0,
            "1 distributions were asked about, 0 vul",
        ),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]}',
            1,
            "a 1: PYSEC-1, mended in 2",
        ),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "rto-rpo-exporter", "skip_reason": "x"}]}',
            0,
            "1 distributions",
        ),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]}',
            2,
            "NOT AUDITED: the advisory service knows nothing of b",
        ),
        ('{"dependencies": [{"name": "rto-rpo-exporter", "skip_reason": "x"}]}', 2, "nothing of anything"),
        ("", 2, "NOT AUDITED"),
        ("<html>a proxy</html>", 2, "NOT AUDITED"),
        ("{}", 2, "NOT AUDITED"),
    ],
)
def test_an_audit_that_did_not_happen_looks_like_none(
    found: str, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clean, vulnerable, and not asked are three different answers."""
    says(monkeypatch, found)
    assert AUDIT.audited() == code
    assert sentence in capsys.readouterr().out


def test_every_license_goes_with_ours() -> None:
    """All that an installation brings along is listed with its license, and none of them forbids what Apache-2.0 allows."""
    found: dict[str, str] = AUDIT.licenses()
    assert {"aiohttp", "pydantic", "pyyaml", "jinja2", "h2", "dnspython"} <= found.keys()
    assert [name for name, text in found.items() if text == "unknown"] == []
    assert AUDIT.objectionable(found) == []
    texts = ("GPL-3.0-only", "LGPL-3.0", "GPLv2+, LGPLv2+, MPL 1.1", "GPL-2.0-only OR MIT", "AGPL-3.0 OR GPL-3.0")
    assert AUDIT.objectionable(dict(zip("abcde", texts, strict=True))) == ["a", "e"]


def test_the_bill_of_materials() -> None:
    """It is valid by CycloneDX's schema and holds the run time's components with their versions, and no test tools."""
    found: dict[str, Any] = json.loads(SBOM.made())
    names = {each["name"].lower() for each in found["components"]}
    assert {"aiohttp", "pydantic"} <= names
    assert not names & {"pytest", "hypothesis", "ruff"}
    assert all(
        each["version"] and each["purl"].startswith("pkg:pypi/")
        for each in found["components"]
        if each["name"] != "rto-rpo-exporter"
    )


def test_the_audit_starts() -> None:
    """As `make audit` does it, as far as it can be done without the network: the helper is a program."""
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/sbom.py", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, "--out" in done.stdout) == (0, True)
