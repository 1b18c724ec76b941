"""Facts, sites and error codes out of headers, texts and connections."""

import json
from typing import Any

import pytest

from exporter.core.model import Facts, Reason, Role
from exporter.probes import KINDS
from tests.hostile import answer, message, serve
from tests.probes.looking import look, probe, seen
from tests.servers.certificates import Certificates

TEXT = b"# status\nrole=Leader mode=rw\nposition 0/16B3748 applied 0/16B3700\n"


async def test_facts_from_headers_and_text() -> None:
    """A service that speaks no JSON tells its facts all the same."""
    sample = await seen(
        answer(message("200 OK", TEXT, "X-Epoch: 7")),
        role={"regex": r"role=(\w+)"},
        writable={"regex": r"mode=(\w+)", "yes": ["rw"], "no": ["ro"]},
        epoch={"header": "X-Epoch"},
        position={"regex": r"position (\S+)"},
        applied={"regex": r"applied (\S+)"},
        connected={"header": "X-None"},
    )
    assert sample.ok, sample.detail
    assert sample.facts == Facts(Role.PRIMARY, True, "7", position=0x16B3748, applied=0x16B3700)


@pytest.mark.parametrize(
    ("told", "role"),
    [
        ("chief", Role.PRIMARY),
        ("CHIEF", Role.PRIMARY),
        ("7", Role.PRIMARY),
        ("deputy", Role.STANDBY),
        ("reader", Role.PRIMARY),
        ("replica", Role.STANDBY),
        ("starting", Role.UNKNOWN),
    ],
)
async def test_words_of_a_role(told: str, role: Role) -> None:
    """A service's own words come before the usual ones; what is no word of a role is told as unknown."""
    place = {"header": "X-State", "primary": ["chief", 7, "reader"], "standby": ["deputy"]}
    assert (await seen(answer(message("200 OK", b"", f"X-State: {told}")), role=place)).facts.role is role


async def test_half_a_character_is_replaced() -> None:
    """JSON can tell halves of characters, which neither the ledger nor a page can hold."""
    data = answer(message("200 OK", b'{"epoch": "\\ud800!"}'))
    assert (await seen(data, epoch="$.epoch")).facts.epoch == "?!"
    assert (await seen(data, expect={"json": {"$.epoch": 1}})).detail == '$.epoch is "?!", not 1'


@pytest.mark.parametrize(
    ("told", "position"),
    [
        ("42", 42),
        (42, 42),
        ("0/16B3748", 0x16B3748),
        ("1/0", 1 << 32),
        ("FFFFFFFF/FFFFFFFF", (1 << 64) - 1),
        (2**64 - 1, 2**64 - 1),
        (2**64, None),
        ("18446744073709551616", None),
        (10**400, None),
        ("1/123456789", None),
        ("-1", None),
        ("4e2", None),
        (4.5, None),
        (True, None),
        (None, None),
    ],
)
async def test_positions(told: object, position: int | None) -> None:
    """What does not surely grow is no position."""
    body = json.dumps({"at": told}).encode()
    assert (await seen(answer(message("200 OK", body)), position="$.at")).facts.position == position


@pytest.mark.parametrize(
    ("served_by", "site"),
    [
        ({"header": "X-Served-By"}, "hk-web-7"),
        ({"header": "X-Served-By", "sites": {"hk-web-7": "hk"}}, "hk"),
        ({"header": "X-Served-By", "sites": {"sg-*": "sg", "hk-web-*": "hk"}}, "hk"),
        ({"header": "X-Served-By", "sites": {"sg-*": "sg"}}, "hk-web-7"),
        ({"header": "X-None", "sites": {"*": "hk"}}, None),
        ({"json": "$.site"}, "sg"),
        ("$.site", "sg"),
        ({"json": "$.list"}, None),
        ({"regex": '"site": "(..)"'}, "sg"),
        ({"address": {"hk": "127.0.0.0/24", "sg": ["10.2.0.0/24", "::1"]}}, "hk"),
        ({"address": {"hk": ["10.1.0.0/24"], "sg": ["10.2.0.0/24"]}}, None),
        ({"address": {"hk": "127.0.0.0/8", "sg": "127.0.0.1"}}, None),
        ({"certificate": {"hk": "good"}}, None),
    ],
)
async def test_served_by(served_by: Any, site: str | None) -> None:
    """The site is what the answer tells, translated if it has to be, or whose address was reached: one, or none."""
    data = message("200 OK", b'{"site": "sg", "list": [1]}', "X-Served-By: hk-web-7")
    sample = await seen(answer(data), served_by=served_by)
    assert sample.ok, sample.detail
    assert sample.facts.served_by == site


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    ("names", "site"),
    [
        ({"hk": "localhost", "sg": "elsewhere.example"}, "hk"),
        ({"hk": ["GOOD"]}, "hk"),
        ({"hk": "local*"}, "hk"),
        ({"hk": "localhost", "sg": "good"}, None),
        ({"sg": "elsewhere.example"}, None),
    ],
)
async def test_served_by_certificate(
    names: dict[str, Any], site: str | None, verify: bool, certificates: Certificates
) -> None:
    """Subject and alternative names of the certificate tell the site, verified or not, unless they fit two."""
    async with serve(answer(message("200 OK")), certificates.server("good")) as server:
        looking = probe(
            "http",
            url=f"https://127.0.0.1:{server.port}/",
            tls={"ca_file": certificates.authority, "verify": verify},
            served_by={"certificate": names},
        )
        sample = await look(looking)
    assert sample.ok, sample.detail
    assert sample.facts.served_by == site


