"""Small kinds of the tests' own, for what the real ones need not have: settings that break every rule of pydantic."""

from typing import Any, Literal

from pydantic import Field

from exporter.probes.kind import Context, Kind, Probe
from exporter.settings import Duration, Secret, Settings


class Detail(Settings):
    level: int = Field(default=1, ge=1, le=9)
    label: str = Field(default="", max_length=5)


class OddSettings(Settings):
    target: str
    mode: Literal["fast", "slow"] = "fast"
    detail: str | Detail = ""
    every: Duration | None = None
    codes: tuple[int, ...] = ()
    password: Secret | None = None
    headers: dict[str, str | Secret] = Field(default_factory=dict)


def _never(settings: Any, context: Context) -> Probe:
    raise AssertionError(f"loading a configuration builds no probe: {settings} {context}")


KINDS = {"odd": Kind(name="odd", settings=OddSettings, build=_never, short="target")}
