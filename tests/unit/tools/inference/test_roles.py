"""What inference says that arguments steer: what steers is nothing that anybody may set."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from safeconduct.tools.inference import propose

LABELLED = Path(__file__).parents[3] / "data" / "tools" / "roles.txt"
RIGHT_PERCENT = 88
LAXER_PERCENT = 1

TYPES: Final[dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "list": {"type": "array", "items": {"type": "string"}},
    "list of objects": {"type": "array", "items": {"type": "object"}},
}


def said(tool: str, argument: str, kind: str) -> str:
    schema = {"properties": {argument: TYPES[kind]}}
    proposal = propose("x", [{"name": tool, "inputSchema": schema}])
    found = proposal.manifest.tools[tool].arguments[argument]
    return found.needs or found.role


def test_no_known_argument_that_steers_counts_as_content() -> None:
    rows = [
        [part.strip() for part in line.split("|")]
        for line in LABELLED.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    found = [(row, said(*row[:3])) for row in rows]
    right = sum(row[3] == what for row, what in found)
    laxer = [row for row, what in found if row[3] != "content" and what in {"content", "query"}]
    print(f"{right} of {len(rows)} right, {len(laxer)} laxer")
    assert len(rows) >= 150
    assert 100 * right >= RIGHT_PERCENT * len(rows)
    assert 100 * len(laxer) <= LAXER_PERCENT * len(rows), laxer
