"""Any web config file: it is used, or refused with its place, and no more is said of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.guard import Guard
from exporter.web.webconfig import WebConfigError
from tests.fuzz.damage import several
from tests.fuzz.examples import examples

SECRET = "$2b$10$UFLre0EWNqbA3yqMr3vH.eyrVdyNrAMqOEJAf9n0YnUwmJ2VpIVeW"
WHOLE = f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: client.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example.com]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
http_server_config:
  http2: false
  headers: {{Strict-Transport-Security: max-age=31536000, X-Frame-Options: deny}}
basic_auth_users: {{prometheus: {SECRET}}}
rate_limit: {{burst: 10}}
"""
WORDS = sorted(
    {"tls_server_config", "http_server_config", "basic_auth_users", *yaml.safe_load(WHOLE)["tls_server_config"]}
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=4), st.dates(), st.text(max_size=5),
    st.sampled_from([*WORDS, SECRET, "\0", "/dev/null", "/", "TLS13", "deny", "x\ny"]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | LEAVES, inner, max_size=4),
    max_leaves=12,
)


def ends_well(folder: Path, content: bytes) -> None:
    """Only a WebConfigError may come, which does not repeat the hash."""
    path = folder / "web.yml"
    path.write_bytes(content)
    try:
        Guard(path)
    except WebConfigError as error:
        assert str(error).startswith(str(path)) or str(error).startswith("tls_server_config")
        assert SECRET not in str(error)


@examples(80)
@given(data=st.data())
def test_damaged(data: st.DataObject, tmp_path: Path) -> None:
    """Bytes of a good file were altered."""
    ends_well(tmp_path, data.draw(several(WHOLE.encode())))


@examples(80)
@given(tree=TREES)
def test_trees(tree: Any, tmp_path: Path) -> None:
    """Any YAML that uses the words in the wrong places."""
    ends_well(tmp_path, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"a: " * 50_000,
        b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [%b]\n" % (i, i, b", ".join([b"*b%d" % (i - 1)] * 9)) for i in range(1, 12)),
        b"basic_auth_users: &a {b: *a}",
        b"? [a]\n: b",
        b"? {a: b}\n: c",
        b"a: 2026-99-99",
        b"a: !!python/object/apply:os.system [ls]",
        b"a: !!timestamp x",
        b"a: 1_0:99:99:99",
        b"\xff\xfea\0",
        b"--- 1\n--- 2",
    ],
)  # fmt: skip
def test_bombs(content: bytes, tmp_path: Path) -> None:
    """Nesting, aliases that grow, keys that are none, dates that are none, tags that would run something."""
    ends_well(tmp_path, content)
    (tmp_path / "web.yml").unlink()
