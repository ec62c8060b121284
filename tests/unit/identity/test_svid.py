from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.ports import Unauthenticated
from tests.support.parties import ISSUER, NOW_S, Parties
from tests.support.worlds import AGENT

GOOD: dict[str, Any] = {"sub": AGENT, "aud": [ISSUER], "exp": NOW_S + 60, "iat": NOW_S - 5}
KEY = "trust-crm.example"


async def test_an_svid_names_its_agent(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    token = parties.signed(KEY, "JWT", GOOD)
    workload = await parties.evidence.workload(token, parties.now_ms)
    assert (workload.id, workload.attested_ms) == (AGENT, (NOW_S - 5) * 1000)


async def test_an_svid_that_does_not_say_when_was_attested_long_ago(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    claims = {name: value for name, value in GOOD.items() if name != "iat"}
    token = parties.signed(KEY, "JOSE", claims)
    assert (await parties.evidence.workload(token, parties.now_ms)).attested_ms == 0


@pytest.mark.parametrize(
    "change",
    [
        {"aud": []},
        {"aud": "someone-else"},
        {"aud": [ISSUER, "someone-else"]},
        {"aud": f"{ISSUER}/"},
        {"exp": NOW_S},
        {"exp": None},
        {"iat": NOW_S + 6},
        {"nbf": NOW_S + 6},
        {"sub": None},
        {"sub": "jane@crm.example"},
        {"sub": "spiffe://other.example/agents/copilot"},
        {"sub": "spiffe://CRM.example/agents/copilot"},
        {"sub": "spiffe://crm.example"},
        {"sub": "spiffe://crm.example/"},
        {"sub": "spiffe://crm.example/agents/"},
        {"sub": "spiffe://crm.example/agents/../copilot"},
        {"sub": "spiffe://crm.example/./copilot"},
        {"sub": "spiffe://crm.example/agents/copilot?x"},
        {"sub": "spiffe://crm.example/agents/c%6fpilot"},
        {"sub": "spiffe://user@crm.example/agents/copilot"},
        {"sub": "spiffe://crm.example:80/agents/copilot"},
        {"sub": f"{AGENT}\n"},
        {"sub": "spiffe://crm.example/" + "a" * 2048},
    ],
)
async def test_an_svid_is_for_here_and_from_its_own_domain(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    parties = Parties(tmp_path)
    token = parties.signed(KEY, "JWT", {**GOOD, **change})
    with pytest.raises(Unauthenticated):
        await parties.evidence.workload(token, parties.now_ms)


async def test_a_dot_may_stand_in_a_segment(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    token = parties.signed(KEY, "JWT", {**GOOD, "sub": "spiffe://crm.example/..a/v1.2"})
    assert (await parties.evidence.workload(token, parties.now_ms)).id.endswith("/..a/v1.2")


async def test_another_type_is_no_svid(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    with pytest.raises(Unauthenticated):
        await parties.evidence.workload(parties.signed(KEY, "at+jwt", GOOD), parties.now_ms)
