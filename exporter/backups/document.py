"""Where a text about backups comes from (a command, an address, a file), and how it is read without trusting it."""

import stat
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator
from yarl import URL

from exporter.backups import fetch
from exporter.backups.aside import Aside
from exporter.backups.failure import BackupFailure
from exporter.command import Command, CommandFailure, Commands, Variable
from exporter.core.model import Reason
from exporter.settings import Secret, Settings

TEXT_LIMIT = 8 << 20
"""Bytes of a file, or of what a command prints; more is a failure."""

NOT_ALLOWED = (
    "a command runs as the exporter's user, which is off; start serve and check with --allow-exec, "
    "or let a job write the output to a file and name it with file:"
)
Text: TypeAlias = Callable[[], Awaitable[bytes]]
Shape = TypeVar("Shape")


class Told(BaseModel):
    """What a tool wrote, of which we read a part: keys that we do not know are its own business."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Document(Settings):
    """Exactly one of `command`, `url` and `file` tells what the tool says. `bearer` and `ca_file` belong to the url.

    A command gets PATH, HOME, LANG, LC_ALL and TZ of our environment, and what stands in `env`.
    """

    commands_allowed: ClassVar[bool] = True
    command: Command | None = None
    env: dict[Variable, str | Secret] = Field(default={})
    url: fetch.WebAddress | None = None
    file: str | None = None
    bearer: Secret | None = None
    ca_file: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Document":
        if sum(origin is not None for origin in (self.command, self.url, self.file)) != 1:
            raise ValueError(
                'needs exactly one of command, url and file, like command: ["pgbackrest", "info", "--output=json"]'
            )
        if self.url is None and (self.bearer is not None or self.ca_file is not None):
            raise ValueError("bearer and ca_file belong to a url; leave them out")
        return self

    @field_validator("command", "check", check_fields=False)
    @classmethod
    def _allowed(cls, command: Command | None) -> Command | None:
        if command is not None and not cls.commands_allowed:
            raise ValueError(NOT_ALLOWED)
        return command


def without_commands(settings: type[Settings]) -> type[Settings]:
    """The same settings for an exporter that may not run commands: one that is written is an error at its place."""
    if not issubclass(settings, Document):
        return settings
    return type(settings.__name__, (settings,), {"commands_allowed": False, "__module__": settings.__module__})


def text_of(document: Document, *, allow_exec: bool) -> Text:
    """How to get the text; nothing is read yet. Raises ValueError for a command that is not allowed."""
    if document.command is not None:
        return text_of_command(document.command, document.env, allow_exec=allow_exec)
    if document.file is not None:
        return text_of_file(document.file)
    assert document.url is not None
    return text_of_url(document.url, document.bearer, document.ca_file)


def text_of_command(command: Command, env: Mapping[str, str | Secret], *, allow_exec: bool) -> Text:
    """What the command prints. Raises ValueError when commands are not allowed."""
    if not allow_exec:
        raise ValueError(NOT_ALLOWED)
    return partial(_printed, command, env)


def text_of_url(address: str, bearer: Secret | None, ca_file: str | None) -> Text:
    """What the address answers."""
    return partial(_asked, address, bearer, ca_file)


async def _printed(command: Command, env: Mapping[str, str | Secret]) -> bytes:
    commands = Commands()
    try:
        done = await commands.run(command, env, TEXT_LIMIT)
    except CommandFailure as failure:
        raise BackupFailure(failure.reason, failure.detail) from None
    except ValueError as error:
        raise BackupFailure(Reason.INTERNAL, str(error)) from None
    finally:
        await commands.settle()
    if done.code:
        raise BackupFailure(Reason.ERROR_CODE, f"{command[0]} {done.complaint}")
    return done.out


async def _asked(address: str, bearer: Secret | None, ca_file: str | None) -> bytes:
    return await fetch.body(URL(address), _authorization(bearer), ca_file=ca_file)


def text_of_file(name: str) -> Text:
    """What stands in a regular file of at most TEXT_LIMIT bytes."""
    path = Path(name)

    def read() -> bytes:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BackupFailure(Reason.ASSERTION, f"{name} is not a regular file; name one that holds the output")
        with path.open("rb") as file:
            content = file.read(TEXT_LIMIT + 1)
        if len(content) > TEXT_LIMIT:
            raise BackupFailure(Reason.TOO_LARGE, f"{name} is larger than {TEXT_LIMIT} bytes")
        return content

    return Aside(read, f"reading {name}")


def _authorization(bearer: Secret | None) -> dict[str, str]:
    """Headers with the token. Raises BackupFailure when it cannot be read, or is no header."""
    if bearer is None:
        return {}
    try:
        token = bearer.reveal()
    except ValueError as error:
        raise BackupFailure(Reason.INTERNAL, str(error)) from None
    if not token.isascii() or not token.isprintable():
        raise BackupFailure(Reason.INTERNAL, "the bearer token holds characters that no header can carry")
    return {"Authorization": f"Bearer {token}"}


def parsed(shape: TypeAdapter[Shape], text: bytes, what: str) -> Shape:
    """The text as the shape that we expect. Raises BackupFailure that names the place and repeats no value."""
    try:
        return shape.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        at = ".".join(str(step) for step in first["loc"])
        raise BackupFailure(
            Reason.PROTOCOL, f"this is not {what}{f', at {at}' if at else ''}: {_without_value(first)}"
        ) from None


def _without_value(problem: object) -> str:
    assert isinstance(problem, dict)
    return "the time cannot be read" if problem["type"] == "value_error" else str(problem["msg"])
