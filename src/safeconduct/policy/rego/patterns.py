r"""Patterns that mean the same in this engine and in Open Policy Agent.

Here `\w`, `\d`, `\s` and `\b` are of all Unicode and a class has set operations, there they are
of ASCII and it has none: a rule that denies what has a `\W` would pass over a Cyrillic letter. So
a pattern is a literal of what both read alike (RE2's syntax, https://github.com/google/re2/wiki).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ESCAPE: Final = r"\\(?:[!-/:;=?@\[-`{-~]|[fnrtv]|x[0-9A-Fa-f]{2})"
_POSIX: Final = (
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit)"
    r":\]"
)
_CLASS: Final = rf"\[\^?+(?:{_POSIX}|{_ESCAPE}|&(?!&)|-(?!-)|~(?!~)|[^\[\]\\&~-])+\]"
_NUMBER: Final = r"(?:[1-9]?[0-9])"
_TIMES: Final = rf"(?:[*+?]|\{{{_NUMBER}(?:,{_NUMBER}?)?\}})\??(?![*+?{{])"
_GROUP: Final = r"\((?:(?!\?)|\?(?:P<[A-Za-z_][A-Za-z0-9_]*>|:|[ims]+(?::|\)(?![*+?{]))))"
_EXPRESSION: Final = re.compile(
    rf"(?:{_GROUP}|\)|{_ESCAPE}|\\[Az]|{_CLASS}|{_TIMES}|[^\\\[\](){{}}*+?])*+"
)

_GLOB: Final = re.compile(r"[^?\[\]\x80-\U0010ffff]*+")

_FIX_EXPRESSION: Final = (
    "write [A-Za-z0-9_] for `\\w`, [0-9] for `\\d`, [[:space:]] for `\\s`, no `\\b` and no `\\p`; "
    "escape `[`, `&&`, `--` and `~~` in a class"
)
_FIX_GLOB: Final = "write `*`, or name the choices as {a,b}: no `?`, no class, and ASCII alone"

PATTERNS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "glob.match": (_GLOB, _FIX_GLOB),
    "regex.find_all_string_submatch_n": (_EXPRESSION, _FIX_EXPRESSION),
    "regex.find_n": (_EXPRESSION, _FIX_EXPRESSION),
    "regex.match": (_EXPRESSION, _FIX_EXPRESSION),
}
"""By function what its first argument may be, and what to write instead of anything else."""
