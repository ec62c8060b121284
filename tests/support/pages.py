"""Pages of the documentation, read by their headings and tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(
    r"<!-- (?P<mark>[^\n]*?) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^#{2,} +(.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


class Snippet(NamedTuple):
    """A snippet under a comment that says what it is."""

    page: Path
    mark: str
    language: str
    text: str


def sections(page: Path) -> dict[str, str]:
    """The text below each heading, up to the next one of any level."""
    parts = _HEADING.split(FENCE.sub("", page.read_text(encoding="utf-8")))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(text: str) -> list[list[list[str]]]:
    """Every table: rows of cells, the header first, without the line of dashes."""
    found: list[list[list[str]]] = []
    before = False
    for line in text.splitlines():
        row = line.startswith("|")
        if row and not before:
            found.append([])
        if row and not set(line) <= set("|-: "):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = row
    return found


def codes(text: str) -> list[str]:
    """Everything that stands between backquotes."""
    return _CODE.findall(text)


def marked() -> list[Snippet]:
    """Every snippet with a mark, of all pages."""
    return [
        Snippet(page, found["mark"], found["language"], found["text"])
        for page in PAGES
        for found in _MARKED.finditer(page.read_text(encoding="utf-8"))
    ]
