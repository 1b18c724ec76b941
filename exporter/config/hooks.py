"""What may be written under `hooks:`: who gets what Alertmanager sends us."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, Strict

from exporter.config.endpoints import check_secrets
from exporter.config.report import Report
from exporter.settings import Secret, Settings

DINGTALK_MOST = 20
"""Messages that DingTalk takes from one robot in a minute."""


def _mobile(value: str) -> str:
    if not re.fullmatch(r"\+?[0-9-]{5,20}", value):
        raise ValueError(
            f"{value[:40]!r} is not a mobile number; write it in quotes, like '13800000000' or '+852-51234567'"
        )
    return value


class Robot(Settings):
    """A custom robot of a group, with the security setting "additional signature". The URL holds a token: it is a secret too."""

    url: Secret
    secret: Secret


class Dingtalk(Settings):
    robots: Annotated[tuple[Robot, ...], Field(min_length=1, max_length=20)]
    per_minute: Annotated[int, Strict(), Field(ge=3, le=DINGTALK_MOST)] = 16
    """Messages of one robot. The margin below DINGTALK_MOST is for a restart, and for others who use the same robot."""
    at: tuple[Annotated[str, AfterValidator(_mobile)], ...] = ()
    """Mobile numbers of those who are mentioned when something critical fires."""
    token: Secret | None = None
    """What Alertmanager sends as its bearer token; None: the token of the API."""


class Hooks(Settings):
    dingtalk: Dingtalk | None = None


def check_hooks(hooks: Hooks, api_token_file: str | None, report: Report) -> None:
    """What reaches people needs a credential, and robots of their own."""
    check_secrets(hooks, ("hooks",), report)
    if hooks.dingtalk is None:
        return
    if hooks.dingtalk.token is None and api_token_file is None and report.sound(("hooks",), ("api",)):
        text = "anybody could send messages to the group; give Alertmanager a token: token_file here, or api.token_file"
        report.error(("hooks", "dingtalk"), text, at_key=True)
    robots = hooks.dingtalk.robots
    for index, robot in enumerate(robots):
        if robot in robots[:index]:
            report.error(("hooks", "dingtalk", "robots", index), "is there already; name each robot once")
