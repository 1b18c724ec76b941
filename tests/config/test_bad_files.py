"""A table of files, each with the exact sentences that it must give, in the order of the file.

`# expect:` is an error, `# warn:` a warning of a file without errors; both are written without the file's own name, and with
`{kinds}` for the list of all kinds.
"""

from pathlib import Path

import pytest

from exporter.backups import SOURCES
from exporter.config import ConfigError, load
from exporter.probes import permitted

KINDS = permitted(allow_exec=False)
BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.yml")))
def test_bad_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file gives exactly its sentences, all at once."""
    monkeypatch.chdir(BAD)
    text = Path(name).read_text(encoding="utf-8")
    lines = text.replace("{kinds}", ", ".join(sorted(KINDS))).splitlines()
    errors = [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]
    warnings = [line.removeprefix("# warn: ") for line in lines if line.startswith("# warn: ")]
    assert errors or warnings
    try:
        assert [
            str(problem).removeprefix(f"{name}:") for problem in load(Path(name), KINDS, SOURCES).warnings
        ] == warnings
        assert not errors
    except ConfigError as error:
        assert [str(problem).removeprefix(f"{name}:") for problem in error.problems] == errors


def test_there_are_enough() -> None:
    """The table does not shrink unseen."""
    assert len(list(BAD.glob("*.yml"))) >= 60
