"""Values in the query of a request, read strictly."""

from aiohttp import web


def number(request: web.Request, key: str, default: int | None, most: int | None) -> int | None:
    """A whole number from 1 to `most`. Raises ValueError with what would be right."""
    text = request.query.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19 and 1 <= int(text) <= (most or 10**18)):
        reach = f"from 1 to {most}" if most else "from the `next` of the page before"
        raise ValueError(f"{key} is not usable; give a whole number {reach}")
    return int(text)


def flag(request: web.Request, key: str) -> bool:
    """`true` or `false`, false if it is not given. Raises ValueError with what would be right."""
    text = request.query.get(key, "false")
    if text not in ("true", "false"):
        raise ValueError(f"{key} is not usable; give true or false")
    return text == "true"
