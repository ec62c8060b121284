"""What a text says once its encodings are taken off, so that the same words are found again. Pure.

Encodings hide words from whoever compares texts: base64 (RFC 4648, both alphabets, padded or not,
in lines or not), hexadecimal, gzip, zlib and deflate inside of these (RFC 1950 to 1952), percent
encoding (RFC 3986), HTML's character references, characters that are not seen, letters that look
alike, rot13, and writing backwards. They are taken off in any order, one inside of the other. A
cipher or a translation is none of them: what those hide is for labels to hold.

Every bound is one of these constants. Where one is reached the answer says so: texts may be missing
from it, and whoever asked has to assume the worst.
"""

from __future__ import annotations

import re
import zlib
from binascii import a2b_base64
from collections.abc import Iterator
from html.entities import html5
from string import ascii_letters, digits
from typing import Final

import msgspec

from safeconduct.core.lookalikes import folded, unseen

MAX_CHARACTERS: Final = 1 << 20
"""How much is returned in all, in characters; what was inflated on the way counts as well, in
bytes. A text counts four times, for it is also read through rot13, backwards, and both: one of more
than a quarter of this reaches the bound by itself."""

MAX_TEXTS: Final = 256
"""How many texts are returned; four for each one that the other encodings led to."""

MAX_DEPTH: Final = 4
"""How many encodings are taken off, one inside of the other, besides rot13 and writing backwards.
Compression counts together with what its bytes are written in, and may itself be this deep."""

MAX_RATIO: Final = 128
"""How many times their own size compressed data may inflate to."""

MIN_RUN: Final = 16
"""From how many characters on something among others is read as base64 or hexadecimal."""

MIN_WORDS: Final = 8
"""From how many bytes on decoded ones are taken for text: UTF-8, or UTF-16 of ASCII."""


class Decoded(msgspec.Struct, frozen=True):
    """What a text says: itself first, then every other text that was found, each of them once.

    `whole` is False where a bound was reached, so that there may be more.
    """

    texts: tuple[str, ...]
    whole: bool


def decoded(text: str, *, turned: bool = True) -> Decoded:
    """What a text says in all the encodings that this module knows, for any text; where not
    `turned`, without rot13 and writing backwards, which no program that shows a text takes off.

    What stands in several places of it in base64, or in hexadecimal, is put together, one line for
    each place. Time and memory are in proportion to what is returned.
    """
    room = _Room()
    found: dict[str, None] = {text: None}
    layer = [text]
    for depth in range(MAX_DEPTH + 1):
        inner: list[str] = []
        for one in layer:
            views = _views(one) if turned else (one,)
            if not room.takes(views):
                return Decoded(tuple(found), whole=False)
            found.update(dict.fromkeys(views))
            inner += _within(one, views, room)
        layer = [one for one in dict.fromkeys(inner) if one and one not in found]
        if not layer:
            break
        room.whole = room.whole and depth < MAX_DEPTH
    return Decoded(tuple(found), room.whole)


class _Room:
    """What is left of the bounds, and whether none of them was reached."""

    __slots__ = ("characters", "texts", "whole")

    def __init__(self) -> None:
        self.characters = MAX_CHARACTERS
        self.texts = MAX_TEXTS
        self.whole = True

    def takes(self, texts: tuple[str, ...]) -> bool:
        """Whether there is room for these; they have it then."""
        self.texts -= len(texts)
        self.characters -= sum(map(len, texts))
        return self.texts >= 0 and self.characters >= 0


_ROT13: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    b"NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm",
)


def _views(text: str) -> tuple[str, str, str, str]:
    """A text, through rot13, backwards, and both. Each of them is its own inverse."""
    octets = text.encode(errors="surrogatepass").translate(_ROT13)
    turned = octets.decode(errors="surrogatepass")
    return (text, turned, text[::-1], turned[::-1])


