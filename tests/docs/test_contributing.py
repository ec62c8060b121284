"""CONTRIBUTING.md draws the rooms as the import contracts do, and knows what is run and fuzzed."""

import re
import tomllib

from fuzz.targets import TARGETS
from tests.support.pages import ROOT, codes, sections, tables


def test_the_rooms_stand_in_the_order_of_their_layers() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers: list[str] = document["tool"]["importlinter"]["contracts"][0]["layers"]
    height = {
        room.strip(" ()"): number
        for number, layer in enumerate(layers)
        for room in layer.split("|")
    }
    rows = tables(sections(ROOT / "CONTRIBUTING.md")["The rooms"])[0][1:]
    rooms = [room.removesuffix(".py") for row in rows for room in codes(row[0])]
    assert set(rooms) == set(height) - {"__main__"}
    assert [height[room] for room in rooms] == sorted(height[room] for room in rooms)


def test_every_target_of_the_fuzzer_stands_beside_a_module_that_exists() -> None:
    rows = tables(sections(ROOT / "CONTRIBUTING.md")["Fuzzing"])[0][1:]
    assert sorted(name for row in rows for name in codes(row[0])) == sorted(TARGETS)
    for row in rows:
        assert all((ROOT / "src" / "safeconduct" / path).is_file() for path in codes(row[1]))


def test_what_has_to_pass_before_a_change_lands_is_named_in_order() -> None:
    steps = re.findall(
        r"^make \w+$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE
    )
    prose = sections(ROOT / "CONTRIBUTING.md")["Setting up"]
    (told,) = (line for line in prose.splitlines() if line.startswith("`.ci/run`"))
    assert codes(told) == [".ci/run", *steps]
    assert "make conformance" in steps
