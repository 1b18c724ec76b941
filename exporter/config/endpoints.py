"""An endpoint: which kind it is, that kind's settings, and whether the files and variables that they name are there."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

from exporter.config.problem import Path
from exporter.config.report import Report, nearest
from exporter.config.validate import validate
from exporter.core.model import Part
from exporter.settings import Secret, Settings, is_secret_key, mask, read_secret_file

_PLACE = re.compile(r"\{\w+\}")


class Named(Protocol):
    """Something that is written under its name: a kind of probe, a source of backups, a question."""

    @property
    def settings(self) -> type[Settings]: ...
    @property
    def short(self) -> str | None:
        """The settings' key that a plain string stands for."""
        ...


class Source(Named, Protocol):
    """What the configuration has to know of a source of backups."""

    @property
    def verified(self) -> type[Settings]:
        """How it may be told when a restore was verified last."""
        ...


class Question(Named, Protocol):
    """What a kind can be asked besides whether it works."""

    @property
    def alone(self) -> Named | None:
        """The same where no endpoint is beside it, so that it has to name whom to ask."""
        ...


class Kind(Named, Protocol):
    """What the configuration has to know of a kind of probe."""

    @property
    def name(self) -> str: ...
    @property
    def question(self) -> Question | None: ...
    @property
    def permissions(self) -> Callable[[Any], bool]:
        """Whether a good look with these settings proves that who logs in may also work."""
        ...

    @property
    def stateful(self) -> Callable[[Any], bool]:
        """Whether an endpoint with these settings tells its role."""
        ...

    @property
    def canary(self) -> Callable[[Any], bool]:
        """Whether an endpoint with these settings can store canary markers."""
        ...

    @property
    def tells_site(self) -> Callable[[Any], bool]:
        """Whether the answer at an entry with these settings says which site gave it."""
        ...

    @property
    def names_sites(self) -> Callable[[Any], Collection[str]]:
        """The sites that these settings name."""
        ...


class Endpoint(NamedTuple):
    """What stands behind a part: build its probe from the kind of this name with these settings."""

    part: Part
    kind: str
    settings: Settings


def endpoint(part: Part, raw: Any, path: Path, kinds: Mapping[str, Kind], report: Report) -> Endpoint | None:
    """The endpoint that is written at a path; None when it cannot be used, which is then reported."""
    found = told(raw, path, kinds, report, "to look at", '{tcp: "10.1.0.7:443"}')
    return None if found is None else Endpoint(part, kinds[found[0]].name, found[1])


def told(
    raw: Any, path: Path, table: Mapping[str, Named], report: Report, what: str, example: str
) -> tuple[str, Settings] | None:
    """Which of a table is written at a path, and its settings; None when they cannot be used, which is then reported."""
    if not isinstance(raw, dict) or not raw:
        report.error(path, f"needs what {what}; write one of {', '.join(sorted(table))}, like {example}")
        return None
    known = [key for key in raw if key in table]
    _report_strangers(raw, known, path, table, report)
    if len(known) != 1:
        return None
    one, path, given = table[known[0]], (*path, known[0]), raw[known[0]]
    if given is None:
        given = {}
    elif isinstance(given, str) and one.short is not None:
        given = {one.short: given}
    settings = validate(one.settings, given, path, report)
    if settings is None:
        return None
    check_secrets(settings, path, report)
    return known[0], settings


def _report_strangers(
    raw: Mapping[str, Any], known: list[str], path: Path, kinds: Mapping[str, Named], report: Report
) -> None:
    for extra in known[1:]:
        text = f"is a second kind beside '{known[0]}'; keep one, or make it a component of its own"
        report.error((*path, extra), text, at_key=True)
    for key in raw:
        if key in kinds:
            continue
        if not known:
            report.error((*path, key), f"unknown kind; {nearest(key, kinds)}", at_key=True)
        elif key in kinds[known[0]].settings.written_keys():
            report.error((*path, key), f"belongs to the kind; write it under '{known[0]}'", at_key=True)
        else:
            report.error(
                (*path, key), f"unknown key; '{known[0]}' stands alone here, with its settings under it", at_key=True
            )


def check_secrets(settings: BaseModel, path: Path, report: Report) -> None:
    """Report secrets that cannot be read (an error) or stand in the open (a warning), and other files that are not there."""
    for at, value in _leaves(settings, path):
        try:
            _read(str(at[-1]), value)
        except ValueError as error:
            report.error(report.existing(at), str(error))
        if (isinstance(value, Secret) and value.plain is not None) or (
            isinstance(value, str) and _in_the_open(str(at[-1]), value)
        ):
            report.warning(
                at,
                "a secret stands here in plain text; keep it in a file (password_file: …) or in the environment ({env: NAME})",
            )


def _read(key: str, value: Any) -> None:
    """Raises ValueError when the value is a secret, or names a file, that cannot be read now."""
    if isinstance(value, Secret):
        value.reveal()
    elif isinstance(value, str) and key.endswith("_file"):
        if is_secret_key(key.removesuffix("_file")):
            read_secret_file(FilePath(value))
        elif not FilePath(value).is_file():
            raise ValueError(f"there is no file {value}; create it, readable by this process")


def _in_the_open(key: str, value: str) -> bool:
    """Whether a secret is written there; `{token}` only names what an earlier answer of a flow told."""
    value = _PLACE.sub("", value)
    return mask(value) != value or (is_secret_key(key) and bool(value))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, BaseModel) and not isinstance(value, Secret):
        for name, field in type(value).model_fields.items():
            yield from _leaves(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, Mapping):
        for name, deeper in value.items():
            yield from _leaves(deeper, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for index, deeper in enumerate(value):
            yield from _leaves(deeper, (*path, index))
    else:
        yield path, value
