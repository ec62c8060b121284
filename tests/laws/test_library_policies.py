"""The library's rules in Rego and in Cedar decide alike, and what is mistyped opens nothing.

Inputs are made of what the matrices name: every value of every path with every other, values beside
the limits, values of one path in another, and parts that are missing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.loading import LocalEngine, load
from safeconduct.policy.trial.base import settle, time_of
from safeconduct.policy.trial.expectation import said
from safeconduct.policy.trial.matrix import read_matrix
from tests.support.library import NAMES, bundle_of, changes, matrix, text_of, without_denies

Input = dict[str, Any]
Engines = Callable[[str, str], LocalEngine]

MISSING: Final = ...
OPTIONAL: Final = ("facts.", "task.counts.", "approval", "labels.regions", "labels.tenants")
"""What a well-formed input may do without."""

JUNK: Final[tuple[Any, ...]] = (
    True,
    False,
    0,
    1,
    -1,
    2**40,
    "",
    "x",
    [],
    ["x"],
    [None],
    [["x"]],
    {},
    {"x": 1},
)
"""Values of all types that JSON has but null: the gateway writes that into facts only."""


@cache
def engine(name: str, kind: str) -> LocalEngine:
    return load(bundle_of(name, kind), preflight=False)


@cache
def domain(name: str) -> dict[str, list[Any]]:
    """The paths that the rules look at, with the values that the matrix has for each."""
    found: dict[str, list[Any]] = {"call.tool": ["warehouse.query"]}
    for changed in (_flat(one) for one in changes(matrix(name))):
        for path, value in changed.items():
            for missing in value if path == "without" else ():
                found.setdefault(missing, []).append(MISSING)
            if path != "without":
                found.setdefault(path, []).append(value)
    for path, values in found.items():
        if path.startswith(OPTIONAL):
            values.append(MISSING)
    return found


def _flat(changed: Input) -> Input:
    """Maps that stand for several paths, written out; an approval is one value."""
    found: Input = {}
    for path, value in changed.items():
        if isinstance(value, dict) and path != "approval":
            members = cast("Input", value)
            found.update({f"{path}.{key}": item for key, item in members.items()})
        else:
            found[path] = value
    return found


@cache
def _values(name: str, path: str) -> st.SearchStrategy[Any]:
    """Values of the type that the path has."""
    known = domain(name)[path]
    options = [st.sampled_from(known)]
    strings = sorted(
        {value for values in domain(name).values() for value in values if type(value) is str}
    )
    numbers = [value for value in known if type(value) is int]
    if numbers:
        near = st.tuples(st.sampled_from(numbers), st.integers(-2, 2)).map(sum)
        options += [near, st.integers(-(2**53) + 1, 2**53 - 1)]
    elif path == "approval":
        options += [
            st.fixed_dictionaries(
                {
                    "digest": st.sampled_from(["this-call", "other-call", ""]),
                    "granted_at_ms": st.integers(-(2**53) + 1, 2**53 - 1),
                }
            )
        ]
    elif any(type(value) is list for value in known):
        options += [st.lists(st.sampled_from(strings), max_size=3)]
    elif path == "now_ms":
        # From 2025 to 2029, which is more than the table of business hours has.
        options += [st.integers(1_735_000_000_000, 1_862_000_000_000)]
    else:
        options += [st.sampled_from(strings)]
    return st.one_of(options)


@cache
def starts(name: str) -> st.SearchStrategy[bytes]:
    """Calls of the matrix that have the shape of the input, half of them such as may happen."""
    wrong = matrix(name)["mistyped"].keys()
    cases = [
        case
        for case in read_matrix(text_of(name), "matrix")
        if wrong.isdisjoint(case.name.split(", "))
    ]
    may = [case.input for case in cases if case.expected.verdict in {"permit", "elevate"}]
    return st.sampled_from(may) | st.sampled_from([case.input for case in cases])


@st.composite
def inputs(draw: st.DrawFn, name: str) -> Input:
    """A well-formed input: a call of the matrix with up to three paths changed."""
    value: Input = orjson.loads(draw(starts(name)))
    paths = st.lists(st.sampled_from(sorted(domain(name))), unique=True, max_size=3)
    for path in draw(paths):
        put(value, path, copy.deepcopy(draw(_values(name, path))))
    call = value["call"]
    if draw(st.integers(0, 3)):
        call["upstream"] = call["tool"].partition(".")[0]
    return settle(value)


@st.composite
def mistyped(draw: st.DrawFn, name: str) -> tuple[Input, str]:
    """An input with one part that is nothing that the gateway could write, and where it is."""
    value = draw(inputs(name))
    paths = {*domain(name), "facts", "labels", "user", "task", "agent", "call", "now_ms"}
    path = draw(st.sampled_from(sorted(paths)))
    junk = [item for item in JUNK if not _fits(item, _kind(name, path))]
    put(value, path, draw(st.sampled_from([*junk, None] if path.startswith("facts.") else junk)))
    return value, path


def _kind(name: str, path: str) -> type:
    if path == "now_ms":
        return int
    known = [value for value in domain(name).get(path, ()) if value is not MISSING]
    return type(known[0]) if known else dict


def _fits(item: object, kind: type) -> bool:
    """Whether this is a value that the place could have; lists are of strings."""
    if isinstance(item, list):
        return kind is list and all(isinstance(one, str) for one in cast("list[object]", item))
    return type(item) is kind


def put(value: Input, path: str, item: object) -> None:
    *way, last = path.split(".")
    for key in way:
        inner = value.get(key)
        if not isinstance(inner, dict):
            inner = value[key] = {}
        value = cast("Input", inner)
    if item is MISSING:
        value.pop(last, None)
    else:
        value[last] = item


@cache
def permits(name: str, kind: str) -> LocalEngine:
    return without_denies(name, kind)


def ask(name: str, kind: str, value: Input, of: Engines = engine) -> PolicyAnswer:
    return of(name, kind).evaluate(orjson.dumps(value), time_of(value))


def equal(name: str, rego: PolicyAnswer, cedar: PolicyAnswer, tool: object) -> bool:
    """The same verdict, by the same rules, with the same obligations.

    A tool that the schema does not have is none of a Cedar policy's: its denies say nothing.
    """
    if tool in tools(name):
        return said(rego) == said(cedar)
    return rego.said == cedar.said == "deny"


@cache
def tools(name: str) -> frozenset[str]:
    """The tools of a policy's Cedar schema."""
    text = (bundle_of(name, "cedar") / "schema.cedarschema").read_text(encoding="utf-8")
    return frozenset(word for word in text.split('"')[1::2] if "." in word)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200)
