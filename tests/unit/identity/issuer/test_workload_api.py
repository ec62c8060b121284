"""What a process gets, when it gets something new, and what it never learns."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.issuer import grpc, workload_api
from safeconduct.identity.issuer.authority import Authority
from safeconduct.identity.issuer.grpc import Service
from safeconduct.identity.issuer.unix import Peer
from safeconduct.identity.issuer.workload_api import Unknown, WorkloadApi
from tests.support.grpc import METADATA, Call, Client, connected, framed, serving
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, ISSUER, MINUTE_MS, Clock, authority

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)

OFFICIAL: Any = import_module("spiffe._proto.workload_pb2")
ID = f"spiffe://{DOMAIN}"
FETCH_X509 = "/SpiffeWorkloadAPI/FetchX509SVID"
X509_BUNDLES = "/SpiffeWorkloadAPI/FetchX509Bundles"
FETCH_JWT = "/SpiffeWorkloadAPI/FetchJWTSVID"
JWT_BUNDLES = "/SpiffeWorkloadAPI/FetchJWTBundles"
VALIDATE_JWT = "/SpiffeWorkloadAPI/ValidateJWTSVID"
ALL = (FETCH_X509, X509_BUNDLES, FETCH_JWT, JWT_BUNDLES, VALIDATE_JWT)
STREAMS = (FETCH_X509, X509_BUNDLES, JWT_BUNDLES)


class World:
    """An issuer with one agent; who it is, whether it is revoked and what time it is, as told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.agent: str | None = COPILOT
        self.revoked: bool | None = False
        self.seen: list[int] = []
        self.authority: Authority = authority(directory)
        self.api = WorkloadApi(
            self, {DOMAIN: self.authority}, revoked=self._revoked, clock_ms=self.clock
        )

    async def attest(self, peer: Peer) -> str:
        self.seen.append(peer.pid)
        if self.agent is None:
            raise NotAttested("the evidence holds, and stands for no workload (uid 7)")
        return self.agent

    def _revoked(self, agent: str) -> bool:
        assert agent == COPILOT
        if self.revoked is None:
            raise Unknown("nothing was heard of the gateway for a second")
        return self.revoked


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with (
        serving(Service(world.api.methods()), world.directory / "socket") as path,
        connected(path) as made,
    ):
        yield made


def asking(*audiences: str, spiffe_id: str = "") -> bytes:
    request = OFFICIAL.JWTSVIDRequest(audience=audiences, spiffe_id=spiffe_id)
    return framed(request.SerializeToString())


def validating(audience: str, svid: str) -> bytes:
    request = OFFICIAL.ValidateJWTSVIDRequest(audience=audience, svid=svid)
    return framed(request.SerializeToString())


BODIES = {FETCH_JWT: asking(ISSUER), VALIDATE_JWT: validating(ISSUER, "e.y.J")}


async def call(client: Client, path: str, body: bytes | None = None) -> Call:
    given = BODIES.get(path, framed(b"")) if body is None else body
    return await client.call(path, given, headers=METADATA)


def stream(client: Client, path: str) -> int:
    return client.open(path, headers=METADATA)


async def jwt_svid(client: Client) -> str:
    (answer,) = (await call(client, FETCH_JWT)).answers
    svid: str = OFFICIAL.JWTSVIDResponse.FromString(answer).svids[0].svid
    return svid


def x509_svid(answer: bytes) -> tuple[x509.Certificate, Any]:
    (svid,) = OFFICIAL.X509SVIDResponse.FromString(answer).svids
    return x509.load_der_x509_certificate(svid.x509_svid), svid


async def test_an_x509_svid_comes_with_its_key_and_bundle(client: Client, world: World) -> None:
    (answer,) = await client.answered(stream(client, FETCH_X509), 1)
    leaf, svid = x509_svid(answer)
    assert svid.spiffe_id == COPILOT
    assert load_der_private_key(svid.x509_svid_key, None).public_key() == leaf.public_key()
    leaf.verify_directly_issued_by(x509.load_der_x509_certificate(svid.bundle))
    assert world.seen == [os.getpid()]


async def test_an_x509_svid_is_renewed_at_half_its_life(client: Client, world: World) -> None:
    number = stream(client, FETCH_X509)
    await client.answered(number, 1)
    world.clock.now_ms += 30 * MINUTE_MS - 1
    world.api.beat()
    await call(client, FETCH_JWT)
    assert len(client.calls[number].answers) == 1
    world.clock.now_ms += 1
    world.api.beat()
    first, second = (x509_svid(one)[0] for one in await client.answered(number, 2))
    assert first.public_key() != second.public_key()
    assert (second.not_valid_after_utc - first.not_valid_after_utc).total_seconds() == 1800
    assert len(world.seen) == 3  # looked at again for each of them


