"""The guide and the reference of inference say what it does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.cli.main import main
from safeconduct.core.canonical import digest
from safeconduct.core.manifest import Argument, ToolManifest
from safeconduct.ports import JSON
from safeconduct.tools.inference import propose
from safeconduct.tools.inference.definition import listed
from safeconduct.tools.inference.written import text
from safeconduct.tools.reviewing import review
from tests.support.pages import DOCS, FENCE, ROOT, codes, marked, sections, tables

GUIDE = DOCS / "guides" / "infer.md"
PAGE = DOCS / "reference" / "inference.md"
(TOOLS,) = (text for _, kind, text in FENCE.findall(GUIDE.read_text("utf-8")) if kind == "json")
(MANIFEST,) = (one.text for one in marked() if one.page == GUIDE)

EFFECTS, ARGUMENTS, RESULTS = (
    tables(sections(PAGE)[name])[0][1:] for name in ("Effects", "Arguments", "Results")
)


def one(definition: JSON) -> ToolManifest:
    (tool,) = propose("desk", [definition]).manifest.tools.values()
    return tool


def test_the_guides_manifest_is_inferred_from_its_definitions() -> None:
    assert text(propose("desk", listed(json.loads(TOOLS)))) == MANIFEST


def test_the_guides_proposal_has_doubts_that_only_a_person_can_settle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(MANIFEST, encoding="utf-8")
    assert main(["check", str(file)]) == 0
    capsys.readouterr()
    assert main(["tools", "lint", str(file)]) == 1
    assert "nobody is on file for `email_to`" in capsys.readouterr().out


def test_the_guides_review_is_what_a_review_says() -> None:
    definitions = listed(json.loads(TOOLS))
    manifest = propose("desk", definitions).manifest
    laxer = json.loads(msgspec.json.encode(manifest))
    laxer["tools"]["refund"]["effect"] = "write"
    laxer["tools"]["refund"]["arguments"]["amount"]["decimals"] = 0
    (found,) = (
        row
        for row in review("desk", msgspec.convert(laxer, type(manifest)), definitions, {})
        if row.tool == "refund"
    )
    shown = (
        f"desk.refund: {found.state}\n    says:     {found.says}\n"
        f"    stricter: {found.stricter[0]}\n    pin: {digest(definitions[1])}\n"
    )
    assert shown in [block for _, _, block in FENCE.findall(GUIDE.read_text())]


@pytest.mark.parametrize("row", EFFECTS, ids=lambda row: row[0])
def test_effects(row: list[str]) -> None:
    _, name, description, effect = row
    said = {"name": codes(name)[0], "description": description}
    assert one(said).effect.value == codes(effect)[0]


@pytest.mark.parametrize("row", ARGUMENTS, ids=lambda row: row[0])
def test_arguments(row: list[str]) -> None:
    name, schema, reading, writing = row
    for tool, cell in (("fetch_it", reading), ("update_it", writing)):
        properties = {codes(name)[0]: _schema(schema)}
        (argument,) = one(
            {"name": tool, "inputSchema": {"properties": properties}}
        ).arguments.values()
        assert _cell(argument) == cell


def _schema(cell: str) -> JSON:
    if cell.startswith("list of "):
        return {"type": "array", "items": _schema(cell.removeprefix("list of "))}
    if cell == "one of a few":
        return {"type": "string", "enum": ["low", "high"]}
    kind, _, form = cell.partition(", ")
    return {"type": kind, **({"format": form} if form else {})}


def _cell(argument: Argument) -> str:
    said = f"`{argument.role}`"
    said += f" of `{argument.type}`" if argument.type else ""
    said += ", vouched" if argument.needs else ""
    said += f", {argument.decimals} decimals" if argument.decimals else ""
    return said + ("" if argument.selects else ", does not select")


@pytest.mark.parametrize("row", RESULTS, ids=lambda row: row[0])
def test_results(row: list[str]) -> None:
    path, tool, vouches = row
    schema: Any = {"type": "string"}
    for step in reversed(codes(path)[0].split(".")):
        schema = (
            {"type": "array", "items": schema}
            if step == "*"
            else {"type": "object", "properties": {step: schema}}
        )
    fields = one({"name": codes(tool)[0], "outputSchema": schema}).returns.fields
    if vouches == "nothing":
        assert fields == {}
        return
    (found,) = fields.values()
    of = f" of `{found.type}`" if found.type else ""
    assert ", ".join(f"`{role}`" for role in found.vouches_for) + of == vouches
    assert found.integrity == "trusted"


def test_every_doubt_has_a_row() -> None:
    source = (ROOT / "src/safeconduct/tools/linting.py").read_text(encoding="utf-8")
    rows = tables(sections(PAGE)["Doubts"])[0][1:]
    assert len(rows) == len(re.findall(r"yield Doubt\(", source))
