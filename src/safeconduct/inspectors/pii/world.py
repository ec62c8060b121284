"""Numbers that states of Asia, Africa and Oceania give to persons, as they publish them."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.pii.checks import (
    ALPHANUMERIC,
    is_date,
    is_yymmdd,
    luhn,
    mod11_2,
    verhoeff,
    weighed,
)
from safeconduct.inspectors.pii.shape import Shape, exact, national


def _au_tfn(text: str) -> bool:
    if len(text) == 8:
        return weighed(text, (10, 7, 8, 4, 6, 3, 5, 1)) % 11 == 0
    return weighed(text, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _au_medicare(text: str) -> bool:
    return weighed(text, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(text[8])


def _cn_rid(text: str) -> bool:
    born = is_date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return born and mod11_2(text)


def _hk_hkid(text: str) -> bool:
    padded = text.rjust(9)
    values = [36 if one == " " else ALPHANUMERIC[one] for one in padded]
    return sum(value * (9 - place) for place, value in enumerate(values)) % 11 == 0


def _il_id(text: str) -> bool:
    return luhn(text) and text.strip("0") != ""


def _jp_my_number(text: str) -> bool:
    rest = weighed(text, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest < 2 else 11 - rest) == int(text[11])


def _kr_rrn(text: str) -> bool:
    total = weighed(text, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return is_yymmdd(text) and (11 - total % 11) % 10 == int(text[12])


def _my_nric(text: str) -> bool:
    return is_yymmdd(text) and text[6:8] not in {"00", "17", "18", "19", "20"}


def _nz_ird(text: str) -> bool:
    text = text.rjust(9, "0")
    check = -weighed(text, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighed(text, (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return 10_000_000 <= int(text) <= 150_000_000 and check == int(text[8])


_NRIC: Final = {"S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA"), "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"), "M": (3, "XWUTRQPNJLK")}  # fmt: skip


def _sg_nric(text: str) -> bool:
    offset, letters = _NRIC[text[0]]
    return letters[(offset + weighed(text[1:], (2, 7, 6, 5, 4, 3, 2))) % 11] == text[8]


def _th_id(text: str) -> bool:
    return (11 - weighed(text, range(13, 1, -1)) % 11) % 10 == int(text[12])


def _tr_kimlik(text: str) -> bool:
    odd, even = sum(map(int, text[0:9:2])), sum(map(int, text[1:8:2]))
    tenth = (odd * 7 - even) % 10
    return tenth == int(text[9]) and (odd + even + tenth) % 10 == int(text[10])


def _tw_id(text: str) -> bool:
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    return (
        first // 10 + weighed(f"{first % 10}{text[1:]}", (9, 8, 7, 6, 5, 4, 3, 2, 1, 1))
    ) % 10 == 0


def _za_id(text: str) -> bool:
    """Not as bare as times in milliseconds are."""
    return is_yymmdd(text) and luhn(text)


SHAPES: Final = (
    national("AU tax file number", r"\d{8,9}|\d{3} \d{3} \d{2,3}", _au_tfn, "tfn", "tax file"),
    national(
        "AU Medicare number",
        r"[2-6]\d{9,10}|[2-6]\d{3} \d{5} \d(?:[ /-]?\d)?",
        _au_medicare,
        "medicare",
    ),
    national(
        "CN resident identity number", r"[1-8]\d{5}(?:18|19|20)\d\d[01]\d[0-3]\d{4}[0-9Xx]", _cn_rid
    ),
    Shape("pii.national-id", "HK identity card", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", exact(_hk_hkid)),
    national(
        "IL identity number",
        r"\d{9}|\d{8}-\d",
        _il_id,
        "teudat zehut",
        "zehut",
        "israeli id",
        "tz",
        "תעודת זהות",
        "ת.ז",
        "identity number",
        "id number",
    ),
    national("IN Aadhaar", r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", verhoeff),
    national("IN Aadhaar, bare", r"[2-9]\d{11}", verhoeff, r"aadhaa?r", "uid", "uidai", "आधार"),
    national("IN PAN", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", lambda text: text[5:9] != "0000"),
    national(
        "JP My Number",
        r"\d{12}|\d{4}[ -]\d{4}[ -]\d{4}",
        _jp_my_number,
        "my number",
        "mynumber",
        "individual number",
        "マイナンバー",
        "個人番号",
        "kojin bango",
    ),
    national("KR resident registration number", r"\d{6}-[1-8]\d{6}", _kr_rrn),
    national(
        "KR resident registration number, bare",
        r"\d{6}[1-8]\d{6}",
        _kr_rrn,
        "rrn",
        "resident registration",
        "주민등록번호",
        "주민번호",
    ),
    national("MY NRIC", r"\d{6}-\d{2}-\d{4}", _my_nric),
    national("NZ IRD number", r"\d{8,9}|\d{2,3}-\d{3}-\d{3}", _nz_ird, "ird", "inland revenue"),
    national("SG NRIC", r"[STFGM]\d{7}[A-Z]", _sg_nric),
    national("TH identity number", r"\d-\d{4}-\d{5}-\d{2}-\d", _th_id),
    national(
        "TH identity number, bare",
        r"[1-8]\d{12}",
        _th_id,
        "thai id",
        "thai national",
        "national id",
        "citizen id",
        "บัตรประชาชน",
    ),
    national(
        "TR kimlik number",
        r"[1-9]\d{10}",
        _tr_kimlik,
        "tckn",
        "tc kimlik",
        "kimlik",
        "tc no",
        "turkish id",
        "tc",
    ),
    national("TW identity card", r"[A-Z][12]\d{8}", _tw_id),
    national("ZA identity number", r"(?:[02-9]\d|1[0-4])[01]\d[0-3]\d ?\d{4} ?[01]\d\d", _za_id),
    national(
        "ZA identity number, like a time",
        r"1[5-9][01]\d[0-3]\d ?\d{4} ?[01]\d\d",
        _za_id,
        "identity",
        "south african",
        "sa id",
    ),
)
