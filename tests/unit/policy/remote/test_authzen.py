import json
from typing import Any

import orjson
import pytest

from safeconduct.core.obligations import Demands
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.policy_input import policy_input
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.contract import Contract
from safeconduct.policy.remote.authzen import PATH, AuthZenEngine, question
from tests.support.facts import call, facts
from tests.support.web import serving

CALL = call()
FACTS = facts()
GIVEN: dict[str, Any] = orjson.loads(policy_input(CALL, FACTS))
STEP_UP = {"type": "step-up", "id": "o-1", "acr_value": "loa:3", "amr_values": ["hwk"]}
STRONG = GIVEN | {"user": GIVEN["user"] | {"acr": "loa:2 loa:3", "amr": ["pwd", "hwk"]}}


async def answer(said: dict[str, Any], given: dict[str, Any] = GIVEN) -> PolicyAnswer:
    contract = Contract(digest="b", obligations={"own": Demands()})
    with serving() as web:
        web.publish({PATH: said})
        engine = AuthZenEngine(contract, Remote(url=web.url), unsafe=("x",))
        assert (engine.digest, engine.unsafe, engine.members) == ("b", ("x",), None)
        found = await engine.evaluate(orjson.dumps(given), 0)
        await engine.close()
    assert json.loads(web.asked[0].body) == question(given)
    assert web.asked[0].headers["x-request-id"]
    return found


def test_the_question_holds_the_whole_input_once() -> None:
    asked = question(GIVEN | {"approval": {"digest": "d", "granted_at_ms": 1}})
    assert asked["subject"]["type"] == "identity"
    assert asked["subject"]["id"] == GIVEN["user"]["id"]
    assert asked["action"]["name"] == "tools/call"
    assert asked["resource"]["type"] == "tool"
    assert asked["resource"]["id"] == GIVEN["call"]["tool"]
    assert asked["resource"]["properties"]["effect"] == GIVEN["call"]["effect"]
    assert asked["resource"]["properties"]["facts"] == GIVEN["facts"]
    assert asked["context"]["agent"] == GIVEN["agent"]["id"]
    assert asked["context"]["task"] == GIVEN["task"]
    assert asked["context"]["approval"] == {"digest": "d", "granted_at_ms": 1}


@pytest.mark.parametrize(
    ("tool", "kind", "method"),
    [
        ("crm.get", "tool", "tools/call"),
        ("crm#resource:file:///a", "resource", "resources/read"),
        ("crm#prompt:p", "prompt", "prompts/get"),
        ("crm.x#prompt:p", "tool", "tools/call"),
    ],
)
def test_what_is_asked_about(tool: str, kind: str, method: str) -> None:
    asked = question(GIVEN | {"call": GIVEN["call"] | {"tool": tool, "upstream": "crm"}})
    assert (asked["resource"]["type"], asked["action"]["name"]) == (kind, method)


async def test_a_permit_and_a_refusal() -> None:
    assert (await answer({"decision": True})).permit == ("pdp.permit",)
    assert (await answer({"decision": False})).deny == ("pdp.deny",)


async def test_an_access_request_asks_a_person_once() -> None:
    said = {"decision": False, "context": {"access_request": {"template": "refund"}}}
    assert (await answer(said)).elevate == (PolicyElevate("pdp.access-request", "refund", 300),)
    approved = GIVEN | {"approval": {"digest": GIVEN["call"]["digest"], "granted_at_ms": 0}}
    found = await answer(said, approved)
    assert (found.deny, found.elevate) == (("pdp.deny",), ())


async def test_a_permit_is_not_an_access_request() -> None:
    said = {"decision": True, "context": {"access_request": {}}}
    assert (await answer(said)).elevate == ()


async def test_obligations_of_the_bundle_are_passed_on() -> None:
    said = {"decision": True, "context": {"obligations": [{"type": "custom", "id": "own"}]}}
    assert (await answer(said)).obligations == ("own",)


@pytest.mark.parametrize(
    "obligation",
    [
        {"type": "custom", "id": "unknown"},
        {"type": "notification", "id": "o", "to": "x"},
        {"type": "brand-new", "id": "o"},
        {"type": "custom"},
        {"id": "own"},
        STEP_UP,
        STEP_UP | {"acr_value": None},
    ],
)
async def test_an_obligation_that_cannot_be_met_refuses(obligation: dict[str, Any]) -> None:
    found = await answer({"decision": True, "context": {"obligations": [obligation]}})
    assert found.error is not None
    assert found.said == "deny"


async def test_a_refusal_with_an_obligation_asks_nobody() -> None:
    obligations = [{"type": "custom", "id": "own"}]
    said = {"decision": False, "context": {"obligations": obligations, "access_request": {}}}
    assert (await answer(said)).deny == ("pdp.deny",)


async def test_a_sign_in_that_is_strong_enough_meets_a_step_up() -> None:
    said = {"decision": True, "context": {"obligations": [STEP_UP]}}
    assert (await answer(said, STRONG)).said == "permit"
    weaker = STRONG | {"user": STRONG["user"] | {"amr": ["pwd"]}}
    assert (await answer(said, weaker)).said == "deny"
    nobody = STRONG | {"user": STRONG["user"] | {"acr": None}}
    assert (await answer(said, nobody)).said == "deny"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"decision": "true"},
        {"decision": 1},
        {"decision": None},
        {"decision": [True]},
        {"decision": True, "context": []},
        {"decision": True, "context": {"obligations": {}}},
        {"decision": False, "context": {"access_request": True}},
        {"evaluations": [{"decision": True}]},
    ],
)
async def test_what_is_not_an_evaluation_refuses(said: dict[str, Any]) -> None:
    found = await answer(said)
    assert found.error is not None
    assert found.said == "deny"


async def test_a_decision_point_that_is_gone_refuses() -> None:
    engine = AuthZenEngine(Contract(digest="b"), Remote(url="http://127.0.0.1:1"))
    found = await engine.evaluate(orjson.dumps(GIVEN), 0)
    assert found.error == "the decision point: cannot be asked: ConnectionRefusedError"
    await engine.close()
