"""Letters that look like others, and characters that nobody sees. Pure.

Sources: Unicode 15, Default_Ignorable_Code_Point and Bidi_Control; Unicode TR 39, confusables.txt,
of which the letters are kept that pass for a Latin one in running text, and those that chat
programs offer as lettering.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)

_MARK: Final = re.compile(r"[^\w\s!-~]")
"""What may be a mark on a letter."""

_TAGS: Final = {0xE0000 + code: code for code in range(0x20, 0x7F)}
_TAG: Final = re.compile("[\U000e0020-\U000e007e]+")

_LOOKS: Final = (
    # Cyrillic; a small letter follows its capital, so that folding cases first changes nothing.
    ("АВЕЅІЈКМНОРСТУХҮԚԜѴӀԌҺԀ", "ABESIJKMHOPCTYXYQWVLGHD"),
    ("авеѕіјкмнорстухүԛԝѵӏԍһԁ", "abesijkmhopctyxyqwvlghd"),
    # Greek
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϳ", "ABEZHIKMNOPTYXCj"),  # noqa: RUF001 letters that look alike are meant
    ("αβεζηικμνορτυχϲγσω", "abeznikmvoptuxcyow"),
    # Armenian
    ("օսոհզցյ", "ounhqgj"),
    # Latin: small capitals, letters of phonetics, strokes
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
    ("ıɑɡɩȷøØłŁđĐħĦŧŦ", "iagijoOlLdDhHtT"),
    # marks: full stops, slashes, hyphens, colons
    ("。⁄∕‐‑‒–−։", ".//-----:"),  # noqa: RUF001 letters that look alike are meant
)

_FOLDED: Final[dict[int, str]] = {
    **{
        ord(look): plain
        for looks, plains in _LOOKS
        for look, plain in zip(looks, plains, strict=True)
    },
    **{
        first + letter: chr(ord("a") + letter)
        for first in (0x1F150, 0x1F170, 0x1F1E6)  # negative circled, negative squared, flags
        for letter in range(26)
    },
}

_FOREIGN: Final = re.compile(r"[^\x00-\x7f]{1,128}")
"""Text is decomposed in stretches: putting the marks of one letter in order takes Python the square
of their number."""


def visible(text: str) -> str:
    """The text without characters that are not seen, and that turn the direction of others."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def unseen(text: str) -> str:
    """What stands in a text in tag characters, which are not seen, in ASCII."""
    return "" if text.isascii() else "".join(_TAG.findall(text)).translate(_TAGS)


def folded(text: str) -> str:
    """What a text looks like: visible, in compatibility decomposition (NFKD), without marks on its
    letters, and with the Latin letter in the place of each one that passes for it.
    """
    return text if text.isascii() else _FOREIGN.sub(_looks, text)


def _looks(found: re.Match[str]) -> str:
    seen = _UNSEEN.sub("", unicodedata.normalize("NFKD", found[0]))
    return _MARK.sub(_unmarked, seen).translate(_FOLDED)


def _unmarked(found: re.Match[str]) -> str:
    return "" if unicodedata.category(found[0])[0] == "M" else found[0]
