"""The names that a certificate bears."""

from collections.abc import Iterator
from functools import lru_cache

_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
"""Tags of DER."""
_SUBJECT = 4
"""Comes after serial number, signature, issuer and validity."""
_COMMON_NAME = b"\x55\x04\x03"
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"


@lru_cache(maxsize=4096)
def names(der: bytes) -> frozenset[str]:
    """The subject's common names and the DNS names of the subjectAltName, in lower case; none if it cannot be read.

    Walks RFC 5280's Certificate.tbsCertificate, because `ssl` tells the names only of certificates that it has verified.
    """
    try:
        return frozenset(name.decode("utf-8", "replace").lower() for name in _names(der))
    except (IndexError, ValueError):
        return frozenset()


def _names(der: bytes) -> Iterator[bytes]:
    certificate = _elements(der)[0][1]
    body = [part for part in _elements(_elements(certificate)[0][1]) if part[0] != _VERSION]
    for _, relative in _elements(body[_SUBJECT][1]):
        for _, attribute in _elements(relative):
            (_, kind), (_, value) = _elements(attribute)
            if kind == _COMMON_NAME:
                yield value
    for tag, wrapped in body:
        if tag == _EXTENSIONS:
            for _, extension in _elements(_elements(wrapped)[0][1]):
                (_, kind), *_, (_, value) = _elements(extension)
                if kind == _SUBJECT_ALT_NAME:
                    yield from (name for tag, name in _elements(_elements(value)[0][1]) if tag == _DNS_NAME)


def _elements(content: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element. Raises IndexError or ValueError where the bytes are no DER."""
    found = []
    at = 0
    while at < len(content):
        tag, length, start = content[at], content[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(content[start : start + count], "big"), start + count
        at = start + length
        if at > len(content):
            raise IndexError("an element is cut off")
        found.append((tag, content[start:at]))
    return found
