"""Dumps in a bucket: signed as botocore signs, listed from a server that speaks S3, and refused as S3 refuses."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from exporter.backups import s3_bucket, sigv4
from exporter.core.backup import BackupFacts
from exporter.core.model import Reason
from tests import hostile
from tests.backups.inspecting import RECORDED_AT, failure, inspect
from tests.hostile import Behaviour, answer, message, serve
from tests.servers.s3 import s3_server

KEYS: dict[str, Any] = {"access_key": "AKIAEXAMPLE", "secret_key": {"plain": "wJalrXUtnFEMI/K7MDENG"}}
WORDS = st.text(min_size=1, max_size=12).filter(lambda text: text.strip("./") == text and text.isprintable())


def judged(method: str, url: str, headers: dict[str, str], region: str, keys: sigv4.Keys) -> str:
    """The signature that botocore would make for such a request."""
    request = AWSRequest(method=method, url=url, headers={n: v for n, v in headers.items() if n != "authorization"})
    request.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(keys.access, keys.secret, keys.session), "s3", region)
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


@given(
    key=WORDS,
    prefix=st.text(max_size=12),
    session=st.none() | st.just("FwoGZX//token=="),
    method=st.sampled_from(["GET", "HEAD"]),
    now=st.floats(0, 4e9),
)
def test_signatures(key: str, prefix: str, session: str | None, method: str, now: float) -> None:
    """Whatever stands in a key or a prefix, the signature is the one that botocore makes."""
    keys = sigv4.Keys("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG", session)
    query = sigv4.query({"prefix": prefix, "list-type": "2", "versions": ""})
    url = f"http://127.0.0.1:9000/bucket/{sigv4.path(key)}?{query}"
    headers = sigv4.signed(method, url, "eu-west-1", keys, now)
    assert headers["authorization"].rpartition("=")[2] == judged(method, url, headers, "eu-west-1", keys)


async def test_what_is_sent_is_what_was_signed() -> None:
    """Path and query arrive as they were signed: nothing on the way spells them differently."""
    heads: list[str] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(message("500 No"))

    async with serve(behave) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        await failure("s3", endpoint=endpoint, bucket="dumps", prefix="a b/ü+%2F*~'/", takes="0s", **KEYS)
    assert len(heads) == 2
    for head in heads:
        method, target, _ = head.splitlines()[0].split(" ")
        told = {n.lower(): v for n, v in (line.split(": ", 1) for line in head.splitlines()[1:] if line)}
        headers = {name: told[name] for name in ("host", "x-amz-content-sha256", "x-amz-date")}
        keys = sigv4.Keys("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG")
        signature = judged(method, f"{endpoint}{target}", headers, "us-east-1", keys)
        assert told["authorization"].endswith(f"Signature={signature}")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Of a server that speaks S3."""
    with s3_server() as address:
        yield address


@pytest.fixture
def client(endpoint: str) -> Any:
    """A client with which a test puts things there; nothing is there before."""
    with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10) as answered:
        assert answered.status == 200
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )


async def seen(endpoint: str, bucket: str, now: float | None = None, **settings: Any) -> BackupFacts:
    began = {} if "name_time" in settings else {"takes": "1h"}
    told = {"endpoint": endpoint, "bucket": bucket, **KEYS, **began, **settings}
    return await inspect("s3", time.time() if now is None else now, **told)


async def test_a_plain_bucket(client: Any, endpoint: str) -> None:
    """The newest object under the prefix tells; nothing protects it from being removed."""
    client.create_bucket(Bucket="plain")
    for key, size in (
        ("orders/1.dump", 10),
        ("orders/2.dump", 20),
        ("orders/3.dump.tmp", 30),
        ("chat/4.dump", 40),
        ("orders/", 0),
    ):
        client.put_object(Bucket="plain", Key=key, Body=b"x" * size)
    facts = await seen(endpoint, "plain", prefix="orders/")
    assert facts.last_success is not None
    assert facts.point == pytest.approx(facts.last_success - 3600)
    assert abs(facts.last_success - time.time()) < 60
    assert (facts.versions, facts.immutable, facts.notes) == (2, False, ())
    assert facts.size_bytes in (10, 20)  # moto dates by whole seconds


async def test_an_encrypted_bucket(client: Any, endpoint: str) -> None:
    """What the server encrypted is told as encrypted."""
    client.create_bucket(Bucket="encrypted")
    client.put_object(Bucket="encrypted", Key="a", Body=b"x", ServerSideEncryption="AES256")
    assert (await seen(endpoint, "encrypted")).encrypted is True