def _within(text: str, views: tuple[str, ...], room: _Room) -> Iterator[str]:
    """What one more encoding taken off a text, or off a view of it, leads to."""
    if not text.isascii():
        yield unseen(text)
        # Folding does not mind the direction.
        yield from map(folded, views[:2])
    octets = text.encode(errors="replace")
    # Most texts bear no sign of an encoding, and looking for signs is the faster way to see that.
    if "%" in text or "&" in text:
        for view in views:
            yield from (_references(view), _percent(view))
    if _LONG in octets.translate(_SHAPES) or _ALL_BASE64.fullmatch(text):
        yield from (_joined(_base64(view), room) for view in views)
    shape = octets.translate(_HEX_SHAPES)
    if any(sign in shape for sign in _HEX_SIGNS):
        yield from (_joined(_hexadecimal(view), room) for view in views)


def _shapes(**classes: str) -> bytes:
    """A table that turns a character of a class into its name, and any other into a space."""
    names = {char: name.encode() for name, chars in classes.items() for char in chars}
    return b"".join(names.get(chr(code), b" ") for code in range(128)) + b" " * 128


_HEX_LETTERS: Final = "ABCDEFabcdefNOPQRSnopqrs"
"""Digits, also when they went through rot13."""
_SHAPES: Final = _shapes(a=ascii_letters + digits + "+/_-")
_HEX_SHAPES: Final = _shapes(h=digits + _HEX_LETTERS, x="xXkK")
_LONG: Final = b"a" * MIN_RUN
_HEX_SIGNS: Final = tuple(
    one * (MIN_RUN // 2 - 1)
    for sign in (b"hh", b"hh ", b"hh  ", b"xhh", b" xhh", b"hxhh", b"hxhh ", b"hxhh  ")
    for one in {sign, sign[::-1]}
)
"""Digits with nothing, or something, between every two: 5468, 54:68, 54, 68, \\x54, 0x54 0x68."""

_BASE64: Final = r"A-Za-z0-9+/_\-"
_ALL_BASE64: Final = re.compile(rf"[{_BASE64}=\s]*")


_REFERENCE: Final = re.compile(
    r"&(?:#0*(?P<decimal>[0-9]{1,7})|#[xX]0*(?P<hex>[0-9A-Fa-f]{1,6})|(?P<name>[A-Za-z0-9]{2,31}));?"
)


def _references(text: str) -> str:
    """Without character references (HTML, section 13.5), semicolon or not."""
    return _REFERENCE.sub(_character, text) if "&" in text else ""


def _character(found: re.Match[str]) -> str:
    if found["name"]:
        return html5.get(f"{found['name']};", found[0])
    code = int(found["decimal"]) if found["decimal"] else int(found["hex"], 16)
    return chr(code) if code <= 0x10FFFF else found[0]


_DIGIT: Final = f"[0-9{_HEX_LETTERS}]"
_NEXT: Final = f"%[89ABNOabno]{_DIGIT}"
_PERCENT: Final = re.compile(
    f"(?:%[2-7]{_DIGIT}|%0[9ADNQadnq]|%[CDPQcdpq]{_DIGIT}{_NEXT}|%[ERer]{_DIGIT}(?:{_NEXT}){{2}}"
    f"|%[FSfs][0-4](?:{_NEXT}){{3}})+"
)
"""Text in UTF-8, for nothing else is decoded. A digit that went through rot13 is still one, so that
no view of a text stops halfway."""
_DIGITS: Final = str.maketrans("NOPQRSnopqrs", "ABCDEFabcdef", "%")


def _percent(text: str) -> str:
    """Without percent encoding (RFC 3986 section 2.1)."""
    return _PERCENT.sub(_octets, text) if "%" in text else ""


def _octets(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].translate(_DIGITS)).decode(errors="replace")


