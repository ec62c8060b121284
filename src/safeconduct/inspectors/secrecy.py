"""Whether a value is written like a secret, or like something that stands where one would."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log2
from string import ascii_letters, digits
from typing import Final

_STANDS_FOR: Final = re.compile(
    r"example|placeholder|redacted|change.?me|dummy|sample|fake[_-]|your[_-]|_here\b|x{5,}"
    r"|\*{3}|\.{3}|•{3}|^<.*>$|^\[.*\]$|\$\{|\{\{|%\(|^\$[A-Za-z_(]|^%[A-Za-z_]+%$|^@[\w.]+@$"
    r"|not[ _-](?:a|my)[ _-]real|bm90IGEgcmVhbC|bm90IG15IHJlYWwg"
    r"|\.eyJ(?:zb21lIjoicGF5bG9hZCJ9|mb28iOiJiYXIi|rIjoidmFsdWUi|oZWxsbyI6IndvcmxkI)"
    r"|h480djs93hd8|kjfch2345sdf|mF_9\.B5f-4\.1JqM|2YotnFZFEjr1zCsicMWpAA|tGzv3JOkF0XG5Qx2TlKWIA"
    r"|czZCaGRSa3F0MzpnWDFmQmF0M2JW|7Fjfp0ZBr1KtDRbnfVdmIw"
    r"|(?:0123456789|1234567890|123456789|abcdefgh|deadbeef){2}|0{12,}",
    re.IGNORECASE | re.DOTALL,
)
"""Also the examples of RFC 6749 and RFC 6750, and of tokens in documentation, which many quote."""

_MARK: Final = re.compile(r"\[redacted: [\w.-]+\]|<[\w.-]+:[\w-]+…?>")
"""What takes the place of something that was found."""

_ENOUGH: Final = 512
"""How many characters of a value tell what it is."""

_BLOB: Final = 40
"""From how many characters on before and behind it a run of base64 is no token, but a file."""
_ALPHABET: Final = ascii_letters + digits + "+/"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*", re.ASCII)

_IDENTIFIER: Final = re.compile(
    r"(?:\b|_|(?<=[a-z]))(?:id|ids|uuid|guid|sha\d*|md5|hash|commit|etag|digest|checksum|version|rev|revision"
    r"|url|uri|name|slug|fingerprint|thumbprint|build|tag|ref|image|layer|integrity|trace|span)"
    r"[\"'\s`\\]*[=:>,|?]+[\s\"'`=\\]*$",
    re.IGNORECASE,
)
_FILLING: Final = " \t\r\n\v\f\x1c\x1d\x1e\x1f\"'`\\"
_MARKS: Final = frozenset("=:>,|?")
_REACH: Final = 48


def entropy(value: str) -> float:
    """Shannon's, in bits a character, by how often each character stands in the value itself."""
    length = len(value)
    return -sum(n / length * log2(n / length) for n in Counter(value).values())


def stands_for(value: str) -> bool:
    """Whether a value is an example, a placeholder, a variable, or what was left in its place."""
    if _STANDS_FOR.search(value, 0, _ENOUGH) or _MARK.search(value):
        return True
    return len(set(value)) <= max(2, len(value) // 16)


def in_blob(text: str, start: int, end: int) -> bool:
    """Whether a span stands in the middle of a long run of base64, as chance puts all there is."""
    around = text[max(start - _BLOB, 0) : start]
    before = len(around) - len(around.rstrip(_ALPHABET))
    behind = _BASE64.match(text, end, end + _BLOB)
    return before + (len(behind[0]) if behind else 0) >= _BLOB


def random(value: str, least: float) -> bool:
    """Whether a value has a digit, letters, and so much entropy."""
    return (
        any("0" <= char <= "9" for char in value)
        and any(char.isalpha() for char in value)
        and entropy(value) >= least
    )


def is_identifier(text: str, start: int) -> bool:
    """Whether the word right before a value says that it names something."""
    begin = max(start - _REACH, 0)
    before = text[begin:start]
    if before.isascii() and before.rstrip(_FILLING)[-1:] not in _MARKS:
        return False  # which is faster to see
    return bool(_IDENTIFIER.search(text, begin, start))


def mixed(value: str) -> bool:
    """Whether letters and digits take turns, as chance has them do."""
    kinds = [char.isdigit() for char in value if char.isalnum()]
    turns = sum(one != other for one, other in pairwise(kinds))
    return turns * 8 >= len(kinds) and entropy(value) >= 2.5


def strong(value: str) -> bool:
    """Whether a value is like a password: of several sorts of characters, and no plain word."""
    sorts = sum(
        (
            any(char.islower() for char in value),
            any(char.isupper() for char in value),
            any(char.isdigit() for char in value),
            any(not char.isalnum() and char not in "-_. " for char in value),
        )
    )
    plain = all(char.isalpha() or char in "-_./:" for char in value)
    return sorts >= 2 and not plain and len(value) >= 6 and entropy(value) >= 2.2
