"""Numbers that money moves by: cards and bank accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from safeconduct.inspectors.pii.checks import luhn, mod97_10
from safeconduct.inspectors.pii.shape import Place, Shape, compact, exact, in_words

_COMMON: Final = (
    ("4", (16,)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|309|3[689]", (14, 16)),  # Diners Club
    ("6011|64[4-9]|65", (16,)),  # Discover, Elo, RuPay
    ("62", (16,)),  # UnionPay
    (r"35(?:2[89]|[3-8])", (16,)),  # JCB
    ("5018|5020|5038|5893|6304|6759|676[1-3]", tuple(range(12, 20))),  # Maestro
)
"""How numbers begin (ISO/IEC 7812-1), and how long they are: what is seen most."""
_ALL: Final = (
    *_COMMON,
    ("4", (13, 19)),
    ("6011|64[4-9]|65|62|35|30[0-5]|309|3[689]|220[0-4]", (16, 17, 18, 19)),  # with Mir
    ("50|5[6-9]|6", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro, Elo, RuPay
    ("9792|8[12]", (16,)),  # Troy, RuPay
)


def _issued(ranges: Iterable[tuple[str, tuple[int, ...]]]) -> Callable[[str], bool]:
    known = [(re.compile(begin), lengths) for begin, lengths in ranges]

    def card(number: str) -> bool:
        return (
            any(len(number) in lengths and begin.match(number) for begin, lengths in known)
            and len(set(number)) > 1
            and luhn(number)
        )

    return card


_card: Final = _issued(_ALL)


_LAST: Final = re.compile(r"[ .-]\d{1,3}$")


def _grouped_card(text: str, start: int, end: int) -> Place | None:
    """Four groups of four digits or as American Express has them; a date or a code may follow."""
    number = text[start:end]
    for one in (number, _LAST.sub("", number)):
        if _card(compact(one)):
            return start, start + len(one)
    return None


# Lengths of IBANs, by country: the SWIFT IBAN Registry, release 99.
IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in (
        line.split(": ")
        for line in (
            "15: NO",
            "16: BE",
            "18: DK FI FK FO GL NL SD",
            "19: MK SI",
            "20: AT BA EE KZ LT LU MN XK",
            "21: CH HR LI LV",
            "22: BG BH CR DE GB GE IE ME RS VA",
            "23: AE GI IL IQ OM SO TL",
            "24: AD CZ ES MD PK RO SA SE SK TN VG",
            "25: LY PT ST",
            "26: IS TR",
            "27: BI DJ FR GR IT MC MR SM",
            "28: AL AZ BY CY DO GT HN HU LB NI PL SV",
            "29: BR EG PS QA UA",
            "30: JO KW MU YE",
            "31: MT SC",
            "33: RU",
            "32: LC",
        )
    )
    for country in countries.split()
}


_MORE: Final = re.compile(r"(?:[ -]?[A-Z0-9]){11,40}")


def _iban(text: str, start: int, _: int) -> Place | None:
    """As many characters as the country's numbers have, whatever follows after a space."""
    length = IBAN_LENGTHS.get(text[start : start + 2])
    found = _MORE.match(text, start)
    if length is None or found is None:
        return None
    at, count = start, 0
    while at < found.end() and count < length:
        count += text[at] not in " -"
        at += 1
    number = compact(text[start:at])
    if count < length or text[at : at + 1].isalnum() or not mod97_10(number[4:] + number[:4]):
        return None
    return start, at


CARD_WORDS: Final = (
    "card", "cards", "credit", "debit", "visa", "mastercard", "amex", "maestro", "discover", "pan",
    "cc", "ccn", r"\w*karte\w*", "carte", "carta", "tarjeta", "cartão", "cartao", "kaart", "kort",
    "karta", "ccnum", "cvv", "cvc", "expires", "expiry", "payment method", "pay with", "paid with",
    "paying with", "charged", "cardholder", "卡号", "银行卡", "カード", "카드", "карта", "карты",
)  # fmt: skip
_FOUR: Final = r"(?:[ .-]{1,2}\d{4})"

SHAPES: Final = (
    Shape("pii.card", "card", in_words(r"[2-6]\d{11,18}"), exact(_issued(_COMMON))),
    Shape(
        "pii.card",
        "card in groups",
        in_words(
            rf"[2-9]\d{{3}}{_FOUR}{{3}}(?:[ .-]\d{{1,3}})?"
            r"|3\d{3}[ .-]\d{6}[ .-]\d{4,5}"
        ),
        _grouped_card,
    ),
    Shape(
        "pii.card",
        "card of another length",
        in_words(
            rf"[2-9]\d{{11,18}}|[2-9]\d{{3}}{_FOUR}{{2,4}}(?:[ .-]\d{{1,3}})?"
            r"|[56]\d{5}[ -]\d{6,13}|[56]\d{3}[ -]\d{6}[ -]\d{3,5}"
        ),
        exact(_card),
        CARD_WORDS,
    ),
    Shape("pii.iban", "IBAN", r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11}", _iban),
)
