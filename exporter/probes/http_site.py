"""Which site gave an answer: as the answer tells it, or the connection on which it came."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, model_validator

from exporter.probes.certificate import names
from exporter.probes.http_exchange import Reply
from exporter.probes.http_place import Finder, Place


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a network; write one like 10.1.0.0/24 or a single address") from None
    return text


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Ready = TypeVar("Ready")
Network = Annotated[str, AfterValidator(_network)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_several)]
Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class ServedBy(Place):
    """Where it is told which site gave the answer.

    What a header, JSON or text says is the name of a site, or is translated by `sites`. A name that is not one of the
    system's sites tells nothing.
    """

    RIGHT: ClassVar[str] = (
        "exactly one of header, json, regex, address and certificate, like {header: X-Served-By}"
        ' or {address: {hk: "10.1.0.0/24"}}'
    )

    sites: dict[str, str] | None = None
    """What is told -> site. Shell patterns count: {"hk-web-*": hk}; the first that fits."""
    address: dict[str, Networks] | None = None
    """Site -> the networks of its addresses. What counts is the address that the connection reached."""
    certificate: dict[str, Names] | None = None
    """Site -> the names, or shell patterns of them, that only the certificates shown there bear."""

    @model_validator(mode="after")
    def _translates_what_is_told(self) -> "ServedBy":
        if self.sites is not None and (self.address is not None or self.certificate is not None):
            raise ValueError(
                "sites translates what header, json or regex tells; address and certificate name sites already"
            )
        return self

    @property
    def ways(self) -> tuple[object, ...]:
        return *super().ways, self.address, self.certificate

    @property
    def named(self) -> frozenset[str]:
        """The sites that are named here."""
        return (
            frozenset((self.sites or {}).values()) | frozenset(self.address or {}) | frozenset(self.certificate or {})
        )


class Site:
    """`served_by:`, ready to be asked."""

    def __init__(self, served_by: ServedBy) -> None:
        self._networks = _each(served_by.address, ip_network)
        self._names = _each(served_by.certificate, str.lower)
        self._sites = served_by.sites or {}
        connection = bool(self._networks or self._names)
        self._told = None if connection else Finder(served_by)
        self.needs_json = self._told is not None and self._told.needs_json
        self.needs_peer = bool(self._networks)

    async def of(self, reply: Reply, document: object) -> str | None:
        """The site; None where nothing is told, or where more than one site fits."""
        if self._told is not None:
            return self._translated(await self._told.find(reply.answer, document))
        if self._networks:
            reached = ip_address(reply.peer)
            return _only(site for site, network in self._networks if reached in network)
        shown = names(reply.certificate)
        return _only(site for site, wanted in self._names if any(fnmatchcase(name, wanted) for name in shown))

    def _translated(self, told: object) -> str | None:
        if not isinstance(told, str | int) or isinstance(told, bool):
            return None
        text = str(told).strip()[:200]
        return next((site for pattern, site in self._sites.items() if fnmatchcase(text, pattern)), text)


def _each(sites: Mapping[str, tuple[str, ...]] | None, ready: Callable[[str], Ready]) -> list[tuple[str, Ready]]:
    return [(site, ready(one)) for site, several in (sites or {}).items() for one in several]


def _only(sites: Iterable[str]) -> str | None:
    found = set(sites)
    return found.pop() if len(found) == 1 else None
