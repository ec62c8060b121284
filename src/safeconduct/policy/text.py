"""Texts of policy as a reviewer sees them: what they show is what they say."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.policy.refusal import PolicyRefused

# Control characters, and what makes a text look different from what it is.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    "|\r(?!\n)"
)


def check_visible(text: str, file: str) -> None:
    """Refuse text with characters that nobody sees.

    Raises:
        PolicyRefused: with the line of the first one.
    """
    hidden = _HIDDEN.search(text)
    if hidden is not None:
        raise PolicyRefused(
            f"an invisible character stands here (U+{ord(hidden[0][0]):04X})",
            file=file,
            line=line_at(text, hidden.start()),
            fix="remove it, or write it as an escape in a string",
        )


def line_at(text: str, offset: int) -> int:
    """The line of a place in a text, counted from 1."""
    return text.count("\n", 0, offset) + 1
