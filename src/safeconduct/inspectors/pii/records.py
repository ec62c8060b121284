"""What only the words beside it tell: dates of birth, passports, driving licences."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.inspectors.pii.checks import is_date
from safeconduct.inspectors.pii.shape import Place, Shape, exact, in_words

MONTHS: Final = frozenset(
    {
        "jan",
        "january",
        "januar",
        "janvier",
        "enero",
        "gennaio",
        "feb",
        "february",
        "februar",
        "février",
        "febrero",
        "febbraio",
        "mar",
        "march",
        "märz",
        "mars",
        "marzo",
        "apr",
        "april",
        "avril",
        "abril",
        "aprile",
        "may",
        "mai",
        "mayo",
        "maggio",
        "jun",
        "june",
        "juni",
        "juin",
        "junio",
        "giugno",
        "jul",
        "july",
        "juli",
        "juillet",
        "julio",
        "luglio",
        "aug",
        "august",
        "août",
        "agosto",
        "sep",
        "sept",
        "september",
        "septembre",
        "septiembre",
        "settembre",
        "oct",
        "okt",
        "october",
        "oktober",
        "octobre",
        "octubre",
        "ottobre",
        "nov",
        "november",
        "novembre",
        "noviembre",
        "dec",
        "dez",
        "december",
        "dezember",
        "décembre",
        "diciembre",
        "dicembre",
    }
)
_MONTH: Final = rf"(?i:{'|'.join(sorted(filter(str.isascii, MONTHS)))})"
_YEAR: Final = r"(?:19|20)\d\d"

BIRTH_WORDS: Final = (
    "birth", "birthdate", "birthday", "dob", "born", r"geburts\w*", "geboren", "geb", "naissance",
    "né le", "née le", "nacimiento", "nacido", "nacida", "nascita", "nato", "nata", "nascimento",
    "geboortedatum", "født", "född", "födelsedatum", "fødselsdato", "urodzenia", "ur",
    "生年月日", "出生日期", "생년월일", "рождения",
)  # fmt: skip
_PASSPORT_WORDS: Final = (
    "passport", "passports", r"reisepass\w*", "passeport", "pasaporte", "passaporto", "passaporte",
    "paspoort", "pass nr", "paszport", "паспорт", "护照", "旅券", "パスポート", "여권",
)  # fmt: skip
_LICENCE_WORDS: Final = (
    "driving licen[cs]e", r"driver'?s? licen[cs]e", "licen[cs]e number",
    "dl", "driving permit", r"führerschein\w*", r"fuehrerschein\w*", "permis de conduire",
    "permiso de conducir", "patente", "rijbewijs", "körkort", "prawo jazdy", "cnh",
)  # fmt: skip


_NUMBERS: Final = re.compile(r"\d+")
_GOES_ON: Final = re.compile(r"T|[-/.]\d")


def _day(text: str, start: int, end: int) -> Place | None:
    """A day that there is, and no moment."""
    if _GOES_ON.match(text, end):
        return None
    numbers = sorted(map(int, _NUMBERS.findall(text[start:end])))
    if len(numbers) == 2:
        return start, end
    low, high, year = numbers
    if year > 99 and not (is_date(year, low, high) or is_date(year, high, low)):
        return None
    return start, end


def _has_digits(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= 5


SHAPES: Final = (
    Shape(
        "pii.birthdate",
        "date of birth",
        in_words(rf"{_YEAR}[-/.][01]?\d[-/.][0-3]?\d|[0-3]?\d[-/.][0-3]?\d[-/.](?:{_YEAR}|\d\d)"),
        _day,
        BIRTH_WORDS,
    ),
    Shape(
        "pii.birthdate",
        "date of birth, with the month's name",
        in_words(
            rf"[0-3]?\d(?:st|nd|rd|th|\.)? ?(?:de )?{_MONTH}\.?,? ?(?:de )?{_YEAR}"
            rf"|{_MONTH}\.? [0-3]?\d(?:st|nd|rd|th)?,? {_YEAR}"
        ),
        _day,
        BIRTH_WORDS,
        wide=True,
    ),
    Shape(
        "pii.passport",
        "passport",
        in_words(r"[A-Z0-9]{1,3}\d[A-Z0-9]{5,7}|[A-Z]{1,2} \d{6,8}"),
        exact(_has_digits),
        _PASSPORT_WORDS,
    ),
    Shape(
        "pii.licence",
        "driving licence",
        in_words(
            r"[A-Z0-9]{1,6}\d[A-Z0-9]{4,12}|[A-Z]\d{3}-\d{4}-\d{4}"
            r"|[A-Z] ?\d{3}[ -]\d{3}[ -]\d{2,3}[ -]\d{3}"
        ),
        exact(_has_digits),
        _LICENCE_WORDS,
    ),
)
