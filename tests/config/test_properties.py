"""Whatever is in the file, loading it ends, and ends well: a configuration, or errors that can be read."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import TEMPLATES, ConfigError, load, masked_yaml, template
from exporter.probes import KINDS
from exporter.settings import LONGEST, format_duration, mask, parse_duration, parse_ratio

PROBLEM = re.compile(r"[^\n]+:[1-9][0-9]*:[1-9][0-9]*: [^\n]+: [^\n]+")
WORDS = [
    "systems",
    "sites",
    "components",
    "hk",
    "web",
    "home",
    "tiers",
    "default",
    "probing",
    "interval",
    "http",
    "url",
    "postgres",
    "dsn",
    "tcp",
    "entry",
    "canary",
    "every",
    "rpo",
    "site_loss",
    "objectives",
    "exporter",
    "references",
    "systems_from",
    "contacts",
    "password",
    "env",
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*WORDS, "5s", "1%", "a:80"]),
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=30,
)
quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def ends_well(file: Path) -> None:
    """Load it; only a ConfigError may come, and every problem is one line that says where."""
    try:
        result = load(file, KINDS)
        yaml.safe_load(masked_yaml(result))
        problems = result.warnings
    except ConfigError as error:
        problems = error.problems
        assert problems
    assert all(PROBLEM.fullmatch(str(problem)) for problem in problems)


@quick
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    """Arbitrary bytes never raise anything but ConfigError."""
    file = tmp_path / "dr.yml"
    file.write_bytes(content)
    ends_well(file)


@quick
@given(tree=st.dictionaries(st.sampled_from(WORDS), trees, max_size=5))
def test_any_tree(tree: dict[str, Any], tmp_path: Path) -> None:
    """Nor does any YAML that uses our words in the wrong places."""
    file = tmp_path / "dr.yml"
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    ends_well(file)


@quick
@given(data=st.data())
def test_any_damage(data: st.DataObject, tmp_path: Path) -> None:
    """Nor does a good file in which something was cut out or typed over."""
    text = template(data.draw(st.sampled_from(TEMPLATES)))
    start = data.draw(st.integers(0, len(text)))
    end = start + data.draw(st.integers(0, 30))
    file = tmp_path / "dr.yml"
    file.write_text(
        text[:start] + data.draw(st.text(alphabet="abc:{}[]-#&*!|>'\"%@ \n\t5s", max_size=5)) + text[end:],
        encoding="utf-8",
    )
    ends_well(file)


@given(milliseconds=st.integers(0, int(LONGEST * 1000)))
def test_durations_round_trip(milliseconds: int) -> None:
    """What is formatted is parsed to the same number of seconds."""
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-4, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("5s", 5),
        ("15m", 900),
        ("4h", 14400),
        ("90d", 7776000),
        ("1h30m", 5400),
        ("0", 0),
        ("1.5s", 1.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are a number and a unit, or several."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5s!", "٥s", "1e3s", "9" * 500 + "s", "5x", "1d1"])
def test_no_durations(text: str) -> None:
    """Everything else is refused with examples of what is right."""
    with pytest.raises(ValueError, match="write a number and a unit, like 250ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("99.99%", 0.9999), ("0.999", 0.999), (1, 1), (0, 0), ("100%", 1), ("88 %", 0.88)]
)
def test_ratios(text: object, ratio: float) -> None:
    """Ratios are percentages or numbers from 0 to 1."""
    assert parse_ratio(text) == ratio


@given(
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9!$*+,;=@%_.-]{6,20}", fullmatch=True),
)
def test_mask(user: str, password: str) -> None:
    """No password outlives masking, whichever way it is written, and masking twice changes nothing."""
    for text in (
        f"postgresql://{user}:{password}@db:5432/x",
        f"host=db password='{password}' user={user}",
        f'{{"password": "{password}"}}',
    ):
        masked = mask(text)
        assert password not in masked.replace(user, "")
        assert mask(masked) == masked
