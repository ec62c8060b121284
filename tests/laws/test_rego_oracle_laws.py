"""Our Rego engine answers as Open Policy Agent itself does: the library, and rules made here.

What is drawn is drawn from fixed seeds, as OPA is asked in one process for all of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final, cast

import orjson

from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.loading import passed
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.patterns import PATTERNS
from tests.support.bundles import PACKAGE, bundle
from tests.support.library import NAMES, bundle_of, changes, matrix
from tests.support.oracle import Trial, asked, needs_oracle

JUNK: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 10**12, "", "x", [], ["x"], [None], {}, {"x": 1},
)  # fmt: skip

CONDITIONS: Final = (
    'input.call.tool == "crm.a"',
    'input.call.tool in {"crm.a", "crm.b"}',
    'not input.call.tool == "crm.b"',
    "input.x == input.y",
    "input.x != input.y",
    "input.x < input.y",
    "input.x <= 1",
    "not input.x == input.y",
    "not input.x",
    "input.x",
    "input.x.z[0] == input.y",
    "input.x in input.y",
    "some i; input.x[i] == input.y[i]",
    "every v in input.x { v == 1 }",
    "every k, v in input.x { is_number(v); k != 2 }",
    "count(input.x) > 1",
    "abs(input.x) < 2",
    "input.x + input.y == 2",
    "input.x - input.y < 0",
    "input.x / input.y == 1",
    "input.x % 2 == 0",
    'startswith(input.x, "a")',
    'contains(input.x, "b")',
    'sprintf("%v-%d", [input.x, input.y]) == "1-1"',
    'concat("", [input.x, "b"]) == "ab"',
    'object.get(input.x, "z", 1) == 1',
    'object.get(input, ["x", "z"], null) == null',
    "is_string(input.x)",
    "type_name(input.x) == type_name(input.y)",
    "{v | some v in input.x} == {1, 2}",
    "[v | some v in input.x; v > 1] == [2]",
    '{k: v | some k, v in input.x}["z"] == [1]',
    "sum(input.x) == 3",
    "max(input.x) == 2",
    "sort(input.x) == input.x",
    "(input.x | {1}) == {1, 2}",
    'format_int(input.x, 10) == "1"',
    'regex.match("^a+$", input.x)',
    'glob.match("a*", [], input.x)',
    "time.now_ns() > 1000000",
    'lower(input.x) == "ab"',
    'split(input.x, "b")[0] == "a"',
    "array.concat(input.x, input.y) == [1, 2, 1]",
    "data.table[input.x].v == 1",
    "helper",
    "not helper",
    "f(input.x) == 1",
    "counted > 1",
    "partial[input.x]",
    "object_rule[input.x] == 1",
)
HELPERS: Final = """
default helper := false
helper if input.x == 1
helper if { some v in input.y; v == 1 }
default f(_) := 0
f(x) := 1 if x == 1
counted := count(input.y) if is_array(input.y)
else := 2 if input.y
partial contains v if some v in input.y
object_rule[k] := 1 if some k in input.y
"""
COLLECTIONS: Final[tuple[Any, ...]] = ([], ["x"], [1], [1, 2], [2, 1], {}, {"z": [1]}, {"z": 1})
VALUES: Final[tuple[Any, ...]] = (
    *JUNK, 2, "a", "ab", "b", "1", "crm.a", "10.1.2.3", [1], [1, 2], [2, 1], {"z": [1]},
    {"z": 1}, [[1]],
)  # fmt: skip


def differences(bundles: list[Bundle], inputs: list[list[Any]]) -> list[str]:
    """Where OPA does not say what our engine says; that may fail and refuse where OPA goes on."""
    trials = [
        Trial(one, tuple((orjson.dumps(value).decode(), at) for at, value in enumerate(values)))
        for one, values in zip(bundles, inputs, strict=True)
    ]
    found: list[str] = []
    failed = 0
    for trial, theirs in zip(trials, asked(trials), strict=True):
        engine = RegoEngine(trial.bundle)
        for (text, at_ms), their in zip(trial.inputs, theirs, strict=True):
            our = engine.evaluate(text.encode(), at_ms)
            failed += our.error is not None
            if our.error is None and our != their:
                rules = trial.bundle.rules[-1].text
                found.append(f"{text} at {at_ms}:\n  ours {our}\n  OPA  {their}\n{rules}")
    assert failed < sum(map(len, inputs)) / 2
    return found


def drawn(name: str, draw: random.Random) -> Iterator[dict[str, Any]]:
    """Inputs made of what a matrix names, with values of one path in another, or none."""
    values: dict[str, list[Any]] = {"call.tool": ["warehouse.query"], "now_ms": [0]}
    for one in changes(matrix(name)):
        for path, value in one.items():
            if path != "without":
                values.setdefault(path, []).append(value)
    everything = [value for each in values.values() for value in each]
    for _ in range(30):
        made: dict[str, Any] = {}
        for path, own in values.items():
            kind = draw.random()
            if kind > 0.1:
                drawn_from = JUNK if kind < 0.15 else everything if kind < 0.2 else own
                put(made, path.split("."), draw.choice(drawn_from))
        yield made


def chance(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 it is to be the same each time


def put(tree: dict[str, Any], path: list[str], value: object) -> None:
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = cast("dict[str, Any]", inner)
    tree[path[-1]] = value


@needs_oracle
def test_the_library_is_read_as_opa_reads_it() -> None:
    bundles = [passed(bundle_of(name, "rego"), preflight=False) for name in NAMES]
    inputs = [list(drawn(name, chance(name))) for name in NAMES]
    assert differences(bundles, inputs) == []


@needs_oracle
def test_rules_are_read_as_opa_reads_them() -> None:
    draw = chance("rules")
    bundles: list[Bundle] = []
    for _ in range(70):
        said = draw.choice(("permit", "deny"))
        conditions = "\n\t".join(draw.sample(CONDITIONS, draw.choice((1, 1, 1, 2))))
        rules = f'{said} contains {{"id": "r"}} if {{\n\t{conditions}\n}}\n'
        text = PACKAGE + 'permit contains {"id": "never"} if input.never\n' + rules + HELPERS
        bundles.append(bundle(text, data='{"table":{"a":{"v":1},"x":{"v":2}}}'))
    inputs: list[list[Any]] = [
        [
            {
                "call": {"tool": draw.choice(("crm.a", "crm.b", "crm.c", 1))},
                "x": draw.choice(VALUES),
                "y": draw.choice(VALUES if draw.random() < 0.1 else COLLECTIONS),
            }
            for _ in range(8)
        ]
        for _ in bundles
    ]
    assert differences(bundles, inputs) == []


PIECES: Final = (
    *"aksé1 _-&~[]()*+?|^$.#", "(?:", "(?i)", "(?m)", "(?s:", "(?x)", "{2}", "{1,2}", "{,2}",
    r"\w", r"\W", r"\d", r"\b", r"\<", r"\-", r"\x41", r"\n", r"\z", "[[:alpha:]]", "[[:^word:]]",
    "[a-z]", "[^a]", "[a&&b]", "[[a]b]", "[a--b]", "[&-]", "[é-ü]", "[[:space:]_]", r"[\]a]",
)  # fmt: skip
TEXTS: Final = (*"aAkKsSéÉ1 _-&~[]b", "\u212a", "ſ", "\u0661", "\xa0", "\n", "\x85", "ß", "İ", "ab")


@needs_oracle
def test_patterns_are_read_as_opa_reads_them() -> None:
    draw = chance("patterns")
    drawn_patterns = ("".join(draw.choices(PIECES, k=draw.randint(1, 6))) for _ in range(4000))
    allowed, _ = PATTERNS["regex.match"]
    bundles: list[Bundle] = []
    for pattern in [one for one in drawn_patterns if allowed.fullmatch(one)][:300]:
        given = f"{orjson.dumps(pattern).decode()}, input.x"
        rules = (
            f'permit contains {{"id": "any"}} if regex.match({given})\n'
            f'permit contains {{"id": "all"}} if regex.find_n({given}, 1) == [input.x]\n'
            f'permit contains {{"id": "two"}} if count(regex.find_n({given}, -1)) == 2\n'
        )
        bundles.append(bundle(PACKAGE + rules))
    inputs = [[{"x": "".join(draw.choices(TEXTS, k=k))} for k in (1, 1, 1, 2, 3)] for _ in bundles]
    assert differences(bundles, inputs) == []


NEGATED: Final = (
    "not f(input.x)",
    "not input.x in {1}",
    'not startswith(input.x, "a")',
    "not input.x < 1",
)


@needs_oracle
def test_a_negation_of_what_is_missing_is_read_in_two_ways() -> None:
    """The known difference, which docs/reference/policy.md names."""
    bundles = [
        bundle(PACKAGE + f'permit contains {{"id": "r"}} if {{ {one} }}\nf(x) if x == 1\n')
        for one in NEGATED
    ]
    for answers, made_of in zip(
        asked([Trial(b, (("{}", 0),)) for b in bundles]), bundles, strict=True
    ):
        assert [answer.permit for answer in answers] == [()]
        assert RegoEngine(made_of).evaluate(b"{}", 0).permit == ("r",)


LETTERS: Final = ('upper("ß") == "SS"', 'count(lower("İ")) == 2', 'lower("ΑΣ") == "ας"')


@needs_oracle
def test_some_letters_have_another_case_here() -> None:
    """The known difference, which docs/reference/policy.md names."""
    bundles = [bundle(PACKAGE + f'permit contains {{"id": "r"}} if {one}\n') for one in LETTERS]
    theirs = asked([Trial(one, (("{}", 0),)) for one in bundles])
    assert [answer.permit for (answer,) in theirs] == [()] * 3
    assert [RegoEngine(one).evaluate(b"{}", 0).permit for one in bundles] == [("r",)] * 3
