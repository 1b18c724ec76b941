"""Are there known vulnerabilities in what we install? `make audit`.

pip-audit asks PyPI's advisory service about every installed distribution. Where that cannot be reached nothing was audited, and
this says so and exits with 2: an audit that did not happen must not look like one that found nothing.
"""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 2
DEADLINE = 600
OURS = "rto-rpo-exporter"
COPYLEFT = ("AGPL", "GPL", "SSPL", "BUSL")
"""Licenses that a program under Apache-2.0 must not bring along at run time; LGPL and MPL may be used as they are."""


def audited() -> int:
    """Prints what pip-audit finds."""
    command = [
        str(Path(sys.executable).with_name("pip-audit")),
        "--format=json",
        "--progress-spinner=off",
        "--skip-editable",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
        found = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(
            f"NOT AUDITED: the advisory service gave no answer ({type(error).__name__}); nothing is known of vulnerabilities"
        )
        return NOT_AUDITED
    skipped = [each["name"] for each in found if "skip_reason" in each and each["name"] != OURS]
    looked = [each for each in found if "skip_reason" not in each]
    bad = [(each, one) for each in looked for one in each["vulns"]]
    for each, one in bad:
        print(
            f"{each['name']} {each['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        )
    print(f"{len(looked)} distributions were asked about, {len(bad)} vulnerabilities are known")
    if skipped or not looked:
        print(f"NOT AUDITED: the advisory service knows nothing of {', '.join(skipped) or 'anything'}")
    return VULNERABLE if bad else NOT_AUDITED if skipped or not looked else CLEAN


def licenses(distribution: str = OURS) -> dict[str, str]:
    """Name -> license of everything that the distribution needs at run time, extras included, if it is installed."""
    found: dict[str, str] = {}
    left = [distribution]
    while left:
        name = left.pop()
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        told = installed.metadata
        key = told["Name"].lower().replace("_", "-")
        if key in found:
            continue
        classified = [
            each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or () if each.startswith("License :: ")
        ]
        first = (told["License"] or "").splitlines()[:1]
        found[key] = told["License-Expression"] or ", ".join(classified) or "".join(first)[:60] or "unknown"
        wanted = installed.requires or ()
        left += [_name(each) for each in wanted if "extra ==" not in each or name == distribution]
    return dict(sorted(found.items()))


def _name(requirement: str) -> str:
    """`aiohttp>=3.14; extra == "x"` -> aiohttp."""
    end = next(
        (place for place, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), len(requirement)
    )
    return requirement[:end]


def objectionable(found: dict[str, str]) -> list[str]:
    """Those whose license does not go with ours. Of several (GPL, LGPL or MPL) whoever takes it chooses one."""
    return [name for name, text in found.items() if all(_copyleft(each) for each in re.split(", | OR ", text))]


def _copyleft(text: str) -> bool:
    return any(word in text.replace("LGPL", "") for word in COPYLEFT)


def main() -> int:
    found = licenses()
    for name, text in found.items():
        print(f"{name:<24} {text}")
    bad = objectionable(found)
    if bad:
        print(f"NOT OURS TO SHIP: {', '.join(bad)}")
    return audited() or (VULNERABLE if bad else CLEAN)


if __name__ == "__main__":
    sys.exit(main())
