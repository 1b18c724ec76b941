"""`--web.config.file`: TLS, client certificates, basic auth and headers, with the keys of Prometheus's exporter-toolkit.

What a Python server cannot do is an error, never silently weaker.
"""

import re
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
BYTES_MOST = 1024 * 1024
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|1\d|2\d|3[01])\$[./A-Za-z0-9]{53}")


class WebConfigError(ValueError):
    """The file cannot be used; the sentence says where, why, and what would be right. It holds no secret."""


def _bcrypt_hash(value: str) -> str:
    if not _HASH.fullmatch(value):
        raise ValueError("is not a bcrypt hash; make one with `htpasswd -nBC 10 USER`")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds a control character; give one line of plain text")
    return value


Version = Literal["TLS12", "TLS13"]
BcryptHash = Annotated[str, AfterValidator(_bcrypt_hash)]
HeaderValue = Annotated[str, AfterValidator(_one_line)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TlsServerConfig(_Keys):
    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"


class HttpHeaders(_Keys):
    """Those that exporter-toolkit knows."""

    content_security_policy: HeaderValue | None = Field(None, alias="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options")
    xss_protection: HeaderValue | None = Field(None, alias="X-XSS-Protection")
    transport_security: HeaderValue | None = Field(None, alias="Strict-Transport-Security")


class HttpServerConfig(_Keys):
    http2: bool = True
    """Accepted for the file's other users: this server speaks HTTP/1.1 only."""
    headers: HttpHeaders | None = None


class WebConfig(_Keys):
    """The whole file; relative paths in it start at its folder."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig | None = None
    basic_auth_users: Mapping[str, BcryptHash] = Field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Headers for every answer; they win over our own."""
        if self.http_server_config is None or self.http_server_config.headers is None:
            return {}
        return self.http_server_config.headers.model_dump(by_alias=True, exclude_none=True)


def load_web_config(path: Path) -> WebConfig:
    """Raises WebConfigError with all that is wrong, a line each."""
    try:
        return WebConfig.model_validate(_content(path))
    except ValidationError as error:
        raise WebConfigError("\n".join(f"{path}: {_sentence(each)}" for each in error.errors())) from None


def _content(path: Path) -> Any:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a FIFO would wait for somebody to write into it
            raise WebConfigError(f"{path}: is not a regular file; name one")
        with path.open("rb") as file:
            text = file.read(BYTES_MOST + 1)
        if len(text) > BYTES_MOST:
            raise WebConfigError(f"{path}: is larger than 1 MiB; it holds more than a web configuration")
        content = yaml.safe_load(text.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise WebConfigError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        why = _hidden(str(getattr(error, "problem", None) or error))
        raise WebConfigError(f"{path}{where}: is not YAML: {why}") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        # PyYAML lets such things pass through: of a date that is none, and of what is nested deeper than it can follow.
        raise WebConfigError(
            f"{path}: is not YAML that can be read ({type(error).__name__}); write it plainer"
        ) from None
    return {} if content is None else content


def _hidden(text: str) -> str:
    """A colon that was forgotten makes a hash part of a key, and keys are named in errors."""
    return _HASH.sub("<secret>", text)


def _sentence(error: Any) -> str:
    """One of pydantic's errors, with what would be right, and without what was given."""
    where = _hidden(".".join(str(step) for step in error["loc"])) or "the file"
    if where.endswith("client_auth_type"):
        return f"{where}: is not supported; use {', '.join(CLIENT_AUTH)}"
    if error["type"] == "extra_forbidden":
        return f"{where}: is not a key that this server supports; leave it out"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"


def tls_context(config: TlsServerConfig, folder: Path) -> ssl.SSLContext:
    """The server's side of TLS; `load_certificate` may be called on it again when the certificate was renewed.

    Raises WebConfigError when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[config.min_version]
    context.maximum_version = VERSIONS[config.max_version]
    verify = CLIENT_AUTH[config.client_auth_type]
    if (verify is ssl.CERT_NONE) is (config.client_ca_file is not None):
        raise WebConfigError(
            "tls_server_config: client_ca_file and a client_auth_type that verifies belong together; give both or neither"
        )
    if config.client_ca_file is not None:
        authorities = folder / config.client_ca_file
        try:
            context.load_verify_locations(authorities)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise WebConfigError(f"tls_server_config.client_ca_file: {authorities}: {_reason(error)}") from None
    context.verify_mode = verify
    load_certificate(context, config, folder)
    return context


def load_certificate(context: ssl.SSLContext, config: TlsServerConfig, folder: Path) -> None:
    """Raises WebConfigError when the certificate and the key cannot be used; the context then keeps what it had."""
    certificate, key = folder / config.cert_file, folder / config.key_file
    try:
        # Tried on another context first: one that met a key that does not fit has lost the key that it had.
        for target in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            target.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        sentence = f"tls_server_config: cannot use {certificate} with {key}: {_reason(error)}"
        raise WebConfigError(sentence) from None


def _no_password() -> str:
    """Without this, OpenSSL would ask on the terminal and hang there."""
    raise ValueError("the key is encrypted; give one without a passphrase")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}".replace("_", " ").lower()
    return f"{error.strerror}" if isinstance(error, OSError) else str(error)
