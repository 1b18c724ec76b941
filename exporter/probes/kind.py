"""What a probe kind is: one type of endpoint that can be looked at, and maybe written to.

A kind is one file: its settings (pydantic) and its probe. It is listed in `exporter.probes.KINDS`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias

from pydantic import Field

from exporter.core.model import NO_FACTS, NO_PHASES, Facts, Instant, Phases, Reason
from exporter.settings import Settings


class Failure(Exception):  # noqa: N818 - it is the field's own word for what a look brings back
    """A look that did not go as it should. `detail` is for people and must not hold a secret."""

    def __init__(self, reason: Reason, detail: str = "", phases: Phases = NO_PHASES) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.phases = phases


class Taken(Failure):
    """A marker's number is there already, or a later one where numbers can only grow: another marker has it, of an earlier run or
    of an exporter that is called the same. The server works; nothing was written."""

    def __init__(self, seq: int) -> None:
        super().__init__(Reason.ERROR_CODE, f"the number {seq} is taken; is another exporter called the same?")


class Look(NamedTuple):
    """What a look that went well brought back."""

    facts: Facts = NO_FACTS
    phases: Phases = NO_PHASES
    detail: str = ""
    """What else is worth a sentence for people; no rule reads it, and it holds no secret."""


class Ask(NamedTuple):
    """How to look."""

    fresh: bool
    """Use a connection made for this look. Without it a kept one may serve, if the kind keeps one."""
    markers_after: int | None = None
    """Also read the canary markers above this number, if the endpoint stores them."""


STALL = 0.02
"""Seconds for which we may stand still before we suspect ourselves instead of the endpoint."""
BREATH, BREATHS = 0.1, 10
"""Seconds that are given at least to read what came while we stood still, and how often: an answer may take some steps."""


class Deadline:
    """The time of one look: cancels the task that is inside when it has passed, and makes a TimeoutError of that.

    It does what `asyncio.timeout_at()` does, at a third of the price, and can call somebody before with the same timer. And
    it does not hold against the other side that we stood still ourselves: timers ring before anything is read, so the answer
    may have been there all the time. What we could not hear is given once more.
    """

    __slots__ = (
        "_before", "_breaths", "_cancelling", "_grace", "_loop", "_stood", "_stood_then", "_task", "_timer", "expired",
        "given", "until",
    )  # fmt: skip

    def __init__(self, until: Instant, grace: float | None = None, stood: Callable[[], float] = lambda: 0.0) -> None:
        """`until`: on the event loop's clock, which is the monotonic one. `grace`: how many seconds are given once more at
        most (None: as many as there were). `stood`: for how many seconds the loop stood still so far, as far as is known."""
        self.until = until
        self.expired = False
        self._loop = asyncio.get_running_loop()
        self._before: tuple[Instant, Callable[[], None]] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelling = 0
        self._breaths = 0
        self._grace = grace
        self.given = 0.0
        """Seconds once more, so far."""
        self._stood = stood
        self._stood_then = stood()

    def reschedule(self, until: Instant) -> None:
        """Another end, sooner or later; without effect once it has expired."""
        self.until = until
        self._arm_again()

    def call_before(self, when: Instant, call: Callable[[], None]) -> None:
        """Call once at `when`, if that comes before the end."""
        self._before = (when, call)
        self._arm_again()

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._loop)
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        if self._grace is None:
            self._grace = max(0.0, self.until - self._loop.time())
        self._arm()

    @property
    def deaf(self) -> float:
        """For how many seconds we stood still since this was made, as far as is known."""
        return self._stood() - self._stood_then

    def stalled(self, due: Instant) -> float:
        """The same, if something was to happen at `due` and happens now."""
        return max(self.deaf, self._loop.time() - due)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._before = None  # whom it would call knows this look: a cycle for the collector, eleven objects a look
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _arm(self) -> None:
        when = self.until if self._before is None else min(self.until, self._before[0])
        self._timer = self._loop.call_at(when, self._ring)

    def _arm_again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._arm()

    def _ring(self) -> None:
        assert self._task is not None
        before, self._before = self._before, None
        if before is not None and before[0] < self.until:
            self._arm()
            before[1]()
        elif (more := self._owed()) > 0:
            self.given += more
            self.until = self._loop.time() + more
            self._arm()
        else:
            self._timer = None
            self.expired = True
            self._task.cancel()

    def _owed(self) -> float:
        """Seconds that are to be given once more, now that the time is over."""
        assert self._grace is not None
        unheard = min(self.stalled(self.until) - self.given, self._grace - self.given)
        if unheard > STALL:
            return unheard
        if self._loop.time() - self.until > STALL and self._breaths < BREATHS:
            self._breaths += 1  # we have stood still just now, however much was given before
            return BREATH
        return 0.0


class Probe(Protocol):
    """One endpoint, ready to be looked at. Made by its kind, closed by the engine.

    Methods are cancelled when their deadline passes; they must then leave nothing open. They raise `Failure` for whatever
    they understand; `exporter.probes.attempt` turns anything else into a reason.
    """

    @property
    def target(self) -> str:
        """host:port or URL for people and for service discovery, secrets masked."""
        ...

    async def look(self, ask: Ask) -> Look: ...

    async def write_marker(self, seq: int, sent_at: float, *, fresh: bool) -> None:
        """Write one canary record (`sent_at` in Unix seconds, for people) and return when it is acknowledged. Raises Taken if its
        number is there already."""
        ...

    async def hold(self, broken: Callable[[Instant], None]) -> None:
        """Keep one idle connection (the tripwire). Call `broken` at once when the other side ends it, with the instant of
        that, then return.

        Raises Failure if it cannot be made. Cancelled by the engine when it is no longer wanted. A kind without
        connections awaits `tripwire.nothing_to_hold()`.
        """
        ...

    async def close(self) -> None: ...


class Context(NamedTuple):
    """What a probe may know besides its settings."""

    vantage: str
    canary_table: str = "rto_rpo.canary"


Value: TypeAlias = float | str | None
"""What a question was answered: a number, or a text that is compared as it is."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a kind can be asked besides whether it works, for parity of the sites and for business figures."""

    settings: type[Settings]
    build: Callable[[Any, Any, Probe | None], Callable[[], Awaitable[Value]]]
    """(the question's settings, the endpoint's settings, its probe) -> ask; does no I/O. Without an endpoint both are None."""
    short: str | None = None
    """The settings' key that a plain string stands for."""
    alone: "Question | None" = None
    """The same where no endpoint is beside it, so that it has to name whom to ask."""


