"""Between the rooms of identity and delegation: what holds in one must hold in the next.

Each test says what the attacker holds, or what was ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.record import label_value
from safeconduct.delegation.request import JWT_SVID
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON, Caller, TokenRefused, Unauthenticated
from tests.support.certified import Certified
from tests.support.parties import (
    ISSUER,
    NOW_S,
    OTHER,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.tasks import deny
from tests.support.worlds import AGENT, USER

EVERYBODY = (f"user:{USER}", f"agent:{AGENT}")
HOUR_MS = 3_600_000
PII = Label(categories=frozenset({"pii"}))


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path, with_helper(configuration(tmp_path)))


# --- what ends one task, and those below it -------------------------------------------------------


@pytest.mark.parametrize("what", ["agent", "key"])
async def test_a_child_outlives_neither_the_agent_nor_the_key_above_it(
    parties: Parties, what: str
) -> None:
    """An agent that was taken over has passed its task on before it was revoked."""
    above = await parties.started()
    held = parties.key
    proof = parties.handover(above["access_token"])
    parties.key = PrivateKey.generate()
    child = await parties.asked(parties.child(above, subject_token_proof=proof))
    assert parties.ledger.state.active(child["task"])
    ended = {"agent": AGENT, "key": held.public.thumbprint}[what]
    await parties.revoke(what, ended, "uid:0")
    assert not parties.ledger.state.active(above["task"])
    assert not parties.ledger.state.active(child["task"])


async def test_an_agent_that_has_to_attest_itself_anew_has_nothing_done_by_another(
    tmp_path: Path,
) -> None:
    """Refused often enough to be suspect, it passes on what it wants done."""
    config = profiled(with_helper(configuration(tmp_path)), reattest_on_refusals=1)
    parties = Parties(tmp_path, config)
    above = await parties.started()
    child = await parties.asked(parties.child(above))
    await parties.ledger.append(deny(task=str(above["task"])))
    again = {"task": str(child["task"]), "task_profile": None}
    for form in (parties.child(above), parties.child(above, **again)):
        with pytest.raises(TokenRefused, match="has to show a newer SVID"):
            await parties.asked(form)
    above = await parties.asked(parties.renewal(above["task"]))
    await parties.asked(parties.child(above))


# --- what agents remember, and tell each other ----------------------------------------------------


async def remembered(parties: Parties, task: object, labels: Label) -> None:
    record = {"kind": "memory", "task": task, "labels": label_value(labels), "vouched": []}
    await parties.ledger.append({**record, "at_ms": parties.now_ms})


def labels_of(parties: Parties, task: object) -> Label:
    facts = parties.ledger.state.task(str(task))
    assert facts is not None
    return facts.labels


@pytest.fixture
def rememberers(tmp_path: Path) -> Parties:
    """Two agents that keep what they have read from one task to the next."""
    config = with_helper(configuration(tmp_path))
    agents = {name: replace(one, stateless=False) for name, one in config.agents.items()}
    users = {
        name: replace(one, delegation=replace(one.delegation, on_behalf_of=EVERYBODY))
        for name, one in agents.items()
    }
    return Parties(tmp_path, replace(config, agents=users))


async def test_an_agent_is_asked_for_what_it_read_before(rememberers: Parties) -> None:
    """A clean agent passes a part of its task on to one that has read personal data, has itself
    told, and may send mail.
    """
    parties = rememberers
    earlier = await parties.started(actor_token=parties.svid(OTHER))
    await remembered(parties, earlier["task"], PII)
    above = await parties.started()
    assert labels_of(parties, above["task"]) == BOTTOM
    await parties.asked(parties.child(above))
    assert labels_of(parties, above["task"]) == PII
    assert labels_of(parties, (await parties.started())["task"]) == PII


async def test_an_agent_is_told_what_another_read_and_sheds_it_in_a_task_of_its_own(
    rememberers: Parties,
) -> None:
    parties = rememberers
    above = await parties.started()
    await remembered(parties, above["task"], PII)
    await parties.asked(parties.child(above))
    later = await parties.started(actor_token=parties.svid(OTHER))
    assert labels_of(parties, later["task"]) == PII


# --- certificates, and the clock ------------------------------------------------------------------


async def test_a_clock_that_steps_back_makes_no_token_for_a_certificate_live_again(
    tmp_path: Path,
) -> None:
    parties = Certified(tmp_path)
    answer = await parties.certified(parties.bare())
    caller = parties.comes(answer["access_token"], certificate=parties.held.shown)
    parties.tokens.verify(caller, parties.now_ms)
    ended_ms = parties.now_ms + 900_000
    with pytest.raises(Unauthenticated):
        parties.tokens.verify(caller, ended_ms)
    for now_ms in (ended_ms - 10_000, parties.now_ms, ended_ms - HOUR_MS):
        with pytest.raises(Unauthenticated):
            parties.tokens.verify(caller, now_ms)


async def test_nor_does_it_across_a_restart(tmp_path: Path) -> None:
    parties = Certified(tmp_path)
    answer = await parties.certified(parties.bare())
    caller = parties.comes(answer["access_token"], certificate=parties.held.shown)
    parties.tokens.not_before(parties.now_ms + 900_000)
    with pytest.raises(Unauthenticated):
        parties.tokens.verify(caller, parties.now_ms)


async def test_a_key_that_was_revoked_is_no_better_in_a_certificate(tmp_path: Path) -> None:
    """SVIDs that are got by evidence are both for one key: who stole it has the certificate."""
    parties = Certified(tmp_path)
    started = await parties.certified(parties.bare())
    await parties.revoke("key", str(parties.held.shown.key), "uid:0")
    for form in (parties.bare(), parties.bare(task=str(started["task"]), task_profile=None)):
        with pytest.raises(TokenRefused) as refused:
            await parties.certified(form)
        assert refused.value.error == "invalid_client"


# --- SVIDs that name a key ------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["introspect", "revoke"])
async def test_an_svid_that_names_its_key_asks_of_no_token_without_it(
    parties: Parties, ask: str
) -> None:
    """The SVID and the task token were both seen in a log; the thief has a key of its own."""
    started = await parties.started()
    form = asking(parties, started, cnf={"jkt": parties.key.public.thumbprint})
    asked = getattr(parties.status, ask)
    before = len(parties.ledger.records)
    for proof in ((), (at(parties, ask, PrivateKey.generate()),), (parties.proof(),)):
        with pytest.raises(TokenRefused) as refused:
            await asked(form, comes(ask, *proof))
        assert refused.value.error == "invalid_client"
    assert len(parties.ledger.records) == before
    await asked(form, comes(ask, at(parties, ask, parties.key)))
    assert parties.ledger.state.active(started["task"]) == (ask == "introspect")


async def test_who_was_revoked_asks_of_no_token(parties: Parties) -> None:
    started = await parties.started()
    upstream = "spiffe://crm.example/agents/other"
    await parties.revoke("agent", upstream, "uid:0")
    form = asking(parties, started, sub=upstream)
    with pytest.raises(TokenRefused) as refused:
        await parties.status.introspect(form, comes("introspect"))
    assert refused.value.error == "invalid_client"


def asking(parties: Parties, started: JSON, **claims: Any) -> dict[str, str]:
    said = {"sub": AGENT, "aud": ISSUER, "iat": NOW_S, "exp": NOW_S + 60, **claims}
    return {
        "token": str(started["access_token"]),
        "client_assertion_type": JWT_SVID,
        "client_assertion": parties.signed("trust-crm.example", "JWT", said),
    }


def comes(ask: str, *proofs: str) -> Caller:
    return Caller(http_method="POST", url=f"{ISSUER}/oauth/{ask}", authorization=None, dpop=proofs)


def at(parties: Parties, ask: str, key: PrivateKey) -> str:
    return parties.proof(key, htu=f"{ISSUER}/oauth/{ask}")


async def test_a_clock_that_steps_back_makes_no_ended_token_active(parties: Parties) -> None:
    started = await parties.started()
    for step_ms in (900_000, -600_000):
        parties.now_ms += step_ms
        now_s = parties.now_ms // 1000
        form = asking(parties, started, iat=now_s, exp=now_s + 60)
        told = await parties.status.introspect(form, comes("introspect"))
        assert told == {"active": False}
