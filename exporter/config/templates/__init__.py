"""The configurations that `init` writes."""

from importlib.resources import files

NAMES = ("dingtalk", "http", "mariadb", "postgres", "redis")


def template(name: str) -> str:
    """A commented dr.yml to start from. Raises ValueError for a name that is not in NAMES."""
    if name not in NAMES:
        raise ValueError(f"there is no template {name!r}; choose from: {', '.join(NAMES)}")
    return (files(__package__) / f"{name}.yml").read_text(encoding="utf-8")
