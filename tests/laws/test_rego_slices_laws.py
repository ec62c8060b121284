"""Asking only the rules that a call is about says what asking all of them says."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.slices import Slices, plan
from tests.support.bundles import PACKAGE, bundle

NAMES = st.sampled_from(["crm.a", "crm.b", "mail.c"])
FACT = st.sampled_from(["tool", "upstream", "effect"])

HELPERS = """
default closed := false
closed if input.call.tool == "crm.a"
either if input.call.tool == "crm.b"
either if input.call.effect == "mail.c"
loose if input.call.tool == "crm.b"
loose if input.x
counted if count(permit) > 1
few := {"crm.a", "mail.c"}
permit contains {"id": "x"} if input.x
"""

CONDITION = st.one_of(
    st.builds('input.call.{} == "{}"'.format, FACT, NAMES),
    st.builds('"{1}" = input.call.{0}'.format, FACT, NAMES),
    st.builds('not input.call.{} == "{}"'.format, FACT, NAMES),
    st.builds('input.call.{} in {{"{}", "{}"}}'.format, FACT, NAMES, NAMES),
    st.sampled_from(
        [
            "closed",
            "not closed",
            "either",
            "loose",
            "input.x",
            "not input.x",
            "input.call.tool in few",
        ]
    ),
)


@st.composite
def rule(draw: st.DrawFn, number: int) -> str:
    conditions = draw(st.lists(CONDITION, min_size=1, max_size=3))
    body = draw(st.sampled_from(["{{ {} }}", "{{\n\t{}\n}}"])).format("; ".join(conditions))
    said = draw(st.sampled_from(["permit", "deny"]))
    gap = draw(st.sampled_from(["\n", "\n\n# said of the next\n", " "]))
    return f'{said} contains {{"id": "r{number}"}} if {body}{gap}'


@st.composite
def texts(draw: st.DrawFn) -> str:
    drawn = [draw(rule(number)) for number in range(draw(st.integers(1, 6)))]
    last = 'deny contains {"id": "last"} if { counted; input.y }'
    return PACKAGE + "".join(drawn) + "\n" + last + HELPERS


@st.composite
def inputs(draw: st.DrawFn) -> bytes:
    value: st.SearchStrategy[object] = st.one_of(
        NAMES, st.sampled_from([None, 1, "", "other", ["crm.a"], {}])
    )
    call = draw(st.dictionaries(FACT, value))
    return orjson.dumps({"call": call} | draw(st.dictionaries(st.sampled_from("xy"), st.just(1))))


@settings(max_examples=60, deadline=None)
@given(text=texts(), given_inputs=st.lists(inputs(), min_size=1, max_size=12))
def test_slices_say_what_the_whole_says(text: str, given_inputs: list[bytes]) -> None:
    made_of = bundle(text)
    whole = Evaluator(made_of)
    slices = Slices(plan(made_of, whole.modules))
    for one in given_inputs:
        assert slices.ask(one, 0) == whole.ask(one, 0)