_RUN: Final = re.compile(rf"[{_BASE64}]{{{MIN_RUN},}}")
_LINES: Final = re.compile(
    rf"(?<![{_BASE64}])[{_BASE64}]{{{MIN_RUN},}}+(?:\s{{1,4}}[{_BASE64}]++)++"
)
_SPACES: Final = re.compile(r"\s+")
_URL_SAFE: Final = str.maketrans("-_", "+/")


def _base64(text: str) -> Iterator[bytes]:
    """What is written in base64, as words among others, in lines, or all over the text.

    Four characters are three bytes: where they begin is tried out.
    """
    runs: list[str] = _RUN.findall(text)
    runs += [_SPACES.sub("", run) for run in _LINES.findall(text)]
    if _ALL_BASE64.fullmatch(text):
        runs += [run for run in _SPACES.sub("", text).split("=") if len(run) > MIN_WORDS]
    for run in dict.fromkeys(runs):
        coded = run.translate(_URL_SAFE)
        for start in range(4):
            end = len(coded) - ((len(coded) - start) % 4 == 1)
            yield a2b_base64(coded[start:end] + "=" * ((start - end) % 4))


_HEX: Final = re.compile(r"(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[\s:,;-]{0,2}){8,}[0-9A-Fa-f]?")
_BARE_HEX: Final = re.compile(r"[0-9A-Fa-f]{16,}")
_NO_DIGITS: Final = re.compile(r"0x|[^0-9A-Fa-f]+")


def _hexadecimal(text: str) -> Iterator[bytes]:
    """What is written in hexadecimal digits, with or without something between every two.

    Digits in a row are also read by themselves: some may stand before them by chance, and what is
    compressed has to be read from where it begins.
    """
    runs: list[str] = [*_HEX.findall(text), *_BARE_HEX.findall(text)]
    for run in dict.fromkeys(runs):
        coded = _NO_DIGITS.sub("", run)
        for start in range(2):
            end = len(coded) - (len(coded) - start) % 2
            yield bytes.fromhex(coded[start:end])


_WORDS: Final = re.compile(
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"{%d,}" % MIN_WORDS
)


def _joined(parts: Iterator[bytes], room: _Room) -> str:
    """The stretches of text in bytes, and in what is compressed in them."""
    words: list[bytes] = []
    for part in parts:
        data = part
        for _ in range(MAX_DEPTH + 1):
            words += _WORDS.findall(data.replace(b"\0", b""))
            data = _inflated(data, room)
            # So few bytes are no text, nor hold more than repeats of five letters compressed; but
            # by chance, they often inflate once more.
            if len(data) < MIN_WORDS:
                break
        else:
            room.whole = False
    return b"\n".join(words).decode(errors="replace")


_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 8
"""Compressed bytes are inflated in pieces of this size: where they break, as with a wrong checksum
at their end, what went before is kept."""


def _inflated(data: bytes, room: _Room) -> bytes:
    """What was compressed with gzip, in one member or several, zlib, or deflate; or nothing.

    A stream of deflate may begin like one of the others: what gives more is taken.
    """
    bare = _inflated_as(-zlib.MAX_WBITS, data, room)
    if data[:2] != _GZIP and (not data or data[0] & 15 != zlib.DEFLATED):
        return bare
    return max(bare, _inflated_as(zlib.MAX_WBITS | 32, data, room), key=len)


def _inflated_as(wbits: int, data: bytes, room: _Room) -> bytes:
    limit = max(min(MAX_RATIO * len(data), room.characters), 0)
    inflating = zlib.decompressobj(wbits)
    out = bytearray()
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        try:
            if inflating.eof:
                if wbits < 0 or data[:2] != _GZIP:
                    break
                piece = inflating.unused_data + piece
                inflating = zlib.decompressobj(wbits)
            out += inflating.decompress(piece, limit + 1 - len(out))
        except zlib.error:
            break
        if len(out) > limit:
            room.whole = False
            break
    room.characters -= len(out)
    return bytes(out[:limit])
