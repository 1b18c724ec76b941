"""Kind `redis`: role, replication id, offsets, replicas and canary of one Redis server (5 or later), or of the one that Sentinels name.

    redis: {url: "rediss://dr_probe@10.1.0.5:6379/0", password_file: /run/secrets/chat}
    redis: {sentinels: ["10.1.0.9:26379", "10.2.0.9:26379", "10.3.0.9:26379"], master_name: chat,
            username: dr_probe, password_file: /run/secrets/chat, served_by: {"10.1.0.5:6379": hk, "10.2.0.5:6379": sg}}

The user that it needs is made by `deploy/database-roles/redis.acl`. A database that the server does not have is an
`assertion`: the server answers, but it is not the one that was meant.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple
from urllib.parse import unquote

from pydantic import AfterValidator, Field, field_validator, model_validator

from exporter.probes.kind import Context, Kind, Probe
from exporter.probes.redis_link import Login, Server
from exporter.probes.redis_probe import RedisProbe
from exporter.probes.redis_sentinel import SentinelProbe, Sentinels
from exporter.probes.tcp import HostPort, host_port
from exporter.probes.tls import Tls
from exporter.settings import Secret, Settings
from exporter.urls import split

RIGHT = "redis://10.1.0.5:6379/0"
PORT = 6379
SENTINELS_ONLY = ("master_name", "db", "served_by", "sentinel_username", "sentinel_password")


class Url(NamedTuple):
    """What a redis:// URL says."""

    address: HostPort
    db: int
    username: str | None
    password: Secret | None
    tls: bool


def parse_url(text: str) -> Url:
    """Raises ValueError with what would be right; the sentence never repeats a password."""
    parts = split(text, "url", RIGHT)
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError(f"the url must begin with redis:// (or rediss:// for TLS), like {RIGHT}")
    if not parts.hostname or "," in parts.netloc:
        raise ValueError(f"the url must name exactly one host, like {RIGHT}")
    if parts.query or parts.fragment:
        raise ValueError(f"the url ends with the number of the database; write it like {RIGHT}")
    try:
        port = PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError(f"the url's port must be a number from 1 to 65535, like {RIGHT}")
    db = parts.path.strip("/") or "0"
    if not db.isdecimal() or len(db) > 9:
        raise ValueError(f"the url ends with the number of the database; write it like {RIGHT}")
    username = unquote(parts.username) if parts.username else None
    password = Secret(plain=unquote(parts.password)) if parts.password else None
    return Url(HostPort(parts.hostname, port), int(db), username, password, parts.scheme == "rediss")


def _address(text: str) -> str:
    host_port(text)
    return text.strip()


Address = Annotated[str, AfterValidator(_address)]


class RedisSettings(Settings):
    """One server by its `url`, or the one that `sentinels` name. A `password` is kept out of the url; one that stands in it
    works too."""

    url: str | None = None
    username: str | None = None
    """An ACL user (Redis 6 or later); without one the password is that of `requirepass`."""
    password: Secret | None = None
    tls: bool | Tls = False
    sentinels: Annotated[tuple[Address, ...], Field(min_length=1)] | None = None
    master_name: str | None = None
    db: Annotated[int, Field(ge=0)] = 0
    served_by: Mapping[Address, str] | None = None
    """Address as the Sentinels tell it -> the site that it belongs to."""
    sentinel_username: str | None = None
    sentinel_password: Secret | None = None

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None:
            parse_url(value)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "RedisSettings":
        if (self.url is None) == (self.sentinels is None):
            raise ValueError(f"redis needs exactly one of url (like {RIGHT}) and sentinels, with master_name")
        if self.sentinels is not None and not self.master_name:
            raise ValueError("sentinels need master_name: the name under which they watch the primary, like mymaster")
        if self.url is not None:
            for name in SENTINELS_ONLY:
                if name in self.model_fields_set:
                    raise ValueError(f"{name} belongs to sentinels; leave it out beside a url")
        return self

    @model_validator(mode="after")
    def _one_login(self) -> "RedisSettings":
        url = parse_url(self.url) if self.url is not None else None
        if url is not None and url.password is not None and self.password is not None:
            raise ValueError("the url holds a password, and password is given too; keep it out of the url")
        if url is not None and url.username is not None and self.username is not None:
            raise ValueError("the url names a user, and username is given too; keep one of them")
        if url is not None and not url.tls and self.tls:
            raise ValueError("the url begins with redis://, which is plain; write rediss:// to speak TLS")
        login = self.login
        if (login.username and login.password is None) or (self.sentinel_username and self.sentinel_password is None):
            raise ValueError("a username needs a password; write it into a file, and name that as password_file")
        return self

    @property
    def login(self) -> Login:
        """At the server."""
        url = parse_url(self.url) if self.url is not None else None
        if url is None:
            return Login(self.username, self.password, self.db, self._tls)
        tls = (self._tls or Tls()) if url.tls else None
        return Login(url.username or self.username, url.password or self.password, url.db, tls)

    @property
    def sentinel_login(self) -> Login:
        """At the Sentinels."""
        return Login(self.sentinel_username, self.sentinel_password, 0, self._tls)

    @property
    def _tls(self) -> Tls | None:
        return Tls() if self.tls is True else self.tls or None


def _build(settings: RedisSettings, context: Context) -> Probe:
    if settings.url is not None:
        return RedisProbe(Server(parse_url(settings.url).address, settings.login), context)
    assert settings.sentinels is not None
    assert settings.master_name is not None
    addresses = [host_port(text) for text in settings.sentinels]
    sites = {host_port(text): site for text, site in (settings.served_by or {}).items()}
    sentinels = Sentinels(addresses, settings.sentinel_login, settings.master_name)
    return SentinelProbe(sentinels, settings.login, sites, context)


KIND = Kind(
    name="redis",
    settings=RedisSettings,
    build=_build,
    stateful=lambda settings: True,
    canary=lambda settings: True,
    tells_site=lambda settings: bool(settings.served_by),
    names_sites=lambda settings: set((settings.served_by or {}).values()),
    short="url",
)
