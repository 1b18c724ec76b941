"""Kind `exec`: a command of the user's own looks, and tells what it saw as JSON on its standard output.

    exec: {command: [/usr/lib/checks/orders, --json], env: {TOKEN: {file: /run/secrets/orders}}}

    {"ok": true, "detail": "312 orders in the last minute", "role": "primary", "writable": true, "epoch": "3", "position": 123}

It exits with 0, whether ok or not; any other code means that the check itself has failed. There is no shell. Whoever may
write the configuration could run anything as the exporter's user: therefore this kind is off unless the exporter is
started with --allow-exec.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from exporter.command import Command, CommandFailure, Commands, Finished, Variable
from exporter.core.model import Facts, Instant, Reason, Role
from exporter.core.position import counted
from exporter.probes.kind import Ask, Context, Failure, Kind, Look
from exporter.probes.tripwire import nothing_to_hold
from exporter.probes.wire import PROCESSING, Stopwatch
from exporter.settings import Secret, Settings, Size, mask


class ExecSettings(Settings):
    """A command. `env` is added to PATH, HOME, LANG, LC_ALL and TZ; nothing else of our environment is passed on."""

    command: Command
    env: dict[Variable, str | Secret] = Field(default={})
    max_output: Annotated[Size, Field(ge=1, le=16 << 20)] = 64 << 10
    """Bytes of standard output; more are a failure."""
    tells: tuple[Literal["role", "served_by"], ...] = ()
    """What a good answer always holds. `role` makes the component one that works only where it is primary; `served_by` of an
    entry makes traffic follow the site that it names."""


class Forbidden(ExecSettings):
    """What is written under `exec:` while it is not allowed."""

    @model_validator(mode="before")
    @classmethod
    def _refused(cls, value: object) -> object:
        raise ValueError(
            "exec runs a command as the exporter's user, which is off; start serve and check with --allow-exec, or use another kind"
        )


_Position = Annotated[int, AfterValidator(counted)]


class Answer(BaseModel):
    """What a command may say. Other keys are passed over; null is the same as nothing."""

    model_config = ConfigDict(strict=True)

    ok: bool
    detail: str | None = None
    role: Literal["primary", "standby", "unknown"] | None = None
    writable: bool | None = None
    epoch: str | int | None = None
    position: _Position | None = None
    applied: _Position | None = None
    connected: bool | None = None
    served_by: str | None = None

    def facts(self) -> Facts:
        return Facts(
            role=None if self.role is None else Role(self.role),
            writable=self.writable,
            epoch=None if self.epoch is None else str(self.epoch),
            position=self.position,
            applied=self.applied,
            connected=self.connected,
            served_by=self.served_by,
        )


class ExecProbe:
    """One command, run anew for each look."""

    def __init__(self, settings: ExecSettings, known: Context) -> None:
        self._settings = settings
        self._commands = Commands()
        self.target = mask(" ".join(settings.command))

    async def look(self, ask: Ask) -> Look:
        with Stopwatch() as watch:
            watch.enter(PROCESSING)
            done = await self._run()
            answer = _answer(done)
            detail = done.hidden(answer.detail or "")
            if not answer.ok:
                raise Failure(Reason.ASSERTION, detail or "the command says that it is not ok")
            self._check_told(answer)
            return Look(answer.facts(), watch.phases(), detail)

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        raise Failure(Reason.INTERNAL, "a command cannot store markers")

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        await nothing_to_hold()

    async def close(self) -> None:
        await self._commands.close()

    async def _run(self) -> Finished:
        settings = self._settings
        try:
            return await self._commands.run(settings.command, settings.env, settings.max_output)
        except CommandFailure as failure:
            raise Failure(failure.reason, failure.detail) from None
        except ValueError as error:
            raise Failure(Reason.AUTH, f"the command's environment cannot be made: {error}") from None

    def _check_told(self, answer: Answer) -> None:
        for fact in self._settings.tells:
            if getattr(answer, fact) is None:
                raise Failure(Reason.PROTOCOL, f"the command's answer has no {fact}, which `tells` promises")


def _answer(done: Finished) -> Answer:
    if done.code:
        raise Failure(Reason.ASSERTION, f"the command {done.complaint}")
    try:
        return Answer.model_validate(json.loads(done.out))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in found["loc"][:1]) or "it"
        raise Failure(Reason.PROTOCOL, f"the command's JSON is not as it should be: {where}: {found['msg']}") from None
    except (ValueError, RecursionError):
        right = 'print one object like {"ok": true}'
        raise Failure(Reason.PROTOCOL, f"the command exits with 0, but does not answer JSON; {right}") from None


def _tells(fact: str) -> Callable[[Any], bool]:
    return lambda settings: fact in settings.tells


KIND = Kind(
    name="exec", settings=ExecSettings, build=ExecProbe, stateful=_tells("role"), tells_site=_tells("served_by")
)
FORBIDDEN = Kind(name="exec", settings=Forbidden, build=ExecProbe)
