"""How cases are judged, what comes of a set, and the inspectors that a configuration brings."""

import json
from collections.abc import Sequence

import pytest

from bench.inspectors.cases import Case, Set, at, hit, of, strings
from bench.inspectors.measuring import (
    TEN,
    Scores,
    misses,
    ms_of_10_kb,
    ms_per_kb,
    scored,
    tens,
)
from bench.inspectors.options import NAMES, options
from bench.inspectors.shipped import RAISED, shipped
from safeconduct.core.model import KEY, Finding

TOKEN = "ghp_" + "a1B2" * 9
VALUE = {"rows": [{"note": f"take {TOKEN}, and go", TOKEN: 1}, "nothing"]}
NOTE = ("rows", 0, "note")
THERE = Finding("secret.github", NOTE, 5, 5 + len(TOKEN))


def case(category: str = "shaped", planted: str = TOKEN, **more: float) -> Case:
    return Case(category=category, value=VALUE, planted=planted, kinds=("secret",), **more)


def test_a_finding_counts_if_it_covers_most_of_what_is_planted() -> None:
    assert hit(case(), [THERE])
    assert hit(case(), [Finding("secret.github", NOTE, 9, 5 + len(TOKEN))])
    assert not hit(case(), [Finding("secret.github", NOTE, 5, 5 + len(TOKEN) // 2)])
    assert hit(case(cover=0.3), [Finding("secret.github", NOTE, 5, 5 + len(TOKEN) // 2)])
    assert not hit(case(), [])


def test_it_counts_only_at_its_place_and_of_its_kind() -> None:
    assert not hit(case(), [Finding("pii.card", NOTE, 5, 5 + len(TOKEN))])
    assert not hit(case(), [Finding("secret.github", ("rows", 1), 0, 7)])
    assert hit(case(), [Finding("secret.github", ("rows", 0, TOKEN, KEY), 0, len(TOKEN))])
    assert hit(case(cover=0), [Finding("secret.any", ("rows", 1), 0, 0)])


def test_where_nothing_is_planted_any_finding_of_the_kinds_is_one() -> None:
    clean = case(planted="")
    assert hit(clean, [Finding("secret.jwt", (), 0, 1)])
    assert not hit(clean, [Finding("pii.card", (), 0, 1)])


def test_kinds_are_families_too() -> None:
    assert of("secret.jwt", ("secret",))
    assert of("secret.jwt", ("pii", "secret.jwt"))
    assert not of("secrets.jwt", ("secret",))


def test_strings_and_places() -> None:
    assert list(strings(VALUE)) == [f"take {TOKEN}, and go", "nothing"]
    assert at(VALUE, ("rows", 1)) == "nothing"
    assert at(VALUE, ("rows", 0, TOKEN)) == at(VALUE, ("rows", 7)) == at(VALUE, ("rows", "x")) == ""


def look(value: object) -> Sequence[tuple[str, Finding]]:
    text = json.dumps(value)
    found = [("Scan", THERE)] if TOKEN in text else []
    return [*found, ("Other", Finding("pii.card", (), 0, 0))]


GIVEN = Set(
    name="secrets",
    wanted=[case(), case(), case("unshaped", "nothing"), case("apart", "go")],
    clean=[
        Case(category="logs", value="nothing", kinds=("secret",)),
        Case(category="code", value={"a": TOKEN}, kinds=("secret",)),
        Case(category="apart", value="nothing", kinds=("secret",)),
    ],
    apart=frozenset({"apart"}),
)


def test_a_set_is_counted_by_category() -> None:
    scores = scored(GIVEN, look)
    assert scores.cases == {"shaped": 2, "unshaped": 1, "apart": 1}
    assert scores.hits == {"shaped": 2}
    assert (scores.clean, scores.wrong) == ({"logs": 1, "code": 1, "apart": 1}, {"code": 1})
    assert scores.finders == {"Scan"}
    assert GIVEN.size == 7


def test_figures_leave_out_what_is_apart_and_have_their_intervals() -> None:
    assert scored(GIVEN, look).json(0.25) == {
        "recall": 0.6667,
        "recall_interval": [0.2077, 0.9385],
        "n": 3,
        "false_positives": 0.5,
        "false_positives_interval": [0.0945, 0.9055],
        "clean": 2,
        "ms_per_kb": 0.25,
        "recall_by": {"shaped": [1.0, 2], "unshaped": [0.0, 1], "apart": [0.0, 1]},
        "false_positives_by": {"logs": [0.0, 1], "code": [1.0, 1], "apart": [0.0, 1]},
    }


def test_the_worst_stands_first() -> None:
    lines = [line.split()[0] for line in scored(GIVEN, look).lines()]
    assert lines == ["secrets:", "apart", "unshaped", "shaped", "secrets:", "code", "apart", "logs"]


def test_every_case_judged_wrongly_is_told() -> None:
    told = [json.loads(line) for line in misses(scored(GIVEN, look))]
    assert [one.get("missed") or one.get("mistaken") for one in told] == [
        "unshaped",
        "apart",
        "code",
    ]
    assert told[0]["planted"] == "nothing"
    assert told[2]["found"][0] == ["secret.github", list(NOTE), 5, 5 + len(TOKEN)]


def test_an_empty_set_has_no_shares() -> None:
    assert Scores(name="x").json()["recall"] == 0.0


def test_values_are_put_together_to_ten_kib() -> None:
    values = [{"text": "x" * 900} for _ in range(40)]
    sizes = [len(json.dumps(several)) for several in tens(values)]
    assert len(sizes) == 3
    assert all(0.9 * TEN < size < 1.1 * TEN for size in sizes)


def test_times_are_of_what_is_asked() -> None:
    asked: list[object] = []

    def inspect(value: object, data: bytes) -> tuple[Finding, ...]:
        asked.append(value)
        assert json.loads(data) == value
        return ()

    values = [{"text": "x" * 1000} for _ in range(12)]
    assert ms_per_kb([("One", inspect)], values) >= 0
    assert len(asked) == 3 * 12
    assert ms_of_10_kb([("One", inspect)], values) >= 0


def test_the_inspectors_are_those_of_a_configuration() -> None:
    with shipped({}) as room:
        seen = room.look({"token": TOKEN})
        assert {found.kind for _, found in seen} == {"secret.github"}
        assert room.look_long({"token": TOKEN}) == seen
        assert room.look({"token": "nothing"}) == []


def test_what_raises_is_told_as_such() -> None:
    with shipped({}) as room:

        def fail(value: object, data: bytes) -> tuple[Finding, ...]:
            raise RecursionError

        room.quick.append(("Failing", fail))
        assert room.look("x") == [("Failing", Finding(f"{RAISED}.RecursionError", (), 0, 0))]


def test_options() -> None:
    given = options([])
    assert (given.sets, given.misses) == (NAMES, None)
    with pytest.raises(SystemExit):
        options(["--sets", "other"])
