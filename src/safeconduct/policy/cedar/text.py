"""What is looked at in the text of a Cedar file before the engine's parser sees it.

The parser recurses with what it reads, on a stack that it shares with the gateway: a process that
runs out of it ends instead of raising. Brackets nest, and so do chains of operators.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.text import check_visible, line_at

MAX_NESTING: Final = 32
MAX_OPERATORS: Final = 500
MAX_STRING: Final = 4096

# A string that spans lines is one here too: what the two lexers could read differently is then a
# syntax error for the engine.
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|//[^\n]*|\s+|&&|\|\||[A-Za-z_]\w*|.', re.DOTALL | re.ASCII
)
_OPENING: Final = frozenset("[({")
_CLOSING: Final = frozenset("])}")
_OPERATORS: Final = frozenset({"&&", "||", "+", "-", "*", ".", "[", "!", "<", "if", "in", "is"})


class Statement(msgspec.Struct, frozen=True):
    """One policy, or one declaration of a schema: all up to its semicolon. `line` counts from 1."""

    line: int
    text: str


def check_text(text: str, file: str) -> None:
    """Refuse text that the engine's parser must not see. Raises PolicyRefused."""
    statements(text, file)


def statements(text: str, file: str) -> tuple[Statement, ...]:
    """The statements of a file, once it is known that the engine can read them.

    Raises:
        PolicyRefused: the text shows something else than it says, is nested too deep, or has
            strings that are too long.
    """
    check_visible(text, file)
    found: list[Statement] = []
    start: int | None = None
    depth = operators = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token.isspace() or token.startswith("//"):
            continue
        if start is None:
            start, operators = match.start(), 0
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
        operators += token in _OPERATORS
        wrong = _too_much(token, depth, operators)
        if wrong is not None:
            sentence, fix = wrong
            raise PolicyRefused(sentence, file=file, line=line_at(text, match.start()), fix=fix)
        if token == ";" and depth <= 0:
            found.append(Statement(line_at(text, start), text[start : match.end()]))
            start, depth = None, 0
    if start is not None:
        found.append(Statement(line_at(text, start), text[start:]))
    return tuple(found)


def _too_much(token: str, depth: int, operators: int) -> tuple[str, str] | None:
    if len(token) > MAX_STRING:
        return f"a string of more than {MAX_STRING} characters", "compare with a shorter one"
    if depth > MAX_NESTING or operators > MAX_OPERATORS:
        sentence = (
            f"brackets nested deeper than {MAX_NESTING}, or more than {MAX_OPERATORS} operators "
            "in one policy"
        )
        return sentence, "write several policies, or compare with a set"
    return None
