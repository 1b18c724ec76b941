"""What a configuration without errors means."""

import re
from pathlib import Path

import pytest
import yaml

from exporter.config import TEMPLATES, ConfigError, Loaded, Reference, Shard, load, masked_yaml, template
from exporter.core.model import ENTRY, Accounting, Objectives, Part, Policy
from exporter.probes import KINDS
from tests.config import kinds

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
INTERFACE = """
exporter:
  vantage: hk-noc-1
  ledger: sqlite:////var/lib/rto-rpo-exporter/ledger.db
  references: ["tcp://198.51.100.1:443", "tcp://[2001:db8::1]:443"]
  shard: 0/1
api: {token_file: dr-api}
probing: {interval: 1s, background_interval: 5s, fast_interval: 250ms, timeout: 2s, fast_timeout: 500ms, declare_after: 3, stable_for: 10s, tripwire: true}
tiers:
  critical: {rto: 90s, rpo: 5s, availability: 99.99%, drill_every: 90d}
contacts:
  - {name: DR commander, who: ops-lead@example.com, deputies: [ops-2@example.com], confirmed: 2026-10-01}
systems:
  orders:
    tier: critical
    owner: payments-sre
    home: hk
    objectives: {rpo: {data_corruption: 24h}}
    cost_per_minute: {amount: 26000, currency: USD}
    entry:
      http: {url: "https://orders.example.com/healthz", expect: {status: [200]}, served_by: {header: X-Served-By}}
    components:
      database: {critical: true, weight: 3, canary: {every: 1s, table: watch.marks}}
      web:      {critical: true, weight: 2}
    sites:
      hk:
        database: {postgres: {dsn: "postgresql://dr_probe@10.1.0.5/orders", password_file: orders}}
        web:      {http: {url: "http://10.1.0.7:8080/healthz"}}
      no:
        database: {postgres: {dsn: "postgresql://dr_probe@10.2.0.5/orders", password_file: orders}}
        web:      {http: "http://10.2.0.7:8080/healthz"}
    probing: {interval: 2s}
"""
MINIMAL = """
exporter: {references: ["tcp://198.51.100.1:443"]}
systems:
  商店:
    components: {web: {critical: true}}
    sites: {香港: {web: {odd: there}}}
"""


def loaded(folder: Path, text: str, table: dict[str, object] | None = None) -> Loaded:
    """The text as a file in a folder, where the secret files lie, too."""
    for secret in ("dr-api", "orders"):
        (folder / secret).write_text("s3cret\n", encoding="utf-8")
    file = folder / "dr.yml"
    file.write_text(text, encoding="utf-8")
    return load(file, KINDS if table is None else kinds.KINDS)


def odd(folder: Path, text: str) -> Loaded:
    """The same with the tests' own kind."""
    return loaded(folder, text, {})


def test_interface(tmp_path: Path) -> None:
    """The example of the interface loads without a warning, and means what it says."""
    result = loaded(tmp_path, INTERFACE)
    config, orders = result.config, result.config.systems["orders"]
    assert result.warnings == []
    assert (config.vantage, config.ledger) == ("hk-noc-1", Path("/var/lib/rto-rpo-exporter/ledger.db"))
    assert config.references == (Reference("198.51.100.1", 443), Reference("2001:db8::1", 443))
    assert config.token_file == tmp_path / "dr-api"
    assert config.contacts[0].deputies == ("ops-2@example.com",)
    model = orders.model
    assert (model.name, model.home, model.sites, model.tier, model.owner) == (
        "orders",
        "hk",
        ("hk", "no"),
        "critical",
        "payments-sre",
    )
    assert (model.has_entry, model.entry_tells_site, model.cost_per_minute, model.currency) == (
        True,
        True,
        26000,
        "USD",
    )
    assert model.objectives == Objectives(90, {"site_loss": 5, "data_corruption": 86400}, 0.9999, 90 * 86400)
    assert model.policy == Policy(interval=2)
    database, web = model.components["database"], model.components["web"]
    assert (database.stateful, database.canary_every, database.weight) == (True, 1, 3)
    assert (web.stateful, web.canary_every, web.critical) == (False, None, True)
    assert model.parts == {ENTRY, *(Part(site, part) for site in ("hk", "no") for part in ("database", "web"))}
    assert orders.canary_tables == {"database": "watch.marks"}
    assert orders.endpoints[Part("no", "web")].kind == "http"


