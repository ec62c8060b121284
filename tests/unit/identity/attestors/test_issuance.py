"""The page that turns evidence into SVIDs."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from msgspec.structs import replace

from safeconduct.identity.bundles import open_bundles
from safeconduct.identity.svid import Svids
from safeconduct.identity.x509 import Certificates
from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import Caller, LedgerConflict, LedgerFault, RecordTooLarge, TokenRefused
from tests.support.attesting import CLERK, ISSUER, SVID_URL, Attesting
from tests.support.providers import POOL, pool_world, token
from tests.support.worlds import AGENT


async def refused(world: Attesting, error: str, *shown: Any, **more: Any) -> TokenRefused:
    with pytest.raises(TokenRefused) as raised:
        await world.show(*shown, **more)
    assert raised.value.error == error
    return raised.value


async def test_what_is_issued_is_the_caller_s_and_is_accepted_here(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    issued = await attesting.show(POOL, token())
    assert set(issued) == {"spiffe_id", "x509_svid", "jwt_svid"}
    leaf = x509.load_der_x509_certificate(base64.b64decode(issued["x509_svid"][0]))
    named = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(named, x509.SubjectAlternativeName)
    assert named.get_values_for_type(x509.UniformResourceIdentifier) == [AGENT]
    assert leaf.public_key() == attesting.key.public.key
    svids = Svids(attesting.config, open_bundles(attesting.config))
    workload = await svids.verify(issued["jwt_svid"], attesting.now_ms)
    assert (workload.id, workload.key) == (AGENT, attesting.key.public.thumbprint)
    chain = [base64.b64decode(one) for one in issued["x509_svid"]]
    certificates = Certificates(open_bundles(attesting.config))
    shown = await certificates.verify(Certificate.read(chain), attesting.now_ms)
    assert shown.id == AGENT


async def test_an_svid_for_somebody_else(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    issued = await attesting.show(POOL, token(), audience="https://other.example")
    payload = issued["jwt_svid"].split(".")[1]
    claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert b'"aud":["https://other.example"]' in claims


async def test_it_is_on_record_before_it_is_issued(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    await attesting.show(POOL, token())
    (record,) = attesting.ledger.records
    assert len(record.pop("evidence")) == 64
    assert record == {
        "kind": "svid",
        "phase": "issued",
        "at_ms": attesting.now_ms,
        "tenant": "crm.example",
        "agent": AGENT,
        "attestor": POOL,
        "jkt": attesting.key.public.thumbprint,
        "audience": ISSUER,
    }


async def test_evidence_can_be_shown_again_with_its_key_and_with_no_other(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    evidence = token()
    await attesting.show(POOL, evidence)
    await attesting.show(POOL, evidence)
    await refused(attesting, "invalid_grant", POOL, evidence, key=PrivateKey.generate())
    assert attesting.why == "the evidence was shown with another key before"
    assert len(attesting.ledger.records) == 2


async def test_the_whole_request_works_once(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    asked = {"attestor": POOL, "evidence": token()}
    caller = attesting.caller()
    await attesting.page.issue(asked, caller)
    with pytest.raises(TokenRefused, match="used before"):
        await attesting.page.issue(asked, caller)


@pytest.mark.parametrize("url", [f"{SVID_URL}/", f"{ISSUER}/oauth/token"])
async def test_a_proof_for_another_place(tmp_path: Path, url: str) -> None:
    attesting = pool_world(tmp_path, "github")
    caller = replace(attesting.caller(), url=url)
    with pytest.raises(TokenRefused) as raised:
        await attesting.page.issue({"attestor": POOL, "evidence": token()}, caller)
    assert raised.value.error == "invalid_dpop_proof"


async def test_no_proof(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    caller = Caller(http_method="POST", url=SVID_URL, authorization=None)
    with pytest.raises(TokenRefused) as raised:
        await attesting.page.issue({"attestor": POOL, "evidence": token()}, caller)
    assert raised.value.error == "invalid_dpop_proof"


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"attestor": POOL},
        {"attestor": POOL, "evidence": 1},
        {"attestor": POOL, "evidence": "x", "audience": ""},
        {"attestor": POOL, "evidence": "x", "audience": ["a", "b"]},
        {"attestor": POOL, "evidence": "x", "spiffe_id": AGENT},
    ],
)
async def test_what_is_no_request(tmp_path: Path, asked: object) -> None:
    attesting = pool_world(tmp_path, "github")
    with pytest.raises(TokenRefused) as raised:
        await attesting.page.issue(asked, attesting.caller())
    assert raised.value.error == "invalid_request"


async def test_the_caller_never_learns_which_check_failed(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github", others={"repository": "acme/other"})
    said: set[tuple[str, str, int]] = set()
    reasons: list[str] = []
    for kind, evidence in (
        ("unix", "x"),
        ("hardware", "x"),
        (POOL, "x"),
        (POOL, token(aud="x")),
        (POOL, token(exp=1)),
        (POOL, token(repository_id="1")),
        (POOL, token(repository="acme/other")),
    ):
        fault = await refused(attesting, "invalid_grant", kind, evidence)
        said.add((fault.error, fault.sentence, fault.status))
        reasons.append(fault.why)
    assert len(said) == 1
    assert len(set(reasons)) == 6
    assert attesting.ledger.records == []


@pytest.mark.parametrize(("what", "name"), [("agent", AGENT), ("key", None)], ids=["agent", "key"])
async def test_nothing_is_issued_after_a_revocation(
    tmp_path: Path, what: str, name: str | None
) -> None:
    attesting = pool_world(tmp_path, "github")
    await attesting.show(POOL, token())
    await attesting.ledger.append(
        {
            "kind": "revocation",
            "what": what,
            "id": name or attesting.key.public.thumbprint,
            "by": "uid:0",
            "at_ms": attesting.now_ms,
        }
    )
    await refused(attesting, "invalid_grant", POOL, token())
    assert "revoked" in attesting.why


async def test_an_agent_that_is_registered_for_another_attestation(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    agents = attesting.config.agents
    agents[AGENT] = replace(agents[AGENT], attestation="hardware")
    await refused(attesting, "invalid_grant", POOL, token())
    assert "not registered for this kind" in attesting.why
    del agents[AGENT]
    await refused(attesting, "invalid_grant", POOL, token())
    assert "not registered for this kind" in attesting.why


@pytest.mark.parametrize("fault", [LedgerFault(), RecordTooLarge()])
async def test_what_cannot_be_recorded_is_not_issued(tmp_path: Path, fault: Exception) -> None:
    attesting = pool_world(tmp_path, "github")
    attesting.ledger.fault = fault
    told = await refused(attesting, "temporarily_unavailable", POOL, token())
    assert told.status == 503
    assert "nothing can be recorded" in attesting.why


async def test_a_conflict_of_another_kind(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    attesting.ledger.fault = LedgerConflict("strange")
    await refused(attesting, "invalid_grant", POOL, token())
    assert attesting.why == "strange"


async def test_nothing_is_issued_without_keys_to_sign_with(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    await attesting.show(POOL, token())
    keys = tmp_path / "state" / "issuer" / "crm.example.json"
    keys.write_bytes(b"{}")
    told = await refused(attesting, "temporarily_unavailable", POOL, token())
    assert told.status == 503
    assert "nothing can be signed" in attesting.why


async def test_two_agents_get_their_own(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github", others={"repository": "acme/other"})
    other = token(repository="acme/other", repository_id="75")
    assert (await attesting.show(POOL, token()))["spiffe_id"] == AGENT
    issued = await attesting.show(POOL, other, key=PrivateKey.generate())
    assert issued["spiffe_id"] == CLERK
