"""Finds source code: which texts are some, and of which family of languages.

What lines of a language have, and hardly any others, is counted. Prose has such a line now and
then, so that a text is code where a good part of its lines are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, cast

from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.languages import RULES
from safeconduct.inspectors.patterns import any_of, ascii_only
from safeconduct.inspectors.texts import Path, Span, in_json

MIN_LINES: Final = 5
"""From how many lines on a text is looked at, empty ones and lone brackets aside."""

MAX_LINES: Final = 200
"""How many lines of a text are looked at; what goes on is of one kind."""

_MAX_WIDTH: Final = 200
_MIN_SCORE: Final = 3
_SHARE: Final = 7
"""One line of so many has to be of a language."""

_BLOCK: Final = 40
"""After so many lines it is seen whether it is plain what they are."""

_PLAIN: Final = 3
"""It is where one line of so many is of a language."""

LANGUAGES: Final = tuple(RULES)
"""Families of languages that are told apart."""

_OF: Final = any_of([rf"(?m)^[+-]?\s*(?:{rule})" for rule in RULES.values()])
"""Tells of a line that ends with a line break, of which languages it is."""
_ANYWHERE: Final = _OF
"""The same of all lines at once, which most texts have none of."""
_FENCED: Final = re.compile(r"^(?:```|~~~)[^\n]*\n", re.MULTILINE)
_BRACKETS: Final = b"{}()[];, \t\r"
_REMARKS: Final = (b"# ", b"//", b"/*", b"*", b"-- ")
_MARKS: Final = b"{}();=<>[]_$|*#"
_MIN_MARKS: Final = 50
"""Of so many characters of code one is a mark that prose hardly has."""


class CodeInspector:
    """Reports source code as `code.<language>` (`safeconduct.ports.Inspector`): a text, or what a
    text has between fences (CommonMark, section 4.5).
    """

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        if data is not None and data.count(b"\\n") < MIN_LINES - 1:
            return ()
        return tuple(
            [
                Finding(kind, path, start, end)
                for text, path in _of_lines(value, ())
                for kind, start, end in _spans(text)
            ]
        )


def _of_lines(value: object, path: Path) -> Iterator[tuple[str, Path]]:
    """The strings and keys that have enough lines, in document order."""
    if isinstance(value, str):
        if value.count("\n") >= MIN_LINES - 1:
            yield value, path
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from _of_lines(key, (*path, key, KEY)) if "\n" in key else ()
            if not isinstance(item, str) or "\n" in item:
                yield from _of_lines(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _of_lines(item, (*path, index))


def language(text: str) -> str | None:
    """Of which language a text is, if it is code."""
    octets = ascii_only(text[: MAX_LINES * _MAX_WIDTH])
    marks = len(octets) - len(octets.translate(None, _MARKS))
    if octets.count(b"\n") < MIN_LINES - 1 or marks * _MIN_MARKS < len(octets):
        return None
    lines = [line.rstrip()[:_MAX_WIDTH] for line in octets.split(b"\n")[:MAX_LINES] if _says(line)]
    if len(lines) < MIN_LINES or not _ANYWHERE(b"\n".join([*lines, b""])):
        return None
    scores: Counter[int] = Counter()
    at = 0
    for begin in range(0, len(lines), _BLOCK):
        block = lines[begin : begin + _BLOCK]
        scores.update([at for line in block for at in _OF(line + b"\n")])
        at = min(scores, key=lambda one: (-scores[one], one), default=0)
        if len(block) == _BLOCK and scores[at] * _PLAIN >= begin + _BLOCK:
            return LANGUAGES[at]
    if scores[at] < _MIN_SCORE or scores[at] * _SHARE < len(lines):
        return None
    return LANGUAGES[at]


def _says(line: bytes) -> bool:
    """Whether a line is more than brackets or a remark."""
    return bool(line.strip(_BRACKETS)) and not line.lstrip().startswith(_REMARKS)


def _spans(text: str) -> Iterator[Span]:
    fences = list(_FENCED.finditer(text)) if "```" in text or "~~~" in text else []
    for first, last in zip(fences[::2], fences[1::2], strict=False):
        if found := language(text[first.end() : last.start()]):
            yield f"code.{found}", first.end(), last.start()
    if not fences and (found := language(text)):
        yield f"code.{found}", 0, len(text)