def test_minimal(tmp_path: Path) -> None:
    """The least that one can write: the only site is home, the built-in tier holds, names may be Chinese."""
    result = odd(tmp_path, MINIMAL)
    model = result.config.systems["商店"].model
    assert result.warnings == []
    assert (model.home, model.tier, model.policy) == ("香港", "default", Policy())
    assert model.objectives == Objectives(4 * 3600, {"site_loss": 900}, 0.999, 90 * 86400)
    assert result.config.ledger == tmp_path / "rto-rpo-ledger.db"
    assert result.config.token_file is None


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(name: str, tmp_path: Path) -> None:
    """What `init` writes passes `check` without a warning, once its secret files exist."""
    text = re.sub(r"/run/secrets/[\w-]+", "orders", template(name))
    assert loaded(tmp_path, text).warnings == []


def test_template_of_no_such_name() -> None:
    """An unknown template is refused with those that there are."""
    with pytest.raises(
        ValueError, match="there is no template 'oracle'; choose from: dingtalk, http, mariadb, postgres, redis"
    ):
        template("oracle")


def test_examples(tmp_path: Path) -> None:
    """The examples that ship load without a warning, once their secret files exist."""
    (tmp_path / "systems.d").mkdir()
    (tmp_path / "systems.d" / "chat.yml").write_text(
        (EXAMPLES / "systems.d" / "chat.yml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    text = (EXAMPLES / "two-sites.yml").read_text(encoding="utf-8").replace("/run/secrets/", "")
    result = loaded(tmp_path, text)
    assert result.warnings == []
    assert list(result.config.systems) == ["orders", "chat"]


def test_example_around_the_service(tmp_path: Path) -> None:
    """The example of the small kinds loads without a warning, too; its name tells the site."""
    text = (EXAMPLES / "around-the-service.yml").read_text(encoding="utf-8").replace("/run/secrets/probe", "orders")
    result = loaded(tmp_path, text)
    assert result.warnings == []
    orders = result.config.systems["orders"]
    assert orders.model.entry_tells_site
    assert {endpoint.kind for endpoint in orders.endpoints.values()} == {"dns", "exec", "grpc", "icmp", "tls"}


def test_masked(tmp_path: Path) -> None:
    """The effective configuration shows defaults and what is inherited, and no secret, wherever it was written."""
    text = INTERFACE.replace("//orders.example.com", "//u:hunter22@orders.example.com").replace(
        'url: "http://10.1.0.7:8080/healthz"',
        'url: "http://10.1.0.7/?token=hunter22", headers: {X-Api-Key: hunter22}, body: "{\\"password\\": \\"hunter22\\"}"',
    )
    result = loaded(tmp_path, text)
    shown = masked_yaml(result)
    data = yaml.safe_load(shown)
    assert "hunter22" not in shown
    assert "s3cret" not in shown
    orders = data["systems"]["orders"]
    assert orders["sites"]["hk"]["database"]["postgres"]["password"] == "<secret>"
    assert orders["entry"]["http"]["url"] == "https://u:<secret>@orders.example.com/healthz"
    assert orders["objectives"] == {
        "rto": "90s",
        "rpo": {"site_loss": "5s", "data_corruption": "1d"},
        "availability": "99.99%",
        "drill_every": "90d",
    }
    assert (orders["probing"]["interval"], orders["probing"]["fast_interval"]) == ("2s", "250ms")
    assert len(result.warnings) == 4
    assert not any("hunter22" in str(problem) for problem in result.warnings)


def test_hash(tmp_path: Path) -> None:
    """The hash tells configurations apart by what they mean: not by comments, order or the secret itself."""
    first = loaded(tmp_path, INTERFACE)
    assert (
        loaded(tmp_path, "# a comment" + INTERFACE.replace("90s, rpo: 5s", "90s,   rpo: {site_loss: 5s}")).hash
        == first.hash
    )
    assert loaded(tmp_path, INTERFACE.replace("rto: 90s", "rto: 91s")).hash != first.hash
    assert len(first.hash) == 64


def test_unchanged_is_equal(tmp_path: Path) -> None:
    """Loaded again, what did not change compares equal, so that a reload can keep its state."""
    first, again = loaded(tmp_path, INTERFACE), loaded(tmp_path, INTERFACE)
    assert first.config == again.config


def test_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's shard wins, each system belongs to exactly one, and a wrong one is told with where it comes from."""
    monkeypatch.setenv("RTO_RPO_SHARD", "2/3")
    assert odd(tmp_path, MINIMAL).config.shard == Shard(2, 3)
    for system in ("orders", "商店", "chat", "mail"):
        assert sum(Shard(index, 3).owns(system) for index in range(3)) == 1
    monkeypatch.setenv("RTO_RPO_SHARD", "3/3")
    with pytest.raises(ConfigError, match=r"exporter\.shard: '3/3' is not a shard; .* the variable RTO_RPO_SHARD"):
        odd(tmp_path, MINIMAL)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("{target: x, mode: fst}", "8:25: {}.mode: 'fst' is not possible here; did you mean 'fast'?"),
        ("{target: x, detail: {lvel: 3}}", "8:28: {}.detail.lvel: unknown key; did you mean 'level'?"),
        ("{target: x, detail: {level: 10}}", "8:35: {}.detail.level: 10 is out of range; write at most 9"),
        (
            "{target: x, detail: {label: abcdef}}",
            "8:35: {}.detail.label: 'abcdef' is out of range; write at most this many characters: 5",
        ),
        ("{target: x, codes: 5}", "8:26: {}.codes: 5 does not fit; write a list, like [first, second]"),
        ("{target: x, codes: [1, x]}", "8:30: {}.codes[1]: 'x' does not fit; write a whole number, like 3"),
        ("{target: x, codes: [1.5]}", "8:27: {}.codes[0]: 1.5 does not fit; write a whole number, like 3"),
        (
            "{target: x, every: [1s]}",
            "8:26: {}.every: this is not a duration; write a number and a unit, like 250ms, 5s, 15m, 4h or 90d",
        ),
        ("{target: }", "8:16: {}.target: is empty; write text"),
        (
            "{target: x, headers: {token: 12345678}}",
            "8:36: {}.headers.token: the value is not text as it stands; put it in quotes",
        ),
        (
            "{target: x, password: {env: NO_SUCH_VARIABLE}}",
            "8:29: {}.password: the environment has no NO_SUCH_VARIABLE; set it, or use a file",
        ),
        ("{target: x, passwordfile: pw}", "8:19: {}.passwordfile: unknown key; did you mean 'password_file'?"),
        ("[x]", "8:7: {}: a list does not fit; write a mapping of keys, like {{key: value}}"),
    ],
)
def test_settings_of_kinds(settings: str, sentence: str, tmp_path: Path) -> None:
    """Whatever pydantic has to say of a kind's settings is said in our words, at the value or the key."""
    text = MINIMAL.replace("{web: {odd: there}}", f"\n    {{web: {{odd:\n      {settings}}}}}")
    with pytest.raises(ConfigError) as caught:
        odd(tmp_path, text)
    expected = f"{tmp_path / 'dr.yml'}:{sentence.format('systems.商店.sites.香港.web.odd')}"
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_secret_files(tmp_path: Path) -> None:
    """A secret file that is empty, endless, binary or no file is refused at its key, without a byte of it in the sentence."""
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "large").write_bytes(b"hunter22" * 10_000)
    (tmp_path / "binary").write_bytes(b"hunter22\xff")
    for file, why in {
        "empty": "is empty",
        "large": "is larger than 64 KiB",
        "binary": "is not UTF-8 text",
        ".": "is not a regular file",
    }.items():
        with pytest.raises(ConfigError) as caught:
            odd(tmp_path, MINIMAL.replace("odd: there", f"odd: {{target: x, password_file: {file}}}"))
        [problem] = caught.value.problems
        assert problem.path.endswith(".odd.password_file")
        assert f"{why};" in problem.text
        assert "hunter22" not in str(problem)


def test_included_alone(tmp_path: Path) -> None:
    """All systems may stand in other files; the main file itself is not read twice when the pattern matches it."""
    (tmp_path / "more.yml").write_text(MINIMAL.split("\n", 2)[2], encoding="utf-8")
    result = odd(tmp_path, 'exporter: {references: ["tcp://198.51.100.1:443"]}\nsystems_from: ["*.yml"]\n')
    assert list(result.config.systems) == ["商店"]


def test_accounting_is_inherited(tmp_path: Path) -> None:
    """What is declared beforehand counts unless the file says otherwise, and a system may differ in single keys."""
    written = INTERFACE.replace("\nsystems:", "\naccounting: {drills: exclude}\nsystems:", 1)
    assert loaded(tmp_path, INTERFACE).config.systems["orders"].model.accounting == Accounting()
    assert loaded(tmp_path, written).config.systems["orders"].model.accounting == Accounting(drills=False)
    own = written.replace(
        "    tier: critical\n", "    tier: critical\n    accounting: {drills: count, maintenance: exclude}\n", 1
    )
    assert loaded(tmp_path, own).config.systems["orders"].model.accounting == Accounting(maintenance=False)
