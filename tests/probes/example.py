"""The example kind of CONTRIBUTING.md, taken from its page as it stands there."""

from functools import cache
from pathlib import Path
from types import ModuleType

from exporter.probes.kind import Kind

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def example_code() -> str:
    """The page's only block of Python."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    assert len(blocks) == 1, f"{PAGE.name} has {len(blocks)} blocks of Python; the example is the only one"
    return blocks[0].partition("```")[0]


@cache
def example_kind() -> Kind:
    """What the block defines as KIND."""
    module = ModuleType("exporter.probes.memcached")
    exec(compile(example_code(), PAGE.name, "exec"), module.__dict__)
    kind = module.__dict__["KIND"]
    assert isinstance(kind, Kind)
    return kind
