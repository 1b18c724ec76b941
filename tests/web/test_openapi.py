"""The description and the answers: neither promises what the other does not keep."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from exporter.web import attempts
from exporter.web.openapi import OPENAPI, PARTS, merged
from exporter.web.openapi_parts import STRING, Part, get
from tests.metrics import scenes
from tests.web.fakes import Stage, serving
from tests.web.streams import listening
from tests.web.test_stream import happen
from tests.web.threads import everything, in_a_thread

EXAMPLES = 12
"""Requests an operation; those of the boundaries come on top."""
BEARER = {"Authorization": "Bearer s3cret"}
# A stream does not end, and "not ready" is a 503 on purpose: both have tests of their own.
SCHEMA = schemathesis.openapi.from_dict(OPENAPI, config=SchemathesisConfig(seed=1))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """It tries more wrong logins than anybody may: how those are bounded is shown by `test_attempts.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "BURST", 1_000_000)
        with in_a_thread(everything(tmp_path_factory.mktemp("openapi"))) as url:
            yield url


@SCHEMA.exclude(path=["/api/v1/stream", "/-/ready"]).parametrize()
@hypothesis.settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
def test_schemathesis_finds_nothing(case: schemathesis.Case[Any], url: str) -> None:
    """Made-up requests, good and bad: answers as described, bad ones refused, nothing fails, nothing skips its login."""
    case.call_and_validate(base_url=url, headers=BEARER)


async def test_events_are_as_described(tmp_path: Path) -> None:
    """What a stream tells fits Hello and Systems, field by field."""
    stage = Stage(snapshot=scenes.everything())
    async with serving(stage) as url, listening(url) as listener:
        hello = await listener.next()
        happen(stage, "orders")
        systems = await listener.next()
    fits("Hello", hello.data)
    fits("Systems", systems.data)
    with pytest.raises(jsonschema_rs.ValidationError):
        fits("Hello", {**hello.data, "more": 1})


def fits(name: str, value: Any) -> None:
    """Raises ValidationError."""
    described = {"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]}
    jsonschema_rs.validator_for(described).validate(value)


def test_nothing_is_described_twice() -> None:
    """A feature brings its own part, which adds to the others and replaces nothing."""
    more = Part({"/api/v1/more": get("More", "application/json", STRING)}, {"More": STRING})
    assert merged(*PARTS, more)["paths"].keys() == {*OPENAPI["paths"], "/api/v1/more"}
    with pytest.raises(ValueError, match="described twice: /api/v1/more, More"):
        merged(more, more)


def test_every_schema_is_used() -> None:
    """And every reference leads somewhere; the events of the stream are named in words."""
    text = json.dumps(OPENAPI)
    schemas = OPENAPI["components"]["schemas"].keys()
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == schemas - {"Hello", "Systems"}
