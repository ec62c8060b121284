"""Numbers that money moves by: cards and bank accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from safeconduct.inspectors.pii.checks import luhn, mod97_10
from safeconduct.inspectors.pii.shape import Check, Place, Shape, compact, exact, in_words

_COMMON: Final = (
    ("4", (16,)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|309|3[689]", (14, 16)),  # Diners Club
    ("6011|64[4-9]|65", (16,)),  # Discover, Elo, RuPay
    ("62", (16,)),  # UnionPay
    (r"35(?:2[89]|[3-8])", (16,)),  # JCB
    ("5018|5020|5038|5893|6304|6759|676[1-3]", tuple(range(12, 20))),  # Maestro
    ("220[0-4]|9792|50(?:4175|6[67]|[89])", (16,)),  # Mir, Troy, Elo, RuPay
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
    begins: dict[int, str] = {}
    for begin, lengths in ranges:
        for length in lengths:
            begins[length] = f"{begins[length]}|{begin}" if length in begins else begin
    known = {length: re.compile(begin).match for length, begin in begins.items()}

    def card(number: str) -> bool:
        begins_so = known.get(len(number))
        return (
            begins_so is not None
            and begins_so(number) is not None
            and len(set(number)) > 1
            and luhn(number)
        )

    return card


_card: Final = _issued(_ALL)
_common_card: Final = _issued(_COMMON)


def _card_in_fours(number: str) -> bool:
    """Fewer than four whole groups are written of much else."""
    return (_card if len(number) > 15 else _common_card)(number)


_LAST: Final = re.compile(r"[ .-]{1,2}\d+$")


def _in_groups(card: Callable[[str], bool]) -> Check:
    """As many groups as are a card; a date or a code may follow."""

    def check(text: str, start: int, end: int) -> Place | None:
        number = text[start:end]
        while not card(compact(number)):
            shorter = _LAST.sub("", number)
            if shorter == number:
                return None
            number = shorter
        return start, start + len(number)

    return check


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
    "card", "cards", "cardno", "cardnumber", "cardholder", "credit", "creditcard", "debit",
    "debitcard", "visa", "mastercard", "amex", "maestro", "discover", "diners", "jcb", "unionpay",
    "union pay", "rupay", "pan", "cc", "ccn", r"\w*karte\w*", "carte", "cartes", "carta", "tarjeta",
    "tarjetas", "cartão", "cartao", r"\w*kaart\w*", "betaalpas", "pinpas", r"\w*kort",
    r"\w*kort(?:nr|num)\w*", r"\w*kortti\w*", "kart", "karta", "kartą", "kartou", "kartu", "karty",
    r"kárty\w*", "ccnum", "cvv", "cvc", "exp", "expires", "expiry", "payment method", "pay with",
    "paid with", "paying with", "charge", "charged", "κάρτα", "κάρτας", "卡号", "银行卡", "信用卡",
    "カード", "카드", "карта", "карты", "картка", "картки", "כרטיס", "بطاقة",
)  # fmt: skip
_GAP: Final = "[ .-]{1,2}"

SHAPES: Final = (
    Shape("pii.card", "card", in_words(r"[2-69]\d{11,18}"), exact(_common_card)),
    Shape(
        "pii.card",
        "card in groups",
        in_words(
            rf"[2-9]\d{{3}}(?:{_GAP}\d{{4}}){{2,4}}(?:[ .-]\d{{1,3}})?"
            r"|3\d{3}[ .-]\d{6}[ .-]\d{4,5}"
        ),
        _in_groups(_card_in_fours),
    ),
    Shape(
        "pii.card",
        "card of another length",
        in_words(r"[2-9]\d{11,18}"),
        exact(_card),
        CARD_WORDS,
    ),
    Shape(
        "pii.card",
        "card in other groups",
        in_words(
            rf"[2-9]\d{{3}}(?:(?:{_GAP}\d{{4}}){{2,4}}(?:{_GAP}\d{{1,3}})?|(?:{_GAP}\d{{3}}){{3}}"
            rf"|{_GAP}\d{{6}}{_GAP}\d{{2,5}})|[2-9]\d{{5}}{_GAP}\d{{6,13}}(?:{_GAP}\d{{1,7}})?"
        ),
        _in_groups(_card),
        CARD_WORDS,
    ),
    Shape("pii.iban", "IBAN", r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11}", _iban),
)
