"""Fleets of endpoints to watch, as configurations of the exporter."""

from collections.abc import Mapping
from typing import Any

EXPECT = {"body_regex": '"status": "ok"'}


def page(port: int, number: int, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{port}/{number}"


def background(port: int, endpoints: int, a_system: int) -> dict[str, Any]:
    """Systems of `a_system` endpoints each: one that decides whether it serves, all others in the background, every 5 s."""
    systems = {}
    for first in range(0, endpoints, a_system):
        names = {
            f"part-{number:02}": {"http": {"url": page(port, first + number), "expect": EXPECT}}
            for number in range(a_system)
        }
        components: Mapping[str, Any] = {name: {"critical": number == 0} for number, name in enumerate(names)}
        systems[f"system-{first:05}"] = {"home": "hk", "components": components, "sites": {"hk": names}}
    return {"probing": {"interval": "5s", "background_interval": "5s"}, "systems": systems}


def critical(settings: Mapping[str, Any], systems: int, kind: str = "http") -> dict[str, Any]:
    """Systems with an entry and a critical component at two sites: three endpoints, each every second, with tripwires."""
    return {
        "systems": {
            f"system-{number:05}": {
                "home": "hk",
                "entry": {kind: settings},
                "components": {"web": {"critical": True}},
                "sites": {"hk": {"web": {kind: settings}}, "sg": {"web": {kind: settings}}},
            }
            for number in range(systems)
        }
    }
