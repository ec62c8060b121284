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

_RULES: Final = {
    "python": (
        r"def \w+\(|class \w+.*:$|from [\w.]+ import |import [\w.]+(?: as \w+)?$"
        r"|@\w[\w.]*(?:\(.*\))?$"
        r"|(?:if|elif|while|for|with|try|except|else|finally)\b[^;{]*:$|self\.\w+|raise \w+|yield "
        r"|return\b[^;{]*$|async def |[\w.]+ = [\w.]+\(.*\)?$|print\(|assert [\w(]"
    ),
    "javascript": (
        r"(?:export )?(?:default )?(?:async )?function\b.*\(|(?:export )?(?:const|let"
        r"|var) [\w{\[].*="
        r"|import .* from ['\"]|export (?:default|class|interface|type|\{)"
        r"|module\.exports|.*=>\s*[({]"
        r"|console\.\w+\(|.*\brequire\(['\"]|(?:this|document|window)\.\w+.*[;(]"
        r"|await .*;$|return .*;$"
        r"|(?:interface|type) \w+ (?:\{|=)"
    ),
    "java": (
        r"(?:public|private|protected|internal) .*[{;(]|package [\w.]+;|import (?:static )?[\w.*]+;"
        r"|using [\w.]+;|namespace [\w.]+|@Override|(?:final|static) \w+.*[{;]|throw new "
        r"|return .*;$"
        r"|(?:String|int|boolean|long|double|var|List<\w+>) \w+ = .*;$|System\.\w+|new \w+.*\(.*;$"
    ),
    "c": (
        r"#\s?(?:include|define|ifdef|ifndef|endif|pragma)\b|.*\w->\w+.*[;{]$"
        r"|template\s?<|using namespace "
        r"|(?:static |const |unsigned |extern |inline )*(?:int|void|char|float|double"
        r"|size_t|bool|struct"
        r" \w+|u?int\d+_t)\s+\*?\w+\s*[(=;\[]|typedef |std::|(?:printf|malloc|free"
        r"|memcpy)\(|return .*;$"
    ),
    "go": (
        r"package \w+$|func (?:\(\w+ \*?\w+\) )?\w+\(|import \($|\w+(?:, \w+)* := "
        r"|if err != nil|defer "
        r"|type \w+ (?:struct|interface)|go func|fmt\.\w+\(|return [\w.,&() ]+$"
    ),
    "rust": (
        r"(?:pub )?(?:fn|struct|enum|trait|mod|impl)\b.*[{;(]|use [\w:]+.*;"
        r"|let (?:mut )?\w+.*=|#\[\w+"
        r"|match .*\{$|.*=> .*,$|println!\(|.*::<?\w+.*;$"
    ),
    "php": r"<\?php|\$\w+(?:->\w+|\[.*\])* ?=.*;$|\$this->|echo .*;$|use [\w\\]+;",
    "ruby": (
        r"def \w+[^:;(]*$|end$|require ['\"]|class \w+ < |module \w+$|.* do \|.*\|$"
        r"|attr_\w+ :|puts "
    ),
    "sql": (
        r"(?i)select\b|from \w[\w.\"]*(?: (?:as )?\w+)?[;,]?$|where .*[=<>]|(?:left "
        r"|inner |right )?join .* on "
        r"|insert into |values\s*\(|update \w+ set |create (?:or replace )?(?:table|view"
        r"|index|function)\b"
        r"|(?:group|order) by |alter table |drop table |delete from |and \w[\w.]* ?[=<>]"
        r"|\w+ (?:int|integer|bigint|varchar|text|timestamp|boolean|numeric)\b.*,?$"
    ),
    "shell": (
        r"#!/.*sh$|(?:sudo|apt-get|cd|echo|export|mkdir|rm|cp|mv|curl|grep|sed|awk|chmod"
        r"|source|git|docker"
        r"|kubectl|pip|npm|make) [\w./$\"'{-]|if \[|fi$|done$|esac$|then$"
        r"|for \w+ in .*(?:do)?$|set -\w"
        r"|\w+=(?:\$|\"|')|\w+\(\) ?\{$|.*\| (?:grep|sed|awk|xargs|sort|head)\b"
    ),
}
LANGUAGES: Final = tuple(_RULES)
"""Families of languages that are told apart."""

_OF: Final = any_of([rf"^[+-]?\s*(?:{rule})" for rule in _RULES.values()])
_ANYWHERE: Final = any_of([rf"(?m)^[+-]?\s*(?:{rule})" for rule in _RULES.values()])
"""The same in all lines at once, which most texts have none of."""
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
    if len(lines) < MIN_LINES or not _ANYWHERE(b"\n".join(lines)):
        return None
    scores = Counter(at for line in lines for at in _OF(line))
    if not scores:
        return None
    at = min(scores, key=lambda one: (-scores[one], one))
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
