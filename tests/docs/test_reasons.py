"""docs/reference/reasons.md against the closed list."""

import re

import pytest

from safeconduct.core.reasons import REASONS, Reason, Remedy
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "reasons.md"
SECTIONS = {heading.strip("`"): text for heading, text in sections(PAGE).items()}
STAGES = {reason.stage for reason in REASONS.values()}


def test_every_reason_has_a_heading_and_every_heading_a_reason() -> None:
    assert set(SECTIONS) == set(REASONS) | STAGES


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_a_section_says_what_the_code_says(reason: Reason) -> None:
    text = SECTIONS[reason.code]
    assert f"> {reason.sentence}\n" in text
    assert f"Remedy `{reason.remedy.value}`, retry `{reason.retry}`, who can act: " in text
    assert re.search(r"who can act: (agent|user|operator|reviewer|nobody)\.", text)
    assert "*What helps:* " in text


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_a_reason_stands_under_its_stage(reason: Reason) -> None:
    headings = list(SECTIONS)
    before = headings[: headings.index(reason.code)]
    assert next(one for one in reversed(before) if one in STAGES) == reason.stage


def test_every_remedy_and_every_kind_of_retry_is_explained() -> None:
    remedies, retries = tables(PAGE.read_text(encoding="utf-8").partition("\n## ")[0])
    assert {codes(row[0])[0] for row in remedies[1:]} == {remedy.value for remedy in Remedy}
    said = {codes(row[0])[0] for row in retries[1:]}
    assert said == {reason.retry for reason in REASONS.values()}