@given(st.data())
def test_both_engines_decide_alike(name: str, data: st.DataObject) -> None:
    value = data.draw(inputs(name))
    rego, cedar = ask(name, "rego", value), ask(name, "cedar", value)
    assert rego.error is None
    assert cedar.error is None
    assert equal(name, rego, cedar, value["call"]["tool"]), (said(rego), said(cedar))
    # Also where the denies are only logged: each permit is closed by itself.
    rego, cedar = ask(name, "rego", value, permits), ask(name, "cedar", value, permits)
    assert (rego.permit, rego.elevate) == (cedar.permit, cedar.elevate)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200)
@given(st.data())
def test_what_is_mistyped_opens_nothing(name: str, data: st.DataObject) -> None:
    value, path = data.draw(mistyped(name))
    rego, cedar = ask(name, "rego", value), ask(name, "cedar", value)
    # An error refuses; a fact that has the wrong type does not even lead to one in Rego.
    assert rego.error is None or not path.startswith("facts.")
    if rego.error is None and cedar.error is None:
        call: Any = value["call"]
        tool = cast("Input", call).get("tool") if isinstance(call, dict) else None
        assert equal(name, rego, cedar, tool), (said(rego), said(cedar))
    if rego.said != "deny":
        # What is mistyped counts for no more than what is missing.
        put(value, path, MISSING)
        without = ask(name, "rego", value).said
        assert without in {rego.said, "permit"}
