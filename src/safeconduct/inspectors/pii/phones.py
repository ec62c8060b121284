"""Telephone numbers, by the numbering plans that libphonenumber keeps."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from phonenumbers import PhoneMetadata

from safeconduct.inspectors.pii.plans import is_number
from safeconduct.inspectors.pii.shape import (
    Check,
    Place,
    Shape,
    compact,
    goes_before,
    in_words,
    is_item,
)

TRUNK: Final = ("GB", "DE", "FR", "NL", "AU", "JP", "CH", "AT", "BE", "SE", "IE", "ZA", "IN", "TR")
"""Where a number in groups that begins with its 0 is believed, with no word beside it."""
SPOKEN: Final = (
    *TRUNK, "US", "IT", "ES", "BR", "MX", "CN", "KR", "PL", "PT", "DK", "NO", "FI", "NZ", "SG",
    "HK", "IL", "CZ", "GR", "HU", "RO", "UA", "RU", "ID", "MY", "PH", "AR",
)  # fmt: skip
"""Where a number is believed beside a word for telephones."""

WORDS: Final = (
    "phone", "phones", "telephone", r"telephon\w*", r"telefon\w*", r"téléphone\w*", "teléfono",
    "telefoon", "telefone", "telefono", "tel", "mobile", "mobil", r"mobiltelefon\w*", "mobiel",
    "móvil", "movil", "celular", "cellulare", "cell phone", "cell number", "cell no", "cellphone",
    "portable", "handy", r"handynummer\w*", "fax", "whatsapp", "hotline", "voicemail", "pager",
    "call me", "call us", "call him", "call her", "call them", "call back", "contact number",
    "landline", "gsm", "msisdn", r"rufnummer\w*", "anrufen", "appeler", "llamar", "llame",
    "chiamare", "bellen", "ligue", "电话", "手机", "電話", "携帯", "전화", "телефон", "тел", "هاتف",
)  # fmt: skip
"""What agents do without a telephone, call and text, is none of them: that stands everywhere."""

_OTHER: Final = re.compile(
    r"(?:19|20)\d\d[-./ ]?[01]\d[-./ ]?[0-3]\d(?!\d)"
    r"|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d(?!\d)|[0-3]?\d([-./])[0-3]?\d\1(?:19|20)?\d\d(?![-./]?\d)"
    r"|\d{3}[ .-]\d\d[ .-]\d{4}(?!\d)|[0-3]\d[01]\d{3}[ -]\d{4,5}$|\d\d[01]\d[0-3]\d-\d{4,6}$"
    r"|\d{1,3}(?:\.\d{3}){2}(?!\d)"
)
"""Dates, years, groups as of social security, what begins with a day, thousands."""
_CUT: Final = re.compile(r"[ .()/-]+\d+$")
_GROUP_BEFORE: Final = re.compile(r"\d[ .-]")
_SPLIT: Final = re.compile(r"\d[ .()/-]+(?=\d)")
_FIRST: Final = re.compile(r"[(\d]")
_MIN_DIGITS: Final = 7


def _is_number(text: str, regions: tuple[str, ...]) -> bool:
    """Whether a numbering plan has it, that of a country code or of one of the regions."""
    digits = compact(text)
    grouped = bool(_SPLIT.search(text))
    return any(is_number(digits, one, grouped=grouped and not one) for one in regions)


def _by(regions: tuple[str, ...], fewest: int = _MIN_DIGITS) -> Check:
    @lru_cache(maxsize=4096)
    def longest(number: str) -> int:
        """How long a number is without the groups behind it that are none of it; 0: no number."""
        while sum(map(str.isdigit, number)) >= fewest:
            if not _OTHER.match(number) and _is_number(number, regions):
                return len(number)
            shorter = _CUT.sub("", number)
            if shorter == number:
                break
            number = shorter
        return 0

    def check(text: str, start: int, end: int) -> Place | None:
        if text[end : end + 1].isalnum() and text[end] not in "xX":
            return None
        if text[max(start - 1, 0) : start].isalnum():
            return None
        if text[start] != "+" and start > 1 and _GROUP_BEFORE.match(text, start - 2):
            return None
        length = longest(text[start:end])
        if not length or goes_before(text, start) or (text[start] != "+" and is_item(text, start)):
            return None
        return start, start + length

    return check


def _behind_words(valid: Check) -> Check:
    def check(text: str, start: int, end: int) -> Place | None:
        number = _FIRST.search(text, start, end)
        return valid(text, number.start(), end) if number else None

    return check


def is_region(region: str) -> bool:
    """Whether there is a numbering plan of this region (ISO 3166-1 alpha-2)."""
    return PhoneMetadata.metadata_for_region(region, None) is not None


def _has_no_trunk(region: str | None) -> bool:
    """Whether a region's numbers are dialled as they are, so that no 0 tells them."""
    plan = PhoneMetadata.metadata_for_region(region or "", None)
    return plan is not None and plan.national_prefix is None


def shapes(region: str | None) -> tuple[Shape, ...]:
    """Numbers with their country's code; others by the plan of a region, or beside a word."""
    own = (region,) if region else ()
    more = r"(?:[ .()/-]{0,3}\d)"
    gap = r"[ .()/-]{1,3}"
    return (
        Shape(
            "pii.phone",
            "with a country code",
            rf"\+ ?\(?[1-9]{more}{{6,14}}",
            _by(("",)),
        ),
        Shape(
            "pii.phone",
            "with 00 and a country code",
            rf"\b00[ -]?[1-9]{more}{{7,14}}\b",
            _by((*own, "DE"), 10),
        ),
        Shape(
            "pii.phone",
            "of North America",
            r"(?:\b1[ .-])?(?:\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}"
            r"|\b[2-9]\d{2}(?:-[2-9]\d{2}-|\.[2-9]\d{2}\.)\d{4})\b",
            _by((*own, "US")),
        ),
        Shape(
            "pii.phone",
            "in groups, with its 0",
            rf"(?:\(0\d{{1,5}}\) ?\d{{2,9}}(?:{gap}\d{{2,5}}){{0,4}}"
            rf"|\b0\d{{1,5}}{gap}\d{{5,9}}(?:{gap}\d{{1,5}})?|\b0\d{{2,5}}(?:{gap}\d{{2,5}}){{2,5}}"
            rf"|\b0\d{gap}\d{{3,4}}(?:{gap}\d{{3,5}}){{1,2}}|\b0\d(?:{gap}\d\d){{4}})\b",
            _by((*own, *TRUNK), 9),
        ),
        *(
            Shape("pii.phone", name, in_words(pattern), _by(own))
            for name, pattern in (("of the region, in groups", r"[1-9]\d{1,4}(?: \d{2,4}){2,4}"),)
            if _has_no_trunk(region)
        ),
        Shape(
            "pii.phone",
            "behind a verb",
            r"\b(?i:call|dial|ring|phone|text|sms)"
            r"(?: (?i:me|us|him|her|them|back|now|on|at)){0,3}"
            rf":? \(?\d{more}{{6,14}}\b",
            _behind_words(_by((*own, *SPOKEN))),
            wide=True,
        ),
        Shape(
            "pii.phone",
            "in groups, beside a word",
            rf"(?:\(\d{{1,5}}\) ?|\b\d{{1,5}}{gap})\d{{2,9}}(?:{gap}\d{{2,5}}){{0,4}}\b",
            _by((*own, *SPOKEN)),
            WORDS,
        ),
        Shape("pii.phone", "beside a word", r"\b\d{8,12}\b", _by((*own, *SPOKEN), 8), WORDS),
    )
