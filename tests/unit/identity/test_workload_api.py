"""A bundle from a Workload API: the embedded issuer's, and ones that do what none should."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.trust import Trust
from safeconduct.identity import keys
from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.bundles import Bundle, open_bundles
from safeconduct.identity.issuer import messages
from safeconduct.identity.issuer.grpc import Call, Method, Service, Status
from safeconduct.identity.issuer.unix import Peer
from safeconduct.identity.issuer.workload_api import WorkloadApi
from safeconduct.identity.workload_api import from_workload_api, reader
from safeconduct.kit.fetch import FetchError
from safeconduct.kit.jwk import JoseError, PrivateKey
from tests.support.grpc import serving
from tests.support.parties import configuration
from tests.support.publishers import public, rsa
from tests.support.svids import COPILOT, DOMAIN, Clock, authority
from tests.unit.identity.test_bundles import AUTHORITY

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)

DER = AUTHORITY.public_bytes(Encoding.DER)
KEY = PrivateKey.generate().public
METHODS = ("FetchJWTBundles", "FetchX509Bundles")


def jwks(*found: dict[str, Any]) -> bytes:
    return orjson.dumps({"keys": found})


def believing(directory: Path, socket: Path) -> Config:
    config = configuration(directory)
    trust = {DOMAIN: Trust(workload_api=f"unix://{socket}")}
    return replace(config, root=replace(config.root, trust=trust))


async def held(directory: Path, socket: Path) -> Bundle | None:
    return await open_bundles(believing(directory, socket))[DOMAIN].current(None)


@asynccontextmanager
async def answering(directory: Path, *answers: bytes | Status | None) -> AsyncGenerator[Path]:
    """An API that answers the two methods so, and then goes on; None is no answer at all."""

    def method(answer: bytes | Status | None) -> Method:
        async def answered(call: Call) -> AsyncGenerator[bytes]:
            assert call.metadata[b"workload.spiffe.io"] == b"true"
            assert call.message == b""
            if isinstance(answer, Status):
                raise answer
            if answer is not None:
                yield answer
            await asyncio.Event().wait()

        return answered

    served = {
        f"/SpiffeWorkloadAPI/{name}".encode(): method(answer)
        for name, answer in zip(METHODS, answers, strict=True)
    }
    async with serving(Service(served), directory / "socket") as path:
        yield path


def said(
    keys_of: bytes = jwks(KEY.jwk()), certificates: bytes = DER, domain: str = DOMAIN
) -> tuple[bytes, bytes]:
    name = f"spiffe://{domain}"
    return (
        messages.jwt_bundles_response({name: keys_of}),
        messages.x509_bundles_response({name: certificates}),
    )


async def test_the_embedded_issuers_bundle(tmp_path: Path) -> None:
    class Everybody:
        async def attest(self, peer: Peer) -> str:
            del peer
            return COPILOT

    signs = authority(tmp_path)
    clock = Clock()
    api = WorkloadApi(Everybody(), {DOMAIN: signs}, revoked=lambda _: False, clock_ms=clock)
    async with serving(Service(api.methods()), tmp_path / "socket") as path:
        found = await held(tmp_path, path)
    bundle = signs.bundle(clock())
    assert found is not None
    assert found.keys.keys() == bundle.keys.keys.keys()
    assert [one.public_bytes(Encoding.DER) for one in found.x509] == list(bundle.certificates)


async def test_a_bundle_from_a_server_that_others_wrote(tmp_path: Path) -> None:
    grpc: Any = import_module("grpc.aio")
    official: Any = import_module("spiffe._proto.workload_pb2")
    services: Any = import_module("spiffe._proto.workload_pb2_grpc")
    name = f"spiffe://{DOMAIN}"

    async def jwts(_: object, request: object, context: Any) -> AsyncGenerator[Any]:
        assert ("workload.spiffe.io", "true") in context.invocation_metadata()
        yield official.JWTBundlesResponse(bundles={name: jwks(KEY.jwk())})
        await asyncio.Event().wait()

    async def authorities(_: object, request: object, context: object) -> AsyncGenerator[Any]:
        yield official.X509BundlesResponse(crl=[b"x"], bundles={name: DER + DER})
        await asyncio.Event().wait()

    methods = {"FetchJWTBundles": jwts, "FetchX509Bundles": authorities}
    agent = type("Agent", (services.SpiffeWorkloadAPIServicer,), methods)()
    server = grpc.server()
    services.add_SpiffeWorkloadAPIServicer_to_server(agent, server)
    server.add_insecure_port(f"unix://{tmp_path}/socket")
    await server.start()
    try:
        found = await held(tmp_path, tmp_path / "socket")
    finally:
        await server.stop(0)
    assert found is not None
    assert (list(found.keys), found.x509) == ([KEY.kid], (AUTHORITY, AUTHORITY))


async def test_who_gets_nothing_believes_nobody(tmp_path: Path) -> None:
    class Nobody:
        async def attest(self, peer: Peer) -> str:
            raise NotAttested(f"nobody knows {peer}")

    api = WorkloadApi(Nobody(), {}, revoked=lambda _: False, clock_ms=Clock())
    async with serving(Service(api.methods()), tmp_path / "socket") as path:
        assert await held(tmp_path, path) is None
        with pytest.raises(FetchError, match="gRPC status 7"):
            await from_workload_api(path, DOMAIN)(None)


async def test_keys_with_and_without_a_use(tmp_path: Path) -> None:
    one, two = KEY.jwk(use="jwt-svid"), PrivateKey.generate().public.jwk()
    other = PrivateKey.generate().public.jwk(use="x509-svid")
    async with answering(tmp_path, *said(jwks(one, two, other), DER + DER)) as path:
        found = await held(tmp_path, path)
    assert found is not None
    assert list(found.keys) == [one["kid"], two["kid"]]
    assert found.x509 == (AUTHORITY, AUTHORITY)


async def test_a_domain_that_the_api_does_not_know_has_no_keys(tmp_path: Path) -> None:
    async with answering(tmp_path, *said(domain="other.example")) as path:
        assert await held(tmp_path, path) == Bundle({})


async def test_answers_may_be_long_and_come_in_pieces(tmp_path: Path) -> None:
    many = [PrivateKey.generate().public.jwk() for _ in range(400)]
    async with answering(tmp_path, *said(jwks(*many))) as path:
        found = await held(tmp_path, path)
    assert found is not None
    assert len(found.keys) == 400


@pytest.mark.parametrize(
    "answers",
    [
        (Status(14, "not now"), said()[1]),
        (said()[0], Status(12, "")),
        (b"\xff\xff", said()[1]),
        (said()[0], b"\x0a\x05ab"),
        (said(b"x" * 1024 * 1024)[0], said()[1]),
    ],
)
async def test_answers_that_are_none(
    tmp_path: Path, answers: tuple[bytes | Status, bytes | Status]
) -> None:
    async with answering(tmp_path, *answers) as path:
        with pytest.raises(FetchError):
            await from_workload_api(path, DOMAIN)(None)


@pytest.mark.parametrize(
    "bundle",
    [
        said(b"")[0:2],
        said(b'{"keys": 1}'),
        said(certificates=b"\x30"),
        said(certificates=b"\x30\x00"),
        said(certificates=DER[:-1]),
        said(certificates=DER + b"\0"),
        said(certificates=b"\x31" + DER[1:]),
        said(certificates=b"\x30\x03\x02\x01\x00"),
        said(certificates=b"\x30\x84\xff\xff\xff\xff"),
    ],
)
async def test_bundles_that_are_none(tmp_path: Path, bundle: tuple[bytes, bytes]) -> None:
    async with answering(tmp_path, *bundle) as path:
        answer = await from_workload_api(path, DOMAIN)(None)
    assert answer.document is not None
    with pytest.raises(JoseError):
        reader(frozenset({"ES256"}))(answer.document)


async def test_only_algorithms_that_are_named(tmp_path: Path) -> None:
    async with answering(tmp_path, *said(jwks(public(rsa("one"), use=None), KEY.jwk()))) as path:
        answer = await from_workload_api(path, DOMAIN)(None)
    assert answer.document is not None
    assert list(reader(frozenset({"RS256"}))(answer.document).keys) == ["one"]
    assert list(reader(frozenset({"ES256"}))(answer.document).keys) == [KEY.kid]


async def test_an_api_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "TIMEOUT_S", 0.05)
    async with answering(tmp_path, said()[0], None) as path:
        with pytest.raises(FetchError, match="TimeoutError"):
            await from_workload_api(path, DOMAIN)(None)


async def test_no_api(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="FileNotFoundError"):
        await from_workload_api(tmp_path / "absent", DOMAIN)(None)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\0\0\0\4\0\0\0\0\0"])
async def test_what_is_no_api(tmp_path: Path, data: bytes) -> None:
    async def answer(reading: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reading.read(1)
        writer.write(data)
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "socket")
    async with server:
        with pytest.raises(FetchError):
            await from_workload_api(tmp_path / "socket", DOMAIN)(None)
