"""What is written otherwise is looked for where Unicode has it."""

import sys
import unicodedata

from safeconduct.inspectors.pii.folding import ASSIGNED


def test_no_digit_space_dash_or_unseen_character_stands_elsewhere() -> None:
    elsewhere = {
        unicodedata.category(chr(point))
        for point in range(128, sys.maxunicode + 1)
        if not any(point in block for block in ASSIGNED)
    }
    assert elsewhere.isdisjoint({"Nd", "Zs", "Pd", "Cf"})