CODES = {
    "json": "$.errcode",
    "permission": [60011],
    "auth": [40014, "expired"],
    "detail": {"regex": r"subcode=(\d+)"},
}


@pytest.mark.parametrize(
    ("expected", "body", "reason", "detail"),
    [
        ("$.errcode", {"errcode": 0}, None, ""),
        ("$.errcode", {"errcode": "0"}, None, ""),
        ("$.errcode", {"errcode": 7}, Reason.ERROR_CODE, "$.errcode is 7"),
        ("$.errcode", {"errcode": False}, Reason.ERROR_CODE, "$.errcode is false"),
        ("$.errcode", {"error": 0}, Reason.ASSERTION, "the answer tells no error code: $.errcode is not there"),
        ({"json": "$.errcode", "ok": [0, None]}, {}, None, ""),
        ({"json": "$.success", "ok": [True]}, {"success": True}, None, ""),
        ({"json": "$.success", "ok": [True]}, {"success": False}, Reason.ERROR_CODE, "$.success is false"),
        (CODES, {"errcode": 60011}, Reason.PERMISSION, "$.errcode is 60011"),
        (CODES, {"errcode": "Expired"}, Reason.AUTH, '$.errcode is "Expired"'),
        (
            CODES,
            {"errcode": 88, "errmsg": "error[subcode=60011]"},
            Reason.PERMISSION,
            r'$.errcode is 88, the match of subcode=(\d+) is "60011"',
        ),
        (
            CODES,
            {"errcode": 60011, "errmsg": "error[subcode=90002]"},
            Reason.ERROR_CODE,
            r'$.errcode is 60011, the match of subcode=(\d+) is "90002"',
        ),
        ({"header": "X-Code"}, {"errcode": 7}, None, ""),
    ],
)
async def test_an_error_code_in_a_good_answer(
    expected: Any, body: dict[str, Any], reason: Reason | None, detail: str
) -> None:
    """Status 200 with a bad code is a failure: the code says which, and a finer one is believed first."""
    data = message("200 OK", json.dumps(body).encode(), "X-Code: 0")
    sample = await seen(answer(data), expect={"error_code": expected})
    assert (sample.reason, sample.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"role": {"header": "X", "json": "$.x"}}, "write exactly one of header, json and regex"),
        ({"role": {"primary": ["x"]}}, "write exactly one of header, json and regex"),
        ({"epoch": {"regex": "("}}, "is not a regular expression"),
        ({"served_by": {"address": {"hk": "10.1.0.7/24"}}}, "'10.1.0.7/24' is not a network"),
        ({"served_by": {"address": {"hk": "::1"}, "header": "X"}}, "write exactly one of header, json, regex, address"),
        (
            {"served_by": {"address": {"hk": "::1"}, "sites": {"a": "hk"}}},
            "sites translates what header, json or regex",
        ),
        ({"expect": {"error_code": "errcode"}}, "'errcode' is not a JSON path"),
    ],
)
def test_places_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    """What is wrong in a place is said with what would be right."""
    with pytest.raises(ValueError, match="validation error") as error:
        KINDS["http"].settings.model_validate({"url": "http://x/"} | wrong)
    assert sentence in str(error.value)
