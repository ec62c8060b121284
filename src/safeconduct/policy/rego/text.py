"""What is looked at in the text of a rule file before the engine's parser sees it.

Nested array brackets cost that parser time exponential in their depth, and each level of anything
costs stack: a process that runs out of it ends instead of raising.
"""

from __future__ import annotations

import re
from typing import Final

from safeconduct.policy.refusal import PolicyRefused

MAX_NESTING: Final = 12

# Strings may span lines here although Rego forbids it: what the two lexers could read differently
# is then a syntax error for the engine.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|`[^`]*+`?|#[^\n]*|[\[\](){}]', re.DOTALL)
_OPENING: Final = frozenset("[({")
_CLOSING: Final = frozenset("])}")

# Control characters, and what makes a text look different from what it is.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    "|\r(?!\n)"
)


def check_text(text: str, file: str) -> None:
    """Refuse text that is nested too deep or shows something else than it says.

    Raises:
        PolicyRefused: with the line of what was found.
    """
    hidden = _HIDDEN.search(text)
    if hidden is not None:
        raise PolicyRefused(
            f"an invisible character stands here (U+{ord(hidden[0][0]):04X})",
            file=file,
            line=_line(text, hidden.start()),
            fix="remove it, or write it as an escape in a string",
        )
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENING:
            depth += 1
            if depth > MAX_NESTING:
                raise PolicyRefused(
                    f"brackets are nested deeper than {MAX_NESTING}",
                    file=file,
                    line=_line(text, token.start()),
                    fix="give inner parts a rule of their own",
                )
        elif token[0] in _CLOSING:
            depth -= 1


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
