"""The model card speaks of the weights, the sources and the rules that there are."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib import resources

from safeconduct.inspectors.instructions.features import SIZE, WINDOW
from safeconduct.inspectors.instructions.inspector import (
    ABOVE,
    IN_DEFINITIONS,
    LIKELY,
    SURELY,
)
from safeconduct.inspectors.instructions.model import FILE, PACKAGE
from safeconduct.inspectors.instructions.rules import KINDS
from tests.support.pages import DOCS, ROOT

PAGE = (DOCS / "reference" / "instruction-detector.md").read_text(encoding="utf-8")


def test_the_weights_are_those_that_are_described() -> None:
    weights = resources.files(PACKAGE).joinpath(FILE).read_bytes()
    assert f"`{sha256(weights).hexdigest()}`" in PAGE


def test_every_source_is_on_the_page() -> None:
    sources = (ROOT / "scripts" / "instructions" / "sources.txt").read_text(encoding="utf-8")
    named = re.findall(r"^([a-z0-9-]+)==", sources, re.MULTILINE)
    assert len(named) > 10
    for name in named:
        assert re.search(rf"\b{name}\b", PAGE, re.IGNORECASE), name


def test_the_numbers_of_the_detector_are_those_on_the_page() -> None:
    assert f"hashed into {SIZE:,} places".replace(",", " ") in PAGE
    assert f"over {len(KINDS)} rules" in " ".join(PAGE.split())
    assert f"windows of {WINDOW} words" in PAGE
    assert f"above the threshold, {ABOVE} unless" in PAGE
    assert f"unless `above` says otherwise; {IN_DEFINITIONS} in definitions" in PAGE
    assert f"the score is above {LIKELY}, in definitions {IN_DEFINITIONS}," in PAGE
    assert f"above {SURELY}, in definitions {LIKELY}, where" in PAGE


def test_every_kind_is_on_the_page() -> None:
    for kind in {*KINDS, "model", "hidden", "unread"}:
        assert f"| `instruction.{kind}` |" in PAGE
