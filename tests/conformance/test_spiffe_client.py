"""The client of PyPI `spiffe`, unmodified, against `safeconduct identity serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from spiffe import JwtBundle, JwtSource, SpiffeId, TrustDomain, WorkloadApiClient, X509Source
from spiffe.svid.jwt_svid import JwtSvid
from spiffe.workloadapi.errors import (
    FetchJwtSvidError,
    FetchX509SvidError,
    ValidateJwtSvidError,
)
from spiffe.workloadapi.x509_context import X509Context

from safeconduct.audit import lock
from safeconduct.config import load
from safeconduct.delegation.feed import Feed
from safeconduct.identity.issuer.authority import own_authorities
from safeconduct.rooms import clock_ms
from tests.support.issuing import PATIENCE_S, Issuer
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, ISSUER, workload

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)

HERE = TrustDomain(DOMAIN)
NOBODY = 65534


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with Issuer(workload(tmp_path / "gateway").directory).running() as running:
        yield running


@pytest.fixture
def client(issuer: Issuer) -> Iterator[WorkloadApiClient]:
    with WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as made:
        yield made


def bundle(client: WorkloadApiClient) -> JwtBundle:
    found = client.fetch_jwt_bundles().get_bundle_for_trust_domain(HERE)
    assert found is not None
    return found


def test_it_gets_an_x509_svid_that_its_bundle_vouches_for(client: WorkloadApiClient) -> None:
    context = client.fetch_x509_context()
    svid = context.default_svid
    assert svid.spiffe_id == SpiffeId(COPILOT)
    assert svid.private_key.public_key() == svid.leaf.public_key()
    known = context.x509_bundle_set.get_bundle_for_trust_domain(HERE)
    assert known is not None
    (authority,) = known.x509_authorities
    svid.leaf.verify_directly_issued_by(authority)
    bundles = client.fetch_x509_bundles().get_bundle_for_trust_domain(HERE)
    assert bundles is not None
    assert bundles.x509_authorities == {authority}


def test_it_gets_a_jwt_svid_that_holds_here_and_offline(client: WorkloadApiClient) -> None:
    svid = client.fetch_jwt_svid(audience={ISSUER})
    assert (svid.spiffe_id, svid.audience) == (SpiffeId(COPILOT), {ISSUER})
    assert client.validate_jwt_svid(svid.token, ISSUER).spiffe_id == SpiffeId(COPILOT)
    offline = JwtSvid.parse_and_validate(svid.token, bundle(client), {ISSUER})
    assert offline.spiffe_id == SpiffeId(COPILOT)
    with pytest.raises(ValidateJwtSvidError, match="INVALID_ARGUMENT"):
        client.validate_jwt_svid(svid.token, "https://other.example")


def test_it_may_ask_by_name_for_itself_alone(client: WorkloadApiClient) -> None:
    own = client.fetch_jwt_svids(audience={ISSUER}, subject=SpiffeId(COPILOT))
    assert [one.spiffe_id for one in own] == [SpiffeId(COPILOT)]
    with pytest.raises(FetchJwtSvidError, match="PERMISSION_DENIED"):
        client.fetch_jwt_svid(
            audience={ISSUER}, subject=SpiffeId(f"spiffe://{DOMAIN}/agents/other")
        )


def test_its_sources_serve_what_they_got(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", issuer.url)
    with X509Source(timeout_in_seconds=PATIENCE_S) as source:
        assert source.get_x509_context().default_svid.spiffe_id == SpiffeId(COPILOT)
        assert source.get_bundle_for_trust_domain(HERE) is not None
    with JwtSource(timeout_in_seconds=PATIENCE_S) as jwt:
        assert jwt.fetch_svid(audience={ISSUER}).spiffe_id == SpiffeId(COPILOT)


def test_it_hears_of_a_new_key_while_it_listens(issuer: Issuer, client: WorkloadApiClient) -> None:
    old = client.fetch_jwt_svid(audience={ISSUER})
    heard: list[X509Context] = []
    first, second = threading.Event(), threading.Event()

    def update(context: X509Context) -> None:
        heard.append(context)
        (second if first.is_set() else first).set()

    def fault(error: Exception) -> None:
        raise error

    listening = client.stream_x509_contexts(update, fault)
    assert first.wait(PATIENCE_S)
    # As another process does that finds it is time.
    own_authorities(load(issuer.directory))[DOMAIN].bundle(clock_ms() + 12 * HOUR_MS)
    assert second.wait(PATIENCE_S)
    listening.cancel()
    before, after = (one.x509_bundle_set.get_bundle_for_trust_domain(HERE) for one in heard[:2])
    assert before is not None
    assert after is not None
    assert before.x509_authorities < after.x509_authorities
    # What the old key signed holds, and so does what it signs on.
    for svid in (old, client.fetch_jwt_svid(audience={ISSUER})):
        offline = JwtSvid.parse_and_validate(svid.token, bundle(client), {ISSUER})
        assert offline.spiffe_id == SpiffeId(COPILOT)


def fetch_on(client: WorkloadApiClient) -> None:
    for _ in range(1000):
        client.fetch_x509_svid()


def test_a_revoked_agent_gets_nothing_more(issuer: Issuer, client: WorkloadApiClient) -> None:
    # A gateway as other processes know it: the lock on its log, and its beat.
    state = issuer.directory / "state"
    held = lock.acquire(state / "audit")
    feed = Feed(state, [])
    heard, beating = threading.Event(), threading.Event()

    def beat() -> None:
        while not beating.wait(0.1):
            feed.beat(clock_ms())

    feed.beat(clock_ms())
    beats = threading.Thread(target=beat)
    beats.start()
    try:
        client.fetch_jwt_svid(audience={ISSUER})
        listening = client.stream_x509_contexts(lambda _: heard.set(), lambda _: None)
        assert heard.wait(PATIENCE_S)
        feed.revoke("agent", COPILOT)
        with pytest.raises(FetchX509SvidError, match="PERMISSION_DENIED"):
            fetch_on(client)
        with pytest.raises(FetchJwtSvidError, match="PERMISSION_DENIED"):
            client.fetch_jwt_svid(audience={ISSUER})
        listening.cancel()
    finally:
        beating.set()
        beats.join()
        feed.close()
    # The gateway is there and says nothing more: not to know is to issue nothing.
    with pytest.raises(FetchJwtSvidError, match="UNAVAILABLE"):
        client.fetch_jwt_svid(audience={ISSUER})
    os.close(held)
    said = issuer.said.read_text()
    assert f"{COPILOT} is revoked" in said
    assert "the gateway's revocations cannot be read" in said


AS_NOBODY = f"""
import os, sys
from spiffe import WorkloadApiClient
from spiffe.workloadapi.errors import WorkloadApiError
client = WorkloadApiClient(sys.argv[1], default_timeout=30)
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
for ask in (
    client.fetch_x509_svid, client.fetch_x509_bundles, client.fetch_jwt_bundles,
    lambda: client.fetch_jwt_svid(audience={{"x"}}), lambda: client.validate_jwt_svid("e.y.J", "x"),
):
    try:
        print("got", ask())
    except WorkloadApiError as error:
        print("PERMISSION_DENIED" in str(error), "no identity issued" in str(error))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_gets_nothing_at_all(issuer: Issuer) -> None:
    for directory in (issuer.directory, *issuer.directory.parents):
        if directory.is_relative_to("/tmp") and str(directory) != "/tmp":
            directory.chmod(directory.stat().st_mode | 0o001)
    answer = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, issuer.url], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["True True"] * 5
    assert f"uid {NOBODY}" in issuer.said.read_text()


def test_a_restart_changes_no_key(tmp_path: Path) -> None:
    issuer = Issuer(workload(tmp_path / "gateway").directory)
    with issuer.running(), WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client:
        before = client.fetch_jwt_svid(audience={ISSUER})
    assert issuer.process.returncode == 0
    assert not issuer.socket.exists()
    # The next one has the same keys.
    with issuer.running(), WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client:
        assert client.validate_jwt_svid(before.token, ISSUER).spiffe_id == SpiffeId(COPILOT)
