"""What is kept of sources and results: bounded, the latest, and of reads alone."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from safeconduct import granting
from safeconduct.core.admit import Admitted
from safeconduct.core.labels import BOTTOM
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Gathered
from safeconduct.core.release import Release
from safeconduct.core.subgrants import Given, SubGrant, origin
from safeconduct.granting import Granting
from tests.support.facts import NOW_MS, call, gathered, task, tool

LATER_MS = NOW_MS + 60_000
GRANT = SubGrant(source="crm.update_deal", object="D-7", tools=("mail.send",), count=2, minutes=1)


def following(name: str = "t_1", **changed: object) -> Gathered:
    subgrants = (Given(0, GRANT, 2, LATER_MS),)
    return gathered(
        task=task(id=name, subgrants=subgrants), tool=tool(effect=Effect.read, **changed)
    )


def led(held: Granting, text: str, name: str = "t_1") -> bool:
    found = held.origins(call(target="mail.send"), following(name), "recipient", text)
    assert found in ([], [origin(0)])
    return bool(found)


def seen(held: Granting, values: Iterable[str], known: Gathered | None = None) -> None:
    held.see(call(), known or following(), values)


def result(text: str) -> Admitted:
    return Admitted(
        read={"structuredContent": {"said": text}}, label=BOTTOM, digest="", size=len(text)
    )


def test_a_source_leads_by_what_it_says_in_any_form_of_a_number() -> None:
    held = Granting()
    seen(held, ["dana@customer.example", "98.70"])
    assert [led(held, one) for one in ("dana@customer.example", "98.7", "98.70", "eve")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_a_change_and_what_nobody_reviewed_are_no_source() -> None:
    held = Granting()
    seen(held, ["x"], gathered(task=following().task))
    seen(held, ["x"], gathered(task=following().task, tool=tool(manifest=None)))
    assert not led(held, "x")


def test_so_many_values_of_so_many_tasks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granting, "MAX_LED", 2)
    monkeypatch.setattr(granting, "MAX_TASKS", 2)
    held = Granting()
    seen(held, ["a", "b", "c"])
    assert [led(held, one) for one in "abc"] == [True, True, False]
    seen(held, ["a"], following("t_2"))
    seen(held, ["a"])
    seen(held, ["a"], following("t_3"))
    assert [led(held, "a", name) for name in ("t_1", "t_2", "t_3")] == [True, False, True]


def test_the_latest_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granting, "MAX_KEPT", 10)
    held = Granting()
    held.keep("t_1", "d_1", result("12345"))
    held.keep("t_1", "d_2", result("12345"))
    held.keep("t_1", "d_3", result("x" * 11))
    assert [held.keeps("t_1", f"d_{number}") for number in (1, 2, 3)] == [True, True, False]
    held.keep("t_1", "d_4", result("1"))
    assert [held.keeps("t_1", f"d_{number}") for number in (1, 2, 4)] == [False, True, True]
    assert not held.keeps("t_2", "d_2")


def test_who_is_forgotten_left_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granting, "MAX_KEPT", 10)
    held = Granting()
    for name in ("t_1", "t_2"):
        seen(held, ["a"], following(name))
        held.keep(name, "d_1", result("12345"))
    held.forget(lambda name: name == "t_1")
    assert [led(held, "a", name) for name in ("t_1", "t_2")] == [False, True]
    assert [held.keeps(name, "d_1") for name in ("t_1", "t_2")] == [False, True]
    held.keep("t_2", "d_2", result("12345"))
    assert held.keeps("t_2", "d_1")


def test_an_argument_is_released_only_as_a_whole() -> None:
    held = Granting()
    held.keep("t_1", "d_1", result("one two"))
    one = Release(id="r_1", tool="crm.update_deal", left=1, until_ms=LATER_MS, decision="d_1")
    given = {
        "whole": "one two", "word": "two", "words": ["one", "two"], "more": "one two three",
        "some": ["one", "three"], "nested": {"three": "one"}, "none": [], "nothing": None,
    }  # fmt: skip
    known = gathered(task=task(releases=(one,)))
    assert held.released(call(given), known) == dict.fromkeys(("whole", "word", "words"), "r_1")
    ended = gathered(task=known.task, now_ms=LATER_MS)
    assert held.released(call(given), ended) == {}
