"""What rows are called by, and what a call has just made."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.manifest import FieldLabel, ToolManifest
from safeconduct.tools.inference import propose


def fields(name: str, output: dict[str, Any], **hints: bool) -> dict[str, FieldLabel]:
    definition = {
        "name": name,
        "description": "It does that.",
        "annotations": hints,
        "inputSchema": {"type": "object", "properties": {}},
        "outputSchema": {"type": "object", "properties": output},
    }
    (tool,) = proposed(definition)
    return tool.returns.fields


def proposed(definition: dict[str, Any]) -> list[ToolManifest]:
    return [*propose("desk", [definition]).manifest.tools.values()]


def rows(*names: str) -> dict[str, Any]:
    row = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return {"files": {"type": "array", "items": row}}


@pytest.mark.parametrize("called", ["name", "file_name", "title", "subject", "filename"])
def test_what_stands_beside_an_id_is_what_a_row_is_called_by(called: str) -> None:
    found = fields("list_files", rows("id", called))
    assert found[f"files.*.{called}"] == FieldLabel(names=True)


@pytest.mark.parametrize("called", ["text", "owner_name", "size"])
def test_what_is_not_a_name_of_the_row_is_none(called: str) -> None:
    assert f"files.*.{called}" not in fields("list_files", rows("id", called))


def test_a_name_of_what_has_no_id_points_to_nothing() -> None:
    assert fields("list_files", rows("name", "owner_id")).get("files.*.name") is None


def test_an_open_world_names_nothing() -> None:
    assert fields("list_files", rows("id", "name"), openWorldHint=True) == {}


def test_what_is_made_has_the_id_that_comes_back() -> None:
    own = {"id": {"type": "string"}, "customer_id": {"type": "string"}, "title": {"type": "string"}}
    found = fields("create_ticket", own)
    assert found["id"].makes
    assert not found["customer_id"].makes
    assert "title" not in found
    assert not fields("get_ticket", own)["id"].makes
    assert not fields("update_ticket", own)["id"].makes
