import json
from typing import Any

import pytest

from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.contract import Contract
from safeconduct.policy.remote.opa import OpaEngine
from tests.support.web import Web, serving

PATH = "/v1/data/agent/tools"


async def answer(result: dict[str, Any], web: Web, **said: Any) -> PolicyAnswer:
    web.publish({PATH: result})
    contract = Contract(digest="b", **said)
    engine = OpaEngine(contract, Remote(url=web.url), "agent.tools", unsafe=("x",))
    assert (engine.digest, engine.unsafe, engine.members) == ("b", ("x",), None)
    try:
        return await engine.evaluate(b'{"call":{}}', 7)
    finally:
        await engine.close()


async def test_the_sets_of_the_package_are_the_answer() -> None:
    package = {
        "permit": [{"id": "p"}],
        "deny": [{"id": "d"}],
        "elevate": [{"id": "e", "template": "t", "ttl_s": 60}],
        "helper": True,
    }
    with serving() as web:
        found = await answer({"result": package, "decision_id": "x"}, web)
    assert found == PolicyAnswer(
        permit=("p",), deny=("d",), elevate=(PolicyElevate("e", "t", 60),), bundle="b"
    )
    assert json.loads(web.asked[0].body) == {"input": {"call": {}}}
    assert web.asked[0].path == f"{PATH}?strict-builtin-errors=true"


async def test_a_rule_that_is_only_logged_has_no_effect() -> None:
    package = {"permit": [{"id": "p"}], "deny": [{"id": "d"}]}
    with serving() as web:
        found = await answer({"result": package}, web, log_only=frozenset({"d"}))
    assert (found.said, found.would_have, found.log_only) == ("permit", "deny", ("d",))


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"result": None},
        {"result": True},
        {"result": []},
        {"result": {}},
        {"result": {"deny": [{"id": "d"}]}},
        {"result": {"permit": True}},
        {"result": {"permit": {"id": "p"}}},
        {"result": {"permit": ["p"]}},
        {"result": {"permit": [{"id": 1}]}},
        {"result": {"permit": [{"id": "p", "more": 1}]}},
        {"result": {"permit": [{"id": "p"}], "deny": None}},
        {"result": {"permit": [], "elevate": [{"id": "e"}]}},
        {"result": {"permit": [{"id": "p", "obligations": ["unknown"]}]}},
        {"code": "internal_error", "message": "secret"},
    ],
)
async def test_what_is_not_the_contract_refuses(result: dict[str, Any]) -> None:
    with serving() as web:
        found = await answer(result, web)
    assert found.error is not None
    assert "secret" not in found.error
    assert (found.said, found.permit) == ("deny", ())


async def test_a_server_that_is_gone_refuses() -> None:
    engine = OpaEngine(Contract(digest="b"), Remote(url="http://127.0.0.1:1"), "agent.tools")
    found = await engine.evaluate(b"{}", 0)
    assert found.error == "the decision point: cannot be asked: ConnectionRefusedError"
    await engine.close()
