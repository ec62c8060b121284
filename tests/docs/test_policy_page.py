"""docs/reference/policy.md against the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from safeconduct.core.labels import Label
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.rego.builtins import FORBIDDEN, PERMITTED
from safeconduct.policy.rego.elements import SETS
from safeconduct.simulation import SimulatedTask
from tests.support.pages import DOCS, codes, sections, tables
from tests.support.worlds import Rules, config

PAGE = sections(DOCS / "reference" / "policy.md")
OPEN = {"provenance": "provenance.NAME", "facts": "facts.NAME"}
"""Objects whose keys are names of arguments and of resolvers."""


def leaves(value: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, item in value.items():
        path = f"{above}{key}"
        if path in OPEN:
            yield OPEN[path]
        elif isinstance(item, dict) and path != "task.counts":
            yield from leaves(cast("dict[str, Any]", item), f"{path}.")
        else:
            yield path


def nothing(**_: object) -> None:
    """A tool without an answer."""


async def test_every_part_of_the_input_is_documented_and_no_other(tmp_path: Path) -> None:
    rules = Rules(PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),)))
    seen: set[str] = set()
    async with SimulatedTask(
        config(tmp_path), "Answer C-1.", policy=rules, approver="always-yes", directory=tmp_path
    ) as task:
        every = Label(readers=frozenset(), tenants=frozenset({"t"}), regions=frozenset({"r"}))
        await task.rooms.log.append(
            {
                "kind": "memory", "at_ms": 0,
                "task": task.task,
                "labels": {**msgspec.to_builtins(every), "integrity": "trusted",
                           "confidentiality": "public", "categories": []},
                "vouched": [],
            }
        )  # fmt: skip
        await task.call("crm.get_case", {"case_id": "C-1"}, nothing)
    for asked in rules.asked:
        seen |= set(leaves(asked))
    documented = [codes(row[0])[0] for row in tables(PAGE["The input"])[0][1:]]
    assert sorted(seen) == sorted(documented)


def test_the_sets_and_their_elements_are_documented() -> None:
    table = tables(PAGE["The answer"])[0][1:]
    said = {codes(row[0])[0]: row[1] for row in table}
    assert set(said) == set(SETS)
    for name, keys in SETS.items():
        assert [key for key in SETS["elevate"] if f'"{key}"' in said[name]] == list(keys)


def test_the_functions_are_those_that_a_rule_may_call() -> None:
    may, never = PAGE["Functions"].split("Made to fail whatever happens:")
    assert codes(may) == sorted(PERMITTED)
    assert codes(never) == sorted(FORBIDDEN)
