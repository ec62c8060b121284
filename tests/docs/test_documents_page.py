"""What the page on documents says of limits is what the limits are."""

from __future__ import annotations

import re
from pathlib import Path

from safeconduct.inspectors.documents.examining import SENTENCE_WORDS
from safeconduct.inspectors.documents.limits import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "documents.md").read_text()


def test_the_limits_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| ([^|]*) \| ([^|]*\d[^|]*) \|$", PAGE, re.MULTILINE)
    told = {name: [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*\d|\d", said)]
            for name, said in rows}  # fmt: skip
    limits = Limits()
    assert told == {
        "bytes as it is passed": [limits.max_bytes],
        "bytes unpacked, at all depths": [limits.max_expanded_bytes],
        "documents inside of each other": [limits.max_depth],
        "files, parts, attachments": [limits.max_members],
        "pages of PDF": [limits.max_pages],
        "elements, and inside of each other": [limits.max_elements, limits.max_nesting],
        "characters of text": [limits.max_characters],
        "pixels of one picture that is read": [limits.max_pixels],
        "processor time": [limits.cpu_s],
        "address space of its reader": [limits.memory_bytes],
        "documents in one value": [limits.max_documents],
        "time for all documents of a value": [int(limits.wall_s)],
    }
    assert limits.workers * limits.memory_bytes == 1024**3
    assert f"from a line of {SENTENCE_WORDS} words on" in PAGE
