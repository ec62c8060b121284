from typing import Any

import orjson
import pytest

from safeconduct.policy.rego import probes
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.syntax import Node
from tests.support.bundles import GUARDED, PACKAGE, bundle


def modules(text: str) -> list[Node]:
    return Evaluator(bundle(GUARDED, PACKAGE + text)).modules


def test_typed_probes_are_the_empty_input_and_one_that_no_call_has() -> None:
    empty, nonsense = (orjson.loads(given) for _, given in probes.typed())
    assert empty == {}
    assert nonsense["call"]["tool"] == "nonsense.tool"
    assert nonsense["facts"] == {}


def mistyped(text: str) -> list[Any]:
    return [orjson.loads(given) for _, given in probes.mistyped(modules(text))]


def test_mistyped_probes_fill_the_contract_with_one_value_after_the_other() -> None:
    found = mistyped("")
    assert [given["agent"]["tier"] for given in found] == [
        None, False, True, -1, 0, 1, "", "nonsense", [], {},
    ]  # fmt: skip
    for given in found:
        assert given["call"]["digest"] == given["now_ms"] == given["agent"]["tier"]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("a if input.facts.owner == input.user.id", ("facts", "owner")),
        ('a if input["facts"].deep.more == 1', ("facts", "deep", "more")),
        ("a if input.approval.digest[input.x]", ("x",)),
        ("f(x) := input.approval.digest", ("approval", "digest")),
        ("a if { input.facts.a == 1; input.facts.a.b == 1 }", ("facts", "a", "b")),
    ],
)
def test_mistyped_probes_have_what_rules_ask_for(text: str, way: tuple[str, ...]) -> None:
    value = mistyped(text)[0]
    for key in way:
        value = value[key]
    assert value is None


def test_each_probe_says_what_it_is() -> None:
    assert next(when for when, _ in probes.mistyped(modules(""))) == "when every fact is null"
