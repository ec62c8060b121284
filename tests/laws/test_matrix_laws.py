"""Whatever a file of cases holds, it is read to the letter or refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import Call, Facts
from safeconduct.core.policy_input import policy_input
from safeconduct.core.policy_shape import PolicyInputShape
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial.matrix import read_matrix
from tests.support.strategies import anything

PATHS = ("agent.tier", "agent", "call.tool", "call.fields", "facts.x", "facts.x.y", "approval",
         "approval.granted_at_ms", "now_ms", "labels.readers", "user.auth_time", "nothing", "",
         "without", "agent.tier.x", "provenance.to", "task.counts.calls")  # fmt: skip
NAMES = ("a", "b", "a, b", "", "c")
LINES = ("permit x", "deny", "refused", "error", "elevate y with z", "permit", "what")

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from((0.5, "now-4m", "now+", "x", "",
    "2026-11-16T09:30:00Z", "9999-12-31T23:59:59+00:00")), st.sampled_from(PATHS),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from((*PATHS, "digest", "tier")), inner, max_size=2)
    ),
    max_leaves=4,
)
changes = st.dictionaries(st.sampled_from(PATHS), values, max_size=3)
names = st.dictionaries(st.sampled_from(NAMES), changes, max_size=3)
files = st.fixed_dictionaries(
    {},
    optional={
        "base": changes | values,
        "given": names | values,
        "mistyped": names | values,
        "combine": st.lists(st.lists(st.sampled_from(NAMES), max_size=2), max_size=2) | values,
        "cases": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(LINES)) | values,
        "other": values,
    },
)
GIVEN: dict[str, dict[str, Any]] = {
    "tier": {"agent.tier": 3},
    "yes": {"approval": {"digest": "this-call", "granted_at_ms": "now-4m"}},
    "old yes": {"approval.digest": "this-call", "approval.granted_at_ms": "now-1d"},
    "night": {"now_ms": "2026-11-16T23:00:00+01:00"},
    "less": {"without": ["labels.readers", "facts.x"]},
    "readers": {"labels.readers": ["jane"], "facts.x": {"y": [1]}},
}
MISTYPED: dict[str, dict[str, Any]] = {
    "no agent": {"agent": None},
    "no time": {"now_ms": "soon", "without": ["call.tool", "user"]},
    "half": {"facts.x": 0.5, "labels": []},
}


@st.composite
def sound(draw: st.DrawFn) -> dict[str, Any]:
    """A file in which every name that is used is there, and every name that is there is used."""
    chosen = sorted(draw(st.sets(st.sampled_from(sorted(GIVEN | MISTYPED)), min_size=1)))
    cases = draw(st.lists(st.sets(st.sampled_from(chosen)), max_size=3))
    lists = draw(st.lists(st.sets(st.sampled_from(chosen), min_size=1), max_size=3))
    return {
        "given": {name: GIVEN[name] for name in chosen if name in GIVEN},
        "mistyped": {name: MISTYPED[name] for name in chosen if name in MISTYPED},
        "combine": [sorted(names) for names in lists],
        "cases": {", ".join(sorted(case)): "refused" for case in [chosen, *cases]},
    }


@given(files | sound())
def test_a_file_is_read_or_refused(file: dict[str, Any]) -> None:
    try:
        cases = read_matrix(json.dumps(file, indent=1), "tests/a.yaml")
    except PolicyRefused:
        return
    assert cases
    mistyped = file.get("mistyped") or {}
    for case in cases:
        if mistyped.keys().isdisjoint(case.name.split(", ")):
            shaped = msgspec.json.decode(case.input, type=PolicyInputShape)
            assert shaped.now_ms == case.now_ms


@given(anything)
def test_any_input_of_a_gateway_can_be_a_case(situation: tuple[Call, Facts]) -> None:
    whole = orjson.loads(policy_input(*situation))
    text = json.dumps({"base": whole, "cases": {"": "deny"}})
    (case,) = read_matrix(text, "tests/a.yaml")
    assert orjson.loads(case.input) == whole
    assert case.now_ms == whole["now_ms"]
