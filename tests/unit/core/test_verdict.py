import msgspec
import pytest

from safeconduct.core.reasons import REASONS
from safeconduct.core.verdict import (
    Deny,
    Elevate,
    Grant,
    Obligation,
    Permit,
    Redact,
    Requirement,
    Spotlight,
    Verdict,
)

GRANT = Grant(target="crm.get_case", digest="sha256:00", expires_ms=1)
ASK = Requirement(templates=("scope",), sources=("scope:a",), ttl_s=300)


def test_a_refusal_carries_its_entry_of_the_closed_list() -> None:
    assert Deny("tool-unknown").reason is REASONS["tool-unknown"]


def test_a_refusal_outside_the_closed_list_has_no_reason() -> None:
    with pytest.raises(KeyError):
        _ = Deny("because").reason


def test_a_grant_vouches_for_nothing_and_rests_on_nothing_unless_told_so() -> None:
    assert (GRANT.chosen, GRANT.approval, GRANT.scopes) == (None, None, ())
    assert (GRANT.follows, GRANT.subgrants) == (False, ())


@pytest.mark.parametrize(
    "verdict", [Permit(GRANT, (Redact(("secret.",)), Spotlight("crm"))), Elevate(ASK), Deny("busy")]
)
def test_a_verdict_survives_a_record(verdict: Verdict) -> None:
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


@pytest.mark.parametrize("obligation", [Redact(("secret.",)), Spotlight("crm")])
def test_an_obligation_survives_a_record(obligation: Obligation) -> None:
    assert msgspec.json.decode(msgspec.json.encode(obligation), type=Obligation) == obligation


def test_a_verdict_cannot_be_turned_into_another() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"allow"}', type=Verdict)
    with pytest.raises(AttributeError):
        Deny("busy").code = "cancelled"  # type: ignore[misc]
