"""The pages of the repository: links lead somewhere, snippets parse, commands exist."""

import ast
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.pages import DOCS, FENCE, PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_TEST = re.compile(r"\[`(test_\w+)`\]\(([^)\s#]+\.py)\)")
OTHER_WORDS = re.compile(
    r"\b(guardrails?|admins?|administrators?|whitelists?|blacklists?|sessions?)\b"
)
PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "python": ast.parse,
    "toml": tomllib.loads,
    "yaml": lambda text: list(YAML(typ="safe", pure=True).load_all(text)),
}


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """The fragment of each heading, as renderers of Markdown derive it."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))
    for target in LINK.findall(prose):
        if not re.match(r"[a-z]+:", target):
            place, _, fragment = target.partition("#")
            linked = (page.parent / place) if place else page
            assert linked.exists(), target
            assert not fragment or fragment in _anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_snippet_parses(page: Path) -> None:
    for indentation, language, text in FENCE.findall(page.read_text()):
        if language in PARSERS:
            PARSERS[language](re.sub(f"^{indentation}", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:`|^ *)make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE)
    assert set(named) <= set(targets)


def test_every_page_of_the_documentation_is_listed_in_its_index() -> None:
    index = DOCS / "index.md"
    listed = {(index.parent / target).resolve() for target in LINK.findall(index.read_text())}
    assert {page for page in PAGES if page.is_relative_to(DOCS)} - {index} == listed


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    for test, file in NAMED_TEST.findall(page.read_text()):
        source = (page.parent / file).read_text()
        assert re.search(rf"^ *(?:async )?def {test}\(", source, re.MULTILINE), test


@pytest.mark.parametrize("page", [page for page in PAGES if page.is_relative_to(DOCS)], ids=_name)
def test_one_thing_has_one_name(page: Path) -> None:
    # Sessions are a thing of the protocol's: `Mcp-Session-Id`.
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))
    assert OTHER_WORDS.findall(prose.lower()) == []
