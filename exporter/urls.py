"""URLs in which a password may stand."""

from urllib.parse import SplitResult, urlsplit


def split(text: str, what: str, right: str) -> SplitResult:
    """The parts of a URL. Raises ValueError with what would be right; Python's own sentence would repeat what it could not
    read, and that may be the password."""
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError(f"the {what} cannot be read; write [, ] and what is not ASCII as %5B, like {right}") from None
