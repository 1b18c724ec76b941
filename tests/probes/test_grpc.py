"""The kind `grpc`, on a real gRPC server and on answers that such a server would not give."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from hpack import Encoder

from exporter.core.model import Reason, Sample
from exporter.probes.grpc_frames import Frames
from exporter.probes.grpc_health import judge, question
from exporter.probes.kind import Failure
from tests import hostile
from tests.hostile import serve
from tests.probes.looking import look, probe
from tests.servers.certificates import Certificates

OK = {b":status": b"200", b"content-type": b"application/grpc+proto", b"grpc-status": b"0"}
SERVING = b"\0\0\0\0\2\x08\1"


class _Guard(grpc.ServerInterceptor):  # type: ignore[misc]  # grpcio ships no types
    """Lets nobody in without the token."""

    def intercept_service(self, continuation: Any, call: Any) -> Any:
        if ("authorization", "Bearer s3cret") in call.invocation_metadata:
            return continuation(call)

        def abort(request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you? token=hunter22")

        return grpc.unary_unary_rpc_method_handler(abort)


def started(*interceptors: grpc.ServerInterceptor, credentials: Any = None, healthy: bool = True) -> tuple[Any, int]:
    server = grpc.server(ThreadPoolExecutor(4), interceptors=interceptors)
    if healthy:
        servicer = health.HealthServicer()
        for name, status in (("", "SERVING"), ("shop.Orders", "SERVING"), ("shop.Stock", "NOT_SERVING")):
            servicer.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server, port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server, port = started()
    yield port
    server.stop(None).wait()


async def seen(port: int, **settings: Any) -> Sample:
    return await look(probe("grpc", address=f"127.0.0.1:{port}", **settings))


@pytest.mark.parametrize(
    ("service", "reason", "sentence"),
    [
        ("", None, ""),
        ("shop.Orders", None, ""),
        ("shop.Stock", Reason.UNAVAILABLE, "shop.Stock is NOT_SERVING"),
        ("shop.Nothing", Reason.ASSERTION, "NOT_FOUND: the server does not know this service"),
    ],
)
async def test_services(port: int, service: str, reason: Reason | None, sentence: str) -> None:
    """What the health service says of the whole server and of single services."""
    sample = await seen(port, service=service)
    assert sample.reason is reason, sample.detail
    assert sentence in sample.detail
    assert sample.phases.processing is not None


async def test_no_health_service() -> None:
    """A gRPC server that has none is not what was meant."""
    server, port = started(healthy=False)
    try:
        sample = await seen(port)
    finally:
        server.stop(None).wait()
    assert sample.reason is Reason.PROTOCOL
    assert "UNIMPLEMENTED: the server has no health service" in sample.detail


async def test_credentials(tmp_path: Path) -> None:
    """A token by metadata or bearer; a refusal tells no secret of the server's either."""
    (tmp_path / "token").write_text("s3cret\n")
    server, port = started(_Guard())
    try:
        sample = await seen(port)
        assert sample.reason is Reason.AUTH
        assert "who are you?" in sample.detail
        assert "hunter22" not in sample.detail
        assert (await seen(port, bearer={"file": str(tmp_path / "token")})).ok
        assert (await seen(port, metadata={"Authorization": "Bearer s3cret"})).ok
        assert (await seen(port, bearer={"env": "NO_SUCH_VARIABLE"})).reason is Reason.AUTH
    finally:
        server.stop(None).wait()


