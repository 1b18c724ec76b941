"""One scalar out of an answer."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exporter.core.model import Reason
from exporter.probes import KINDS
from exporter.probes.http_question import QuestionSettings
from exporter.probes.http_settings import HttpSettings
from exporter.probes.kind import Failure, Value
from tests.servers import free_port
from tests.servers.orders import Orders


def question(beside: str | None, **settings: Any) -> Callable[[], Awaitable[Value]]:
    """Asked beside an endpoint with credentials, or beside none, as the exporter asks it."""
    asked = KINDS["http"].question
    assert asked is not None
    if beside is None:
        asked = asked.alone
        assert asked is not None
        return asked.build(asked.settings.model_validate(settings), None, None)
    endpoint = HttpSettings.model_validate({"url": f"{beside}/healthz?x=1", "bearer": Orders.password})
    return asked.build(asked.settings.model_validate(settings), endpoint, None)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"json": "$.opm"}, 2.0),
        ({"header": "X-Orders"}, 2.0),
        ({"header": "X-Sum"}, "00ff"),
        ({"regex": r'"opm": (\d+)'}, 2.0),
        ({"regex": r'"name": "(\d+)'}, "0042"),
        ({"json": "$.name"}, "0042"),
        ({"json": "$.ok"}, "true"),
        ({"json": "$.roles"}, '[{"a": "x", "b": 1}]'),
        ({"json": "$.large"}, str(2**60 + 1)),
    ],
)
async def test_what_is_told(place: dict[str, str], told: str | float) -> None:
    """Numbers are numbers where nothing is lost by it; everything else is text that can be compared."""
    async with Orders.primary("hk").serve() as hk:
        found = await question(hk.url, path="/kpi", **place)()
        assert found == told
        assert type(found) is type(told)
        with_url = question(None, url=f"{hk.url}/kpi", bearer=Orders.password, **place)
        assert await with_url() == told


async def test_what_is_not_told() -> None:
    """Nothing there, no permission, nobody home: each is a failure with its reason."""
    async with Orders.primary("hk").serve() as hk:
        failing = [
            (question(hk.url, path="/kpi", json="$.none"), Reason.ASSERTION),
            (question(hk.url, path="/kpi", json="$.nan"), Reason.ASSERTION),
            (question(hk.url, path="/kpi", json="$.opm", expect={"json": {"$.opm": 7}}), Reason.ASSERTION),
            (question(hk.url, path="/home", json="$.opm"), Reason.PROTOCOL),
            (question(hk.url, url=f"{hk.url}/kpi", json="$.opm"), Reason.AUTH),
            (question(f"http://127.0.0.1:{free_port()}", path="/kpi", json="$.opm"), Reason.REFUSED),
        ]
        for asked, reason in failing:
            with pytest.raises(Failure) as failure:
                await asked()
            assert failure.value.reason is reason, failure.value


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"json": "$.x"}, "needs exactly one of url and path"),
        ({"json": "$.x", "path": "/a", "url": "http://x/"}, "needs exactly one of url and path"),
        ({"path": "/a"}, "write exactly one of header, json and regex"),
        ({"json": "$.x", "path": "//elsewhere/a"}, "'//elsewhere/a' is not a path"),
        ({"json": "$.x", "path": "http://elsewhere/a"}, "is not a path; write one like /kpi"),
        ({"json": "$.x", "path": "/a", "bearer": "x"}, "a path is asked as its endpoint is"),
    ],
)
def test_questions_that_cannot_be(wrong: dict[str, str], sentence: str) -> None:
    """What is wrong in a question is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        QuestionSettings.model_validate(wrong)
    assert sentence in str(error.value)


def test_a_path_needs_an_endpoint() -> None:
    """Without an endpoint of kind http beside it, a path leads nowhere."""
    with pytest.raises(ValueError, match="write the whole address as url"):
        question(None, path="/kpi", json="$.opm")
