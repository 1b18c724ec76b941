"""What is in an installation: a CycloneDX bill of materials as JSON. `make sbom` writes dist/sbom.json.

It lists what the distribution needs at run time and what is installed of it, extras included, not what the tests need; which
versions they are is read off the installation, and nothing is asked of the network.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

HERE = Path(__file__).parent


def runtime() -> set[str]:
    """Names of what belongs into it."""
    spec = importlib.util.spec_from_file_location("audit", HERE / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    return set(audit.licenses())


def made() -> str:
    """The bill of everything that is installed, of which the run time's part is kept; valid by CycloneDX's own schema."""
    return bill(runtime())


def bill(wanted: set[str]) -> str:
    """Raises ValueError when it is not valid, subprocess.CalledProcessError when it cannot be made."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--of",
        "JSON",
        "--sv",
        "1.6",
        sys.prefix,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    text = _only(done.stdout, wanted)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"the bill is not valid: {wrong.data}")
    return text


def _only(text: str, wanted: set[str]) -> str:
    whole = json.loads(text)
    kept = [each for each in whole["components"] if each["name"].lower().replace("_", "-") in wanted]
    refs = {each["bom-ref"] for each in kept} | {whole.get("metadata", {}).get("component", {}).get("bom-ref")}
    arrows = [
        {**each, "dependsOn": [one for one in each.get("dependsOn", ()) if one in refs]}
        for each in whole.get("dependencies", ())
        if each["ref"] in refs
    ]
    return json.dumps({**whole, "components": kept, "dependencies": arrows}, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("dist/sbom.json"))
    out: Path = parser.parse_args().out
    text = made()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(f"{out} lists {len(json.loads(text)['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
