"""Where one PostgreSQL server is, read from a `postgresql://` URL, and how TLS is spoken with it."""

import ssl
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from exporter.urls import split

OptionalTls = Literal["disable", "allow", "prefer"]
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
OPTIONAL_TLS: tuple[OptionalTls, ...] = ("disable", "allow", "prefer")
OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
RIGHT = "postgresql://user@host:5432/database?sslmode=verify-full"


class Dsn(NamedTuple):
    """One server, one database, one role."""

    host: str
    port: int
    user: str
    database: str
    password: str | None = None
    """As written in the URL; None: it stands elsewhere, or none is needed."""
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None

    @property
    def target(self) -> str:
        """host:port/database, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"


def parse_dsn(text: str) -> Dsn:
    """Raises ValueError with what would be right; the sentence never repeats a password."""
    parts = split(text, "dsn", RIGHT)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"the dsn must begin with postgresql://, like {RIGHT}")
    host = parts.hostname
    if not host or "," in parts.netloc:
        # With several hosts nobody could say which server had answered.
        raise ValueError(f"the dsn must name exactly one host, like {RIGHT}")
    try:
        port = 5432 if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError(f"the dsn's port must be a number from 1 to 65535, like {RIGHT}")
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username or not database:
        raise ValueError(f"the dsn must name a user and a database, like {RIGHT}")
    password = unquote(parts.password) if parts.password else None
    return Dsn(host, port, unquote(parts.username), database, password, **_options(parts.query))


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in OPTIONS:
            raise ValueError(f"the dsn's option {name} is not known; known are {', '.join(OPTIONS)}")
    mode = options.get("sslmode", "prefer")
    if mode not in SSL_MODES:
        raise ValueError(f"the dsn's sslmode must be one of {', '.join(SSL_MODES)}")
    if mode in OPTIONAL_TLS and len(options) > ("sslmode" in options):
        raise ValueError(f"certificates are not used with sslmode={mode}; write sslmode=verify-full")
    if "sslkey" in options and "sslcert" not in options:
        raise ValueError("the dsn has an sslkey without an sslcert; give both, or neither")
    return options


class NamedContext(ssl.SSLContext):
    """Expects the host of the dsn in the certificate, although we connect to the address that we resolved it to."""

    name: str

    def wrap_bio(self, incoming: Any, outgoing: Any, server_side: bool = False, *_: Any, **__: Any) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name)


def tls_of(dsn: Dsn) -> ssl.SSLContext | OptionalTls:
    """What asyncpg wants as `ssl`: one context for every connection to this server, or a mode that it handles itself.

    The meaning of the modes is libpq's, but the system's authorities are trusted where no sslrootcert is given, and
    nothing is read from ~/.postgresql. Raises OSError (of which ssl.SSLError is one) when a file cannot be used.
    """
    for mode in OPTIONAL_TLS:
        if dsn.sslmode == mode:
            return mode
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = dsn.host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = dsn.sslmode == "verify-full"
    if dsn.sslrootcert:
        context.load_verify_locations(cafile=dsn.sslrootcert)
    elif dsn.sslmode == "require":
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    if dsn.sslcert:
        context.load_cert_chain(dsn.sslcert, dsn.sslkey)
    return context
