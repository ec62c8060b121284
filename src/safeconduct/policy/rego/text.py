"""What is looked at in the text of a rule file before the engine's parser sees it.

Nested array brackets cost that parser time exponential in their depth, and each level of anything
costs stack: a process that runs out of it ends instead of raising.
"""

from __future__ import annotations

import re
from typing import Final

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.text import check_visible, line_at

MAX_NESTING: Final = 12

# Strings may span lines here although Rego forbids it: what the two lexers could read differently
# is then a syntax error for the engine.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|`[^`]*+`?|#[^\n]*|[\[\](){}]', re.DOTALL)
_OPENING: Final = frozenset("[({")
_CLOSING: Final = frozenset("])}")


def check_text(text: str, file: str) -> None:
    """Refuse text that is nested too deep or shows something else than it says.

    Raises:
        PolicyRefused: with the line of what was found.
    """
    check_visible(text, file)
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENING:
            depth += 1
            if depth > MAX_NESTING:
                raise PolicyRefused(
                    f"brackets are nested deeper than {MAX_NESTING}",
                    file=file,
                    line=line_at(text, token.start()),
                    fix="give inner parts a rule of their own",
                )
        elif token[0] in _CLOSING:
            depth -= 1
