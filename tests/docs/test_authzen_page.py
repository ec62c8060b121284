"""docs/guides/authzen.md against what is decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from safeconduct.core.calls import TABLE
from safeconduct.entrypoints.authzen import requests
from safeconduct.entrypoints.authzen.objects import MAX_JUDGED, candidates
from safeconduct.ports import JSON
from tests.support.enforcing import Deciding
from tests.support.pages import DOCS, FENCE, codes, sections, tables
from tests.support.worlds import AGENT, USER

PAGE = DOCS / "guides" / "authzen.md"
TEXT = PAGE.read_text(encoding="utf-8")


def example(number: int) -> JSON:
    """The JSON examples, in their order."""
    found = [text for _, language, text in FENCE.findall(TEXT) if language == "json"]
    return dict(json.loads(found[number]))


async def test_the_question_is_one_that_is_permitted(tmp_path: Path) -> None:
    async with Deciding(tmp_path, bundle=None) as deciding:
        asked = example(0)
        assert (asked["subject"]["id"], asked["context"]["agent"]) == (USER, AGENT)
        asked["context"]["task"] = deciding.simulated.task
        assert (await deciding.asked(asked))["decision"] is True


async def test_the_obligation_is_what_is_told(tmp_path: Path) -> None:
    async with Deciding(tmp_path, bundle=None) as deciding:
        config: Any = deciding.simulated.config
        tools = config.manifests["crm"].tools
        tools["get_case"] = replace(tools["get_case"], spotlight="delimit")
        told = await deciding.asked(deciding.message())
        assert told["context"]["obligations"] == [example(1)]


def test_the_candidates_are_some() -> None:
    found = candidates(json.dumps({"candidates": example(2)}))
    assert set(found.subjects) == {"user"}
    assert found.actions == {"record": ("read", "write")}


def test_every_method_has_its_row() -> None:
    table = tables(sections(PAGE)["Messages of MCP"])[1][1:]
    documented = [method for row in table[:-1] for method in codes(row[0])]
    assert sorted(documented) == sorted(
        method
        for (direction, method), kind in TABLE.items()
        if direction == "from-client" and not kind.notification
    )


def test_bounds_and_words_are_those_that_hold() -> None:
    assert f"of {MAX_JUDGED} candidates a page" in TEXT
    told = Path(requests.__file__).read_text(encoding="utf-8")
    for word in ("approval_expired", "out_of_scope", "approval_unverifiable", "policy_denied"):
        assert f"`{word}`" in TEXT
        assert f'"{word}"' in told
