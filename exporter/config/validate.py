"""Data against a pydantic model, so that one wrong value hides no other.

What is wrong is reported and left out, and the rest is validated again, until it holds: later checks then see everything that
was right.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.problem import Path
from exporter.config.report import Report
from exporter.config.sentences import sentence, union_noise

M = TypeVar("M", bound=BaseModel)
_ROUNDS = 20


def validate(model: type[M], data: Any, prefix: Path, report: Report) -> M | None:
    """The model of what is right in the data that stands at `prefix`; None when nothing of it can be used.

    `data` is changed: what is wrong is removed from it.
    """
    left_out: set[Path] = set()
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found = error.errors(include_url=False)
        _tell(found, model, prefix, report, left_out)
        # All are looked up before any is removed: what is gone leads to its container.
        wrong = {_steps(data, one["loc"][:-1] if one["type"] == "missing" else one["loc"]) for one in found}
        if () in wrong:
            return None
        for steps in wrong:
            _remove(data, steps)
        left_out |= wrong
    return None


def _tell(found: list[ErrorDetails], model: type[BaseModel], prefix: Path, report: Report, left_out: set[Path]) -> None:
    told: set[Path] = set()
    paths = [_path(error, prefix, report) for error in found]
    for error, path in zip(found, paths, strict=True):
        missing = error["type"] == "missing"
        loc = error["loc"][:-1] if missing else error["loc"]
        # What was left out may be missed where it stood, and above.
        consequence = any(gone[: len(loc)] == loc for gone in left_out)
        if path in told or consequence or union_noise((*prefix, *loc), path, paths):
            continue
        # Two forms of one value that both failed are one finding; two keys missing in one place are two.
        if not missing:
            told.add(path)
        at_key = missing or error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        report.error(path, sentence(error, model), at_key=at_key)


def _path(error: ErrorDetails, prefix: Path, report: Report) -> Path:
    loc = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    return report.existing((*prefix, *loc))


def _steps(data: Any, loc: tuple[str | int, ...]) -> Path:
    """The way to what has to go: a list goes as a whole, so that the others keep their places."""
    steps: list[str | int] = []
    for step in loc:
        if isinstance(data, list):
            break
        if isinstance(data, Mapping) and step in data:
            data = data[str(step)]
            steps.append(step)
    return tuple(steps)


def _remove(data: Any, steps: Path) -> None:
    for step in steps[:-1]:
        data = data.get(step, {})
    data.pop(steps[-1], None)