async def test_tls(certificates: Certificates) -> None:
    """HTTP/2 is agreed on by ALPN, without which gRPC servers hang up; the certificate's end is told."""
    key, chain = (certificates.folder / "key.pem").read_bytes(), (certificates.folder / "good.pem").read_bytes()
    server, port = started(credentials=grpc.ssl_server_credentials([(key, chain)]))
    try:
        sample = await seen(port, tls={"ca_file": certificates.authority})
        assert sample.ok, sample.detail
        assert sample.facts.tls_not_after is not None
        assert (await seen(port, tls=True)).reason is Reason.TLS
        assert not (await seen(port)).ok
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, SERVING, None),
        ({}, b"\0\0\0\0\x0e\x12\1x\x19" + bytes(8) + b"\x08\1", None),
        ({}, b"\0\0\0\0\0", Reason.UNAVAILABLE),
        ({}, b"\0\0\0\0\2\x08\3", Reason.ASSERTION),
        ({}, b"\0\0\0\0\2\x08\7", Reason.UNAVAILABLE),
        ({}, b"", Reason.PROTOCOL),
        ({}, b"\1\0\0\0\2\x08\1", Reason.PROTOCOL),
        ({}, b"\0\0\0\0\3\x08\1", Reason.PROTOCOL),
        ({}, b"\0\0\0\0\1\x08", Reason.PROTOCOL),
        ({}, b"\0\0\0\0\2\x12\x7f", Reason.PROTOCOL),
        ({}, b"\0\0\0\0\1\x0f", Reason.PROTOCOL),
        ({}, b"\0\0\0\0\x0c\x08" + b"\xff" * 11, Reason.PROTOCOL),
        ({b"grpc-status": b""}, SERVING, Reason.PROTOCOL),
        ({b"grpc-status": b"14"}, b"", Reason.UNAVAILABLE),
        ({b"grpc-status": b"7"}, b"", Reason.PERMISSION),
        ({b"grpc-status": b"2"}, b"", Reason.ERROR_CODE),
        ({b"grpc-status": b"99"}, b"", Reason.ERROR_CODE),
        ({b"content-type": b"text/html"}, SERVING, Reason.PROTOCOL),
        ({b":status": b"503"}, b"", Reason.UNAVAILABLE),
        ({b":status": b"403"}, b"", Reason.PERMISSION),
        ({b":status": b"\xff"}, b"", Reason.STATUS),
    ],
)
def test_answers(headers: dict[bytes, bytes], body: bytes, reason: Reason | None) -> None:
    """Every answer that a proxy or a foreign implementation may give has its reason."""
    try:
        judge(OK | headers, body, "shop")
    except Failure as failure:
        assert failure.reason is reason, failure.detail
    else:
        assert reason is None


def test_the_question_is_protobuf() -> None:
    """Its bytes are those that protobuf itself would write, for short names and long ones."""
    for service in ("", "shop.Orders", "x" * 300):
        message = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        assert question(service) == b"\0" + len(message).to_bytes(4) + message


async def test_endless_talk() -> None:
    """A server that never comes to the point is hung up on, whatever its frames are."""
    settings, ping = b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0" + bytes(8)
    async with serve(hostile.forever(settings, ping * 512)) as server:
        sample = await seen(server.port)
    assert sample.reason is Reason.TOO_LARGE


async def test_a_server_that_goes_away() -> None:
    """GOAWAY with an error in the middle of the call is the end of it."""
    async with serve(hostile.answer(b"\0\0\0\4\0\0\0\0\0" + goaway(0, error=1))) as server:
        sample = await seen(server.port)
    assert sample.reason is Reason.RESET
    assert "PROTOCOL_ERROR" in sample.detail


def goaway(last_stream: int, error: int = 0) -> bytes:
    return b"\0\0\x08\7\0\0\0\0\0" + last_stream.to_bytes(4) + error.to_bytes(4)


def frame(kind: int, flags: int, payload: bytes) -> bytes:
    """Of the first call."""
    return len(payload).to_bytes(3) + bytes((kind, flags, 0, 0, 0, 1)) + payload


def answered() -> bytes:
    """HEADERS, DATA and the trailers with which a healthy server answers."""
    encoder = Encoder()
    head = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
    return frame(1, 4, head) + frame(0, 0, SERVING) + frame(1, 5, encoder.encode([("grpc-status", "0")]))


@pytest.mark.parametrize("last_stream", [1, 2**31 - 1])
async def test_a_server_that_drains(last_stream: int) -> None:
    """What it has taken on it answers after a GOAWAY without an error, and clients wait for that."""
    async with serve(hostile.answer(b"\0\0\0\4\0\0\0\0\0" + goaway(last_stream) + answered())) as server:
        sample = await seen(server.port)
    assert sample.ok, sample.detail


@pytest.mark.parametrize("last_stream", [0, 1])
async def test_a_server_that_drains_and_does_not_answer(last_stream: int) -> None:
    """A call that it has not taken on is lost, and a promise to answer is no answer."""
    async with serve(hostile.answer(b"\0\0\0\4\0\0\0\0\0" + goaway(last_stream))) as server:
        assert (await seen(server.port)).reason is Reason.RESET


def test_frames_that_come_in_pieces() -> None:
    """Byte by byte: all of them in their order, but for the GOAWAY that lets the call go on."""
    kept = [b"\0\0\0\4\0\0\0\0\0", goaway(0), goaway(1, error=1), b"\0\0\2\0\0\0\0\0\1ok"]
    frames = Frames()
    stream = goaway(1).join([b"", *kept, b"\0\0\2\0\0\0\0\0\1o"])
    assert b"".join(frames.heeded(bytes([byte])) for byte in stream) == b"".join(kept)
