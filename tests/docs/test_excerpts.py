"""Output that pages show says what the program says."""

import json
import re

from safeconduct.core.reasons import REASONS
from tests.support.pages import DOCS, FENCE, PAGES, ROOT

REFUSED = re.compile(r"refused ([a-z-]+) -> ([a-z-]+)")
ROW = re.compile(r"^ ?\d+  (?:user|e-mail) .*$", re.MULTILINE)


def test_refusals_are_shown_with_their_remedy() -> None:
    shown = {pair for page in PAGES for pair in REFUSED.findall(page.read_text(encoding="utf-8"))}
    assert len(shown) > 3
    assert {(code, REASONS[code].remedy.value) for code, _ in shown} == shown


def test_the_readme_shows_rows_of_the_demo_as_its_walk_through_does() -> None:
    walk = ROW.findall((DOCS / "start" / "demo.md").read_text(encoding="utf-8"))
    shown = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(walk) == 10
    assert set(shown) < set(walk)


def test_a_refusal_in_json_has_the_members_of_its_reason() -> None:
    text = (DOCS / "reference" / "http.md").read_text(encoding="utf-8")
    ((_, _, snippet),) = [one for one in FENCE.findall(text) if one[1] == "json"]
    told = json.loads(snippet)
    reason = REASONS[told["reason"]]
    assert (told["remedy"], told["retry"]) == (reason.remedy.value, reason.retry)
    assert told["stage"] == reason.stage