class Statement(Settings):
    """A question to a database, in its own language. It changes nothing there."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]


class Database(Protocol):
    """A probe that can be asked in the database's own language."""

    async def ask(self, query: str) -> Value:
        """The answer of a statement that may change nothing: one value as it is (numbers as float), several as a digest
        of all, None for no row or NULL. Raises Failure.
        """
        ...


def _to_database(question: Statement, _: Any, probe: Any) -> Callable[[], Awaitable[Value]]:
    database: Database = probe
    return partial(database.ask, question.query)


DATABASE_QUESTION = Question(Statement, _to_database)


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of the table of kinds."""

    name: str
    settings: type[Settings]
    build: Callable[[Any, Context], Probe]
    """(settings, context) -> probe; does no I/O."""
    stateful: Callable[[Any], bool] = lambda settings: False
    """Whether an endpoint with these settings tells its role."""
    canary: Callable[[Any], bool] = lambda settings: False
    """Whether an endpoint with these settings can store canary markers."""
    tells_site: Callable[[Any], bool] = lambda settings: False
    """Whether the answer at an entry with these settings says which site gave it."""
    names_sites: Callable[[Any], Collection[str]] = lambda settings: ()
    """The sites that these settings name, so that a name that is none is found before it is needed."""
    short: str | None = None
    """The settings' key that a plain string stands for, e.g. `tcp: "host:port"`."""
    permissions: Callable[[Any], bool] = lambda settings: False
    """Whether a good look with these settings logs in and then does what users do: it proves their permissions."""
    question: Question | None = None
