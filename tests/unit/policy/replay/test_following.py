"""What followed for one decision is what follows for another that is alike, and for no other."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.recorded_input import parted
from safeconduct.core.replay import Verdict
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.replay.following import Followed, Following
from tests.support.bundles import PACKAGE, bundle
from tests.support.decisions import decided
from tests.support.facts import call, facts

PERMIT = PolicyAnswer(permit=("open",))


def record() -> dict[str, Any]:
    rules = RegoEngine(bundle(PACKAGE + 'permit contains {"id": "open"} if input.call.tool\n'))
    return parted(decided(rules, call(), facts()))[0]


def said(held: dict[str, Any]) -> PolicyAnswer:
    policy = held["policy"]
    return replace(PERMIT, bundle=policy["bundle"], engine=policy.get("engine", ""))


def test_decisions_that_are_alike_are_worked_out_once() -> None:
    following, held = Following(), record()
    answer = said(held)
    first = following.of(held, answer)
    assert first == Followed(Verdict("permit"), unmet=False, fields=())
    other = held | {"decision": "d_9", "agent": "another", "digest": "sha256:9"}
    later = {name: held[name] + 5 for name in ("at_ms", "expires_ms")}
    assert following.of(other | later, replace(answer)) is first


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"verdict": "deny", "reason": "policy-denied"}, ("verdict", "reason")),
        ({"obligations": []}, ("obligations",)),
        ({"expires_ms": 1 << 60}, ("expires_ms",)),
        ({"at_ms": 0}, ("expires_ms",)),
        ({"spends": {"calls": 7}}, ("spends",)),
        ({"failures": ["facts"]}, ("checks.policy", "verdict", "reason")),
        ({"checks": [{"check": "policy", "said": "deny", "reason": "policy-denied"}]},
         ("checks.policy",)),
    ],
)  # fmt: skip
def test_a_decision_that_is_not_alike_is_looked_at_by_itself(
    changed: dict[str, Any], fields: tuple[str, ...]
) -> None:
    following, held = Following(), record()
    answer = said(held)
    for _ in range(2):
        assert following.of(held, answer).fields == ()
        assert following.of(held | changed, answer).fields == fields
        policy = held["policy"] | {"deny": ["closed"]}
        assert following.of(held | {"policy": policy}, answer).fields == ("policy.deny",)


def test_another_answer_is_another_question() -> None:
    following, held = Following(), record()
    answer = said(held)
    refused = replace(answer, permit=(), deny=("closed",))
    for _ in range(2):
        assert following.of(held, answer).fields == ()
        assert following.of(held, refused).fields == (
            *("policy.deny", "policy.permit", "checks.policy", "verdict", "reason"),
        )
