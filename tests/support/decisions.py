"""Decision records as a gateway with a given engine writes them."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core.decide import decide
from safeconduct.core.model import Call, Facts
from safeconduct.core.policy_input import policy_input
from safeconduct.core.record import decision_record
from safeconduct.policy.loading import LocalEngine

_KEY: Final = b"a key for masks"


def decided(engine: LocalEngine, call: Call, facts: Facts, name: str = "d_1") -> dict[str, Any]:
    """The record of a call that got as far as the policy."""
    given = policy_input(call, facts, engine.members)
    facts = replace(facts, policy=engine.evaluate(given, facts.gathered.now_ms))
    return decision_record(name, call, facts.gathered, facts, decide(call, facts), _KEY)
