"""What a text says in an encoding, and where in the text the encoding stands.

A view is a text that was written anew, and knows of each place where it was before. What changes
characters one by one (percent encoding, character references, escapes, unseen characters, letters
that look alike) is taken off in place; runs of base64 and hexadecimal are read by
`safeconduct.core.decoding`, which takes off what lies inside of them, and has the bounds: what
reaches one of them is not looked through.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Callable, Iterator
from html import unescape
from typing import Final
from urllib.parse import unquote

from safeconduct.core.decoding import decoded
from safeconduct.core.lookalikes import folded, unseen
from safeconduct.inspectors.patterns import ascii_only, compiled, in_utf8
from safeconduct.kit.work import spend

_MAX_DEPTH: Final = 4
"""How often what changes single characters is taken off, one inside of the other."""

_BASE64: Final = "[A-Za-z0-9+/_-]"
_ASCII_IN_BASE64: Final = (
    "(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-])"
)
"""Four characters of base64 that are three of ASCII: the first bit of each byte is 0. Of all others
one in eight is like that, so that five in a row are text, and begin where a byte begins."""
_HEX_PAIR: Final = r"(?:(?:\\+x|0[xX])?(?:[2-7][0-9A-Fa-f]|0[9AaDd])(?:\\[nr]|[\s:,;|._-]){0,2})"
_COMPRESSED: Final = f"(?:H4sI|eJ[w-z]|eN[o-r]|eA[E-H]|eF[4-7]){_BASE64}"
_NEXT: Final = r"(?:\\[nr]|[\s:,;|._-]){0,2}(?:\\+x|0[xX])?"
_COMPRESSED_HEX: Final = (
    rf"(?i:(?:1f{_NEXT}8b{_NEXT}08|78{_NEXT}(?:01|5e|9c|da))(?:{_NEXT}[0-9a-f]{{2}}){{10}})"
)
"""How gzip and zlib begin (RFC 1952 section 2.3.1, RFC 1950 section 2.2), and what follows."""


_SIGNS: Final = (
    rf"{_ASCII_IN_BASE64}{{5}}|(?:\b|\\[nrt]){_COMPRESSED}{{12}}"
    rf"|{_HEX_PAIR}{{10}}|(?:\b|\\[nrt]|x){_COMPRESSED_HEX}"
    rf"|%[2-7][0-9A-Fa-f]|&#|&[a-z]+;|\\u00[2-7]"
    r"|[0-9A-Za-z_][\xc4-\xf4]|[\xc4-\xf4][\x80-\xbf]{1,3}[0-9A-Za-z_]|\xc2\xad|\xef[\xbb\xbc\xbd]"
    r"|\xf0[\x9d\x9f]|\xf3\xa0"
)
"""What the JSON of a value has wherever a text in it may have an encoding (RE2, over bytes)."""

_SIGN: Final = compiled(_SIGNS)
_BASE64_RUN: Final = 1
_COMPRESSED_RUN: Final = 2
_HEX_RUN: Final = 3
_GROUP: Final = re.compile(f"{_BASE64}{{4}}")
"""Before text that begins in the middle of it."""

_NO_DIGITS: Final = re.compile(r"0[xX]|[^0-9A-Fa-f]+")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_RUN: Final = compiled(
    rf"({_ASCII_IN_BASE64}{{5,}}{_BASE64}{{0,3}})|\b({_COMPRESSED}{{12,}})"
    rf"|({_HEX_PAIR}{{10,}})|((?:\b|x){_COMPRESSED_HEX}(?:{_NEXT}[0-9A-Fa-f]{{2}})*)"
)
_IN_PLACE: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|(?:\\u[0-9A-Fa-f]{4})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});?|[^\x00-\x7f]{1,128}"
)
_CHANGED: Final = compiled(r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&(?:#[0-9xX]|[A-Za-z])|[\x80-\xff]")
"""What is wherever `_IN_PLACE` finds something, as is faster to see."""
_BREAK: Final = re.compile(r"(?:=|\\)?[ \t]{0,8}\r?\n[ \t>|]{0,16}|[\"'] ?\+ ?[\"']")
"""Between two lines of one word: also a soft break of RFC 2045, a quotation, a continuation."""


class View:
    """A text written anew, and where each part of it was."""

    def __init__(
        self,
        before: View | str,
        pattern: re.Pattern[str] | None = None,
        write: Callable[[str], str] = str,
    ) -> None:
        """What `pattern` finds, as `write` writes it; without a pattern, the text as it is."""
        self._before: View | None = before if isinstance(before, View) else None
        text = before if isinstance(before, str) else before.text
        parts: list[str] = []
        self._starts: list[int] = []
        self._spans: list[tuple[int, int, bool]] = []
        self._length = 0
        done = 0
        for found in pattern.finditer(text) if pattern else ():
            start, end = found.span()
            parts.append(self._part(text[done:start], done, start, kept=True))
            parts.append(self._part(write(found[0]), start, end, kept=False))
            done = end
        parts.append(self._part(text[done:], done, len(text), kept=True))
        spend(4 + len(text) // 64 + 2 * len(parts))
        self.text: str = "".join(parts)

    def _part(self, text: str, start: int, end: int, *, kept: bool) -> str:
        if text:
            self._starts.append(self._length)
            self._spans.append((start, end, kept))
            self._length += len(text)
        return text

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a span that is not empty was at first; what was written anew is one whole."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        begin, _, kept = self._spans[first]
        if kept:
            begin += start - self._starts[first]
        origin, until, kept = self._spans[last]
        if kept:
            until = origin + end - self._starts[last]
        return self._before.place(begin, until) if self._before else (begin, until)


def shown(text: str | View) -> Iterator[View]:
    """The text, without what changes single characters, and that again while there is some."""
    view = View(text) if isinstance(text, str) else text
    for _ in range(_MAX_DEPTH):
        yield view
        if not _CHANGED.search(in_utf8(view.text)):
            return
        further = View(view, _IN_PLACE, _character)
        if further.text == view.text:
            return
        view = further


def in_one_line(text: str) -> View:
    """The text with its lines put together, for what was broken over several."""
    return View(text, _BREAK, _nothing)


def hidden(text: str) -> Iterator[tuple[str, int, int]]:
    """What stands in a text in base64 or hexadecimal, and from where to where that goes."""
    for found in _RUN.finditer(ascii_only(text)):
        at = next(at for at in range(1, 5) if found.start(at) >= 0)
        start, end = found.span(at)
        spend(20 + (end - start) // 8)
        run = text[start:end]
        while end < len(text) and text[end] == "=":
            end += 1
        if at == _BASE64_RUN:
            if start >= 4 and _GROUP.fullmatch(text, start - 4, start):
                run = text[start - 4 : start] + run
            inner = [_ascii(_octets(run))]
        elif at == _HEX_RUN:
            inner = [_ascii(bytes.fromhex(_NO_DIGITS.sub("", run)))]
        elif at == _COMPRESSED_RUN:
            inner = list(decoded(run, turned=False).texts[1:])
        else:
            inner = list(decoded(_NO_DIGITS.sub("", run), turned=False).texts[1:])
        for one in inner:
            yield one, start, end
            if _SIGN.search(in_utf8(one)):
                yield from ((more, start, end) for more in decoded(one, turned=False).texts[1:])


def encoded(data: bytes, start: int = 0) -> int:
    """Where a sign of an encoding is in JSON, or in a text in UTF-8; -1 if there is none."""
    found = _SIGN.search(data, start)
    return found.start() if found else -1


def _octets(run: str) -> bytes:
    """Of base64 without padding, that may end in the middle of a byte."""
    coded = run[: len(run) - (len(run) % 4 == 1)].translate(_URL_SAFE)
    return a2b_base64(coded + "=" * (-len(coded) % 4))


def _ascii(data: bytes) -> str:
    """Text that was written in ASCII, also in two bytes a character."""
    return data.replace(b"\0", b"").decode("ascii", "replace")


def _character(run: str) -> str:
    if run[0] == "%":
        return unquote(run)
    if run[0] == "&":
        return unescape(run)
    if run[0] == "\\":
        return "".join(chr(int(code, 16)) for code in run.split("\\u")[1:])
    return folded(run) + unseen(run)


def _nothing(_: str) -> str:
    return ""
