"""A task and those below it, as the starts of tasks in the log say."""

from __future__ import annotations

from pathlib import Path

from safeconduct.audit.index.entry import mark
from safeconduct.audit.index.family import children, family
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.sqlite import WeeklyIndex
from tests.support.trails import START_MS, TENANT, Trail

MARKED_ALIKE = "t_4392", "t_48646"
"""Two tasks of which a hash of 32 bits is the same."""


def searching(made: Trail, directory: Path) -> Search:
    made.write(directory)
    return Search(directory, WeeklyIndex(directory / "index"), TENANT)


def test_all_below_are_of_the_family_and_those_directly_below_are_children(tmp_path: Path) -> None:
    made = Trail()
    made.start("t_1")
    for task, parent in (("t_4", "t_1"), ("t_2", "t_1"), ("t_3", "t_2")):
        made.start(task, agent="helper", parent=parent)
        made.call(task)
    made.start("t_5")
    with searching(made, tmp_path) as search:
        found = family(search, TENANT, "t_1")
        assert [hit.entry.n for hit in found] == list(range(1, 11))
        assert {hit.entry.task for hit in found} == {"t_1", "t_2", "t_3", "t_4"}
        assert children(search, TENANT, "t_1") == ["t_2", "t_4"]
        assert children(search, TENANT, "t_1", START_MS + 3_000) == ["t_4"]
        assert children(search, TENANT, "t_5") == []
        assert children(search, "other.example", "t_1") == []


def test_tasks_that_are_marked_alike_are_told_apart(tmp_path: Path) -> None:
    one, other = MARKED_ALIKE
    assert mark("parent", one) == mark("parent", other)
    made = Trail()
    for task in MARKED_ALIKE:
        made.start(task)
        made.start(f"{task}_below", parent=task)
    with searching(made, tmp_path) as search:
        assert children(search, TENANT, one) == [f"{one}_below"]
        assert {hit.entry.task for hit in family(search, TENANT, other)} == {
            other,
            f"{other}_below",
        }