async def test_a_new_key_of_the_authority_is_told_at_once(client: Client, world: World) -> None:
    numbers = {path: stream(client, path) for path in STREAMS}
    for number in numbers.values():
        await client.answered(number, 1)
    # Another process makes the next key.
    authority(world.directory).bundle(world.clock.now_ms + 12 * HOUR_MS)
    world.api.beat()
    x509_answer, bundles, jwks = [
        (await client.answered(number, 2))[1] for number in numbers.values()
    ]
    _, svid = x509_svid(x509_answer)
    both = OFFICIAL.X509BundlesResponse.FromString(bundles).bundles
    assert list(both) == [ID]
    assert svid.bundle == both[ID] == b"".join(world.authority.bundle(world.clock()).certificates)
    document = OFFICIAL.JWTBundlesResponse.FromString(jwks).bundles
    assert list(document) == [ID]
    assert len(json.loads(document[ID])["keys"]) == 2


async def test_keys_are_looked_after_though_nobody_asks(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.api.beat()
    published = world.directory / "trust.json"
    first = published.read_bytes()
    world.clock.now_ms += 12 * HOUR_MS
    world.api.beat()
    assert published.read_bytes() != first
    (world.directory / "issuer" / f"{DOMAIN}.json").write_bytes(b"garbage")
    world.api.beat()
    world.api.beat()
    (said,) = caplog.records
    assert "these are no keys" in said.getMessage()


async def test_a_jwt_svid_is_for_the_audiences_that_were_asked_for(
    client: Client, world: World
) -> None:
    (answer,) = (await call(client, FETCH_JWT, asking("a", "b", spiffe_id=COPILOT))).answers
    (svid,) = OFFICIAL.JWTSVIDResponse.FromString(answer).svids
    assert svid.spiffe_id == COPILOT
    validated = await call(client, VALIDATE_JWT, validating("b", svid.svid))
    read = OFFICIAL.ValidateJWTSVIDResponse.FromString(validated.answers[0])
    assert read.spiffe_id == COPILOT
    assert list(read.claims["aud"]) == ["a", "b"]
    assert read.claims["exp"] == world.clock.now_ms / 1000 + 300


@pytest.mark.parametrize(
    "body",
    [asking(), asking(""), asking("a", ""), asking(*"abcdefghi"), asking("a" * 2049)],
    ids=["none", "empty", "one-empty", "nine", "long"],
)
async def test_without_a_sound_audience_there_is_no_jwt_svid(client: Client, body: bytes) -> None:
    refused = await call(client, FETCH_JWT, body)
    assert (refused.answers, refused.status) == ([], grpc.INVALID_ARGUMENT)


@pytest.mark.parametrize("path", [FETCH_JWT, VALIDATE_JWT])
async def test_what_is_no_message_is_refused(client: Client, path: str) -> None:
    refused = await call(client, path, framed(b"\x0a\xff"))
    assert (refused.answers, refused.status) == ([], grpc.INVALID_ARGUMENT)


async def test_nobody_gets_the_svid_of_another(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    other = f"{ID}/agents/other"
    refused = await call(client, FETCH_JWT, asking(ISSUER, spiffe_id=other))
    assert (refused.status, refused.message) == (grpc.PERMISSION_DENIED, "no identity issued")
    assert f"it is {COPILOT}, and asks to be another" in caplog.text


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("headers", [{}, {"workload.spiffe.io": "True"}])
async def test_the_metadata_of_the_standard_is_demanded(
    client: Client, world: World, path: str, headers: dict[str, str]
) -> None:
    refused = await client.call(path, BODIES.get(path, framed(b"")), headers=headers)
    assert (refused.answers, refused.status) == ([], grpc.INVALID_ARGUMENT)
    assert world.seen == []


@pytest.mark.parametrize("path", ALL)
async def test_who_is_nobody_gets_nothing_and_learns_nothing(
    client: Client, world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.agent = None
    unknown = await call(client, path)
    world.agent, world.revoked = COPILOT, True
    revoked = await call(client, path)
    for one in (unknown, revoked):
        assert (one.answers, one.status) == ([], grpc.PERMISSION_DENIED)
        assert one.message == "no identity issued"
    assert "stands for no workload (uid 7)" in caplog.text
    assert f"{COPILOT} is revoked" in caplog.text


@pytest.mark.parametrize("path", ALL)
async def test_not_to_know_who_is_revoked_is_to_issue_nothing(
    client: Client, world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.revoked = None
    refused = await call(client, path)
    assert (refused.answers, refused.status) == ([], grpc.UNAVAILABLE)
    assert refused.message == "nothing is issued now"
    assert "nothing was heard of the gateway" in caplog.text


@pytest.mark.parametrize("path", ALL)
async def test_without_keys_nothing_is_issued(
    client: Client, world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.authority.bundle(world.clock())
    file = world.directory / "issuer" / f"{DOMAIN}.json"
    content = file.read_bytes()
    file.write_bytes(b"garbage")
    refused = await call(client, path)
    assert (refused.answers, refused.status) == ([], grpc.UNAVAILABLE)
    assert "these are no keys" in caplog.text
    file.write_bytes(content)
    assert await jwt_svid(client)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, -MINUTE_MS])
async def test_a_clock_that_goes_back_issues_nothing(
    client: Client, world: World, step_ms: int
) -> None:
    svid = await jwt_svid(client)
    world.clock.now_ms += step_ms
    for path in ALL:
        assert (await call(client, path)).status == grpc.UNAVAILABLE
    world.clock.now_ms -= step_ms
    assert (await call(client, VALIDATE_JWT, validating(ISSUER, svid))).status == 0


@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_ends_when_its_agent_is_revoked(
    client: Client, world: World, path: str
) -> None:
    number = stream(client, path)
    await client.answered(number, 1)
    world.revoked = True
    world.api.beat()
    ended = await client.ended(number)
    assert (len(ended.answers), ended.status) == (1, grpc.PERMISSION_DENIED)


async def test_silence_of_the_gateway_ends_no_stream_and_renews_none(
    client: Client, world: World
) -> None:
    number = stream(client, FETCH_X509)
    await client.answered(number, 1)
    world.revoked = None
    world.api.beat()
    await call(client, FETCH_JWT)
    assert not client.calls[number].ended
    world.clock.now_ms += HOUR_MS // 2
    world.api.beat()
    ended = await client.ended(number)
    assert (len(ended.answers), ended.status) == (1, grpc.UNAVAILABLE)


async def test_a_process_that_became_another_is_not_renewed(client: Client, world: World) -> None:
    number = stream(client, FETCH_X509)
    await client.answered(number, 1)
    world.agent = None
    world.clock.now_ms += HOUR_MS // 2
    world.api.beat()
    assert (await client.ended(number)).status == grpc.PERMISSION_DENIED


async def test_only_what_we_signed_for_this_audience_and_time_is_valid(
    client: Client, world: World, tmp_path: Path
) -> None:
    svid = await jwt_svid(client)
    elsewhere = authority(tmp_path / "elsewhere").jwt_svid(COPILOT, [ISSUER], world.clock())
    for audience, token in [
        ("other", svid),
        (ISSUER, svid[:-2] + "AA"),
        (ISSUER, elsewhere),
        (ISSUER, ""),
    ]:
        refused = await call(client, VALIDATE_JWT, validating(audience, token))
        assert (refused.status, refused.answers) == (grpc.INVALID_ARGUMENT, [])
    assert (await call(client, VALIDATE_JWT, validating(ISSUER, svid))).status == 0
    world.clock.now_ms += 5 * MINUTE_MS
    late = await call(client, VALIDATE_JWT, validating(ISSUER, svid))
    assert late.status == grpc.INVALID_ARGUMENT


async def test_the_operator_is_told_the_same_once_a_minute(
    client: Client,
    world: World,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.agent = None
    for _ in range(3):
        await call(client, FETCH_JWT)
    assert len(caplog.records) == 1
    monkeypatch.setattr(workload_api, "_MAX_SAID", 1)
    world.agent, world.revoked = COPILOT, True
    await call(client, FETCH_JWT)
    world.agent = None
    await call(client, FETCH_JWT)
    assert len(caplog.records) == 3
    monkeypatch.setattr(workload_api, "_SILENCE_S", 0.0)
    await call(client, FETCH_JWT)
    assert len(caplog.records) == 4


async def test_calls_of_one_connection_do_not_wait_for_each_other(
    client: Client, world: World
) -> None:
    numbers = [stream(client, path) for path in STREAMS * 3]
    answers = [await client.answered(number, 1) for number in numbers]
    assert all(len(one) == 1 for one in answers)
    svids = await asyncio.wait_for(jwt_svid(client), 30)
    assert svids