async def test_names_with_times(client: Any, endpoint: str) -> None:
    """Names tell the start here as they do in a directory, and odd keys are asked for as they are written."""
    client.create_bucket(Bucket="named")
    client.put_object(Bucket="named", Key="dumps of örders+/a 20261122-020000.dump", Body=b"x" * 7)
    facts = await seen(endpoint, "named", prefix="dumps of ö", name_time="a %Y%m%d-%H%M%S.dump", now=time.time())
    assert facts.point == pytest.approx(min(facts.last_success or 0, 1795312800))
    assert (facts.size_bytes, facts.notes) == (7, ())


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
async def test_locked_objects(client: Any, endpoint: str, mode: str) -> None:
    """COMPLIANCE binds everybody while it lasts; what GOVERNANCE locks can be removed by whoever may bypass it."""
    bucket = f"locked-{mode.lower()}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=30)
    client.put_object(Bucket=bucket, Key="a", Body=b"x", ObjectLockMode=mode, ObjectLockRetainUntilDate=until)
    assert (await seen(endpoint, bucket)).immutable is (mode == "COMPLIANCE")
    assert (await seen(endpoint, bucket, now=time.time() + 31 * 86400)).immutable is False


async def test_a_bucket_that_can_lock_but_did_not(client: Any, endpoint: str) -> None:
    """Without a lock at the object nothing is told: whoever may not read retentions sees the same."""
    client.create_bucket(Bucket="lockable", ObjectLockEnabledForBucket=True)
    client.put_object(Bucket="lockable", Key="a", Body=b"x")
    assert (await seen(endpoint, "lockable")).immutable is None


async def test_versions_of_one_key(client: Any, endpoint: str) -> None:
    """Where old versions are kept, a job that always writes the same key has as many backups as versions."""
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for size in (1, 2, 3):
        client.put_object(Bucket="versioned", Key="orders.dump", Body=b"x" * size)
    facts = await seen(endpoint, "versioned")
    assert (facts.versions, facts.notes) == (3, ())


async def test_many_pages(client: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages are read, with and without versions; more of them than allowed is a failure."""
    for bucket, status in (("paged", "Suspended"), ("paged-versions", "Enabled")):
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        for number in range(7):
            client.put_object(Bucket=bucket, Key=f"{number}.dump", Body=b"x")
        with monkeypatch.context() as patch:
            patch.setattr(s3_bucket, "PAGE", 3)
            assert (await seen(endpoint, bucket)).versions == 7
            patch.setattr(s3_bucket, "PAGES_LIMIT", 2)
            failed = await failure("s3", endpoint=endpoint, bucket=bucket, takes="0s", **KEYS)
            assert failed.reason is Reason.TOO_LARGE


async def test_an_empty_bucket(client: Any, endpoint: str) -> None:
    """A bucket without dumps has no backup; one that is not there is a mistake."""
    client.create_bucket(Bucket="empty")
    assert (await seen(endpoint, "empty")).versions == 0
    failed = await failure("s3", endpoint=endpoint, bucket="nowhere", takes="0s", **KEYS)
    assert (failed.reason, failed.detail) == (
        Reason.ASSERTION,
        "the bucket nowhere: there is no such bucket (NoSuchBucket)",
    )


def refused(status: str, code: str) -> Behaviour:
    return answer(message(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (refused("403 Forbidden", "AccessDenied"), Reason.PERMISSION),
        (refused("403 Forbidden", "SignatureDoesNotMatch"), Reason.AUTH),
        (refused("403 Forbidden", "RequestTimeTooSkewed"), Reason.AUTH),
        (refused("503 Slow Down", "SlowDown"), Reason.STATUS),
        (refused("301 Moved Permanently", "PermanentRedirect"), Reason.REDIRECT),
        (refused("200 OK", "InternalError"), Reason.PROTOCOL),
        (answer(message("200 OK", b"<Contents>")), Reason.PROTOCOL),
        (answer(message("200 OK", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")), Reason.PROTOCOL),
        (
            answer(message("200 OK", b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>")),
            Reason.PROTOCOL,
        ),
        (
            answer(message("200 OK", b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")),
            Reason.PROTOCOL,
        ),
        (answer(hostile.GARBAGE), Reason.PROTOCOL),
        (hostile.reset, Reason.RESET),
        (hostile.ENDLESS_BODY, Reason.TOO_LARGE),
    ],
)
async def test_bad_servers(behaviour: Behaviour, reason: Reason) -> None:
    """Each refusal and each garbage has its reason, and the secret key is in no sentence."""
    async with serve(behaviour) as server:
        settings: dict[str, Any] = {
            "endpoint": f"http://127.0.0.1:{server.port}",
            "bucket": "dumps",
            "takes": "0s",
            **KEYS,
        }
        failed = await failure("s3", RECORDED_AT, **settings)
    assert failed.reason is reason, failed
    assert "wJalr" not in str(failed)


async def test_a_key_without_its_secret() -> None:
    """A secret that cannot be read is our own trouble."""
    keys: dict[str, Any] = {"access_key": "A", "secret_key": {"env": "NO_SUCH_VARIABLE"}}
    assert (
        await failure("s3", endpoint="http://127.0.0.1:9", bucket="dumps", takes="0s", **keys)
    ).reason is Reason.INTERNAL
