"""Sub-grants, as they come with what the user attests: at the start, and later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.core.subgrants import Given, SubGrant
from safeconduct.identity import front_end
from safeconduct.ports import JSON, TokenRefused
from tests.support.parties import DESK, Parties
from tests.support.worlds import AGENT, USER

FOLLOW = SubGrant(source="crm.get_case", object="C-1", tools=("mail.send",), count=2, minutes=5)


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


async def started(parties: Parties, *follow: SubGrant, **changes: str | None) -> JSON:
    attestation = parties.attestation(follow=follow)
    return await parties.started(purpose=None, purpose_attestation=attestation, **changes)


def given(parties: Parties, task: JSON) -> tuple[Given, ...]:
    facts = parties.ledger.state.task(str(task["task"]))
    assert facts is not None
    return facts.subgrants


async def test_the_attestation_says_what_is_followed(parties: Parties) -> None:
    task = await started(parties, FOLLOW)
    assert given(parties, task) == (Given(0, FOLLOW, 2, parties.now_ms + 300_000),)
    record = parties.ledger.records[-1]
    assert record["follow"] == [msgspec.to_builtins(FOLLOW)]


async def test_without_one_nothing_is(parties: Parties) -> None:
    assert given(parties, await started(parties)) == ()
    assert "follow" not in parties.ledger.records[-1]
    assert given(parties, await parties.started()) == ()


async def test_the_user_gives_more_later(parties: Parties) -> None:
    task = await started(parties, FOLLOW)
    other = msgspec.structs.replace(FOLLOW, object="C-2")
    parties.now_ms += 1_000
    attestation = parties.attestation(task=str(task["task"]), follow=[other])
    form = parties.amendment(task, "And C-2", purpose_attestation=attestation)
    await parties.asked(form)
    first, second = given(parties, task)
    assert (first.grant, second.grant, second.number) == (FOLLOW, other, 1)
    assert second.until_ms == parties.now_ms + 300_000


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "mail.send"},
        {"source": "crm.nothing"},
        {"tools": ("mail.other",)},
        {"tools": ("mail.send", "crm.list_customers")},
    ],
)
async def test_what_the_task_cannot_do_is_not_given(
    parties: Parties, changed: dict[str, Any]
) -> None:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await started(
            parties, msgspec.structs.replace(FOLLOW, **changed), scope="case:read mail:send"
        )
    assert (fault.value.error, fault.value.sentence) == (
        "invalid_request",
        "This cannot be followed.",
    )
    assert len(parties.ledger.records) == before


@pytest.mark.parametrize(
    "follow",
    [
        [{**msgspec.to_builtins(FOLLOW), "count": 21}],
        [{**msgspec.to_builtins(FOLLOW), "for": "ever"}],
        [msgspec.to_builtins(FOLLOW)] * 9,
        "everything",
    ],
)
async def test_what_is_no_narrow_grant_is_none(parties: Parties, follow: object) -> None:
    claims = {
        "iss": DESK,
        "sub": USER,
        "aud": parties.config.root.gateway.issuer,
        "act": {"sub": AGENT},
        "purpose": "Do it",
        "jti": "j-1",
        "iat": parties.now_ms // 1000,
        "exp": parties.now_ms // 1000 + 60,
        "unsafe_dev_identity": True,
        "follow": follow,
    }
    name = f"front-end-{DESK}"
    attestation = signed(parties, name, claims)
    with pytest.raises(TokenRefused) as fault:
        await parties.started(purpose=None, purpose_attestation=attestation)
    assert fault.value.error == "invalid_request"
    del claims["follow"]
    attestation = signed(parties, name, claims)
    assert await parties.started(purpose=None, purpose_attestation=attestation)


def signed(parties: Parties, name: str, claims: JSON) -> str:
    return parties.signed(name, front_end.TYPE, claims)
