"""Numbers that states of Asia, Africa and Oceania give to persons, as they publish them."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.pii.checks import (
    ALPHANUMERIC,
    is_date,
    is_ddmmyy,
    is_yymmdd,
    luhn,
    mod11_2,
    verhoeff,
    weighed,
)
from safeconduct.inspectors.pii.shape import Number, Shape, exact, national


def _au_tfn(text: str) -> bool:
    old = len(text) == 8 and weighed(text, (10, 7, 8, 4, 6, 3, 5, 1)) % 11 == 0
    return old or weighed(text, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


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


def _eg_nid(text: str) -> bool:
    return is_yymmdd(text[1:])


def _gh_tin(text: str) -> bool:
    return "0123456789X"[weighed(text[1:], range(1, 10)) % 11] == text[10]


def _id_nik(text: str) -> bool:
    """Women have 40 more in the day."""
    return text[0] != "0" and is_ddmmyy(f"{int(text[6]) % 4}{text[7:12]}")


def _id_npwp(text: str) -> bool:
    return luhn(text[-15:-6])


def _in_pan(text: str) -> bool:
    """The fourth letter tells who has it."""
    return text[3] in "ABCFGHLJPT" and text[5:9] != "0000"


def _in_epic(text: str) -> bool:
    return luhn(text[3:])


def _az_voen(text: str) -> bool:
    """Of persons the last digit is a 2."""
    check = weighed(text, (4, 1, 8, 6, 2, 7, 5, 3)) % 11
    return text[9] in "12" and check == int(text[8])


def _ir_melli(text: str) -> bool:
    rest = weighed(text, range(10, 1, -1)) % 11
    return (rest if rest < 2 else 11 - rest) == int(text[9]) and len(set(text)) > 1


def _kz_iin(text: str) -> bool:
    rest = weighed(text, range(1, 12)) % 11
    if rest == 10:
        rest = weighed(text, (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    return is_yymmdd(text) and rest == int(text[11])


def _ke_pin(text: str) -> bool:
    """No check digits are known."""
    return text[1:10] != "0" * 9


def _pk_cnic(text: str) -> bool:
    """No check digits are known."""
    return text[1:5] != "0000"


_BASE17: Final = "0123456789ABCDEFG"


def _mu_nid(text: str) -> bool:
    total = sum(ALPHANUMERIC[one] * (14 - place) for place, one in enumerate(text[:13]))
    return is_ddmmyy(text[1:]) and _BASE17[-total % 17] == text[13]


def _mz_nuit(text: str) -> bool:
    return "01234567891"[weighed(text, (8, 9, 4, 5, 6, 7, 8, 9)) % 11] == text[8]


def _tr_vkn(text: str) -> bool:
    total = 0
    for place, one in enumerate(text[8::-1], 1):
        if shifted := (int(one) + place) % 10:
            total += shifted * 2**place % 9 or 9
    return -total % 10 == int(text[9])


def _vn_mst(text: str) -> bool:
    return 10 - weighed(text, (31, 29, 23, 19, 17, 13, 7, 5, 3)) % 11 == int(text[9])


SHAPES: Final = (
    national(
        "CN resident identity number",
        r"[1-8]\d{5}[ -]?(?:18|19|20)\d\d[ -]?[01]\d[0-3]\d[ -]?\d{3}[0-9Xx]",
        _cn_rid,
    ),
    Shape("pii.national-id", "HK identity card", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", exact(_hk_hkid)),
    national("IN PAN", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", _in_pan),
    national("KR resident registration number", r"\d{6}-[1-8]\d{6}", _kr_rrn),
    national("MY NRIC", r"\d{6}-\d{2}-\d{4}", _my_nric),
    national("SG NRIC", r"[STFGM]\d{7}[A-Z]", _sg_nric),
    national("TH identity number", r"\d-\d{4}-\d{5}-\d{2}-\d", _th_id),
    national("TW identity card", r"[A-Z][12]\d{8}", _tw_id),
    national("ZA identity number", r"(?:[02-9]\d|1[0-4])[01]\d[0-3]\d ?\d{4} ?[01]\d\d", _za_id),
)

NUMBERS: Final = (
    Number("AE Emirates ID", r"784(?:19|20)\d{10}", luhn),
    Number("AU tax file number", r"\d{8,9}", _au_tfn),
    Number("AU Medicare number", r"[2-6]\d{9,10}", _au_medicare),
    Number("AZ VÖEN", r"\d{10}", _az_voen),
    Number("EG national number", r"[23]\d{13}", _eg_nid),
    Number("GH TIN", r"[PCGQV]00\d{7}[0-9X]", _gh_tin),
    Number("HK identity card, bare", r"[A-Z]{1,2}\d{6}[0-9A]", _hk_hkid),
    Number("ID NIK", r"\d{16}", _id_nik),
    Number("ID NPWP", r"\d{15}|0\d{15}", _id_npwp),
    Number("IL identity number", r"\d{9}", _il_id),
    Number("IN PAN, in groups", r"[A-Z]{5}\d{4}[A-Z]", _in_pan),
    Number("IN Aadhaar", r"[2-9]\d{11}|[2-9]\d{15}", verhoeff),
    Number("IN EPIC", r"[A-Z]{3}\d{7}", _in_epic),
    Number("JP My Number", r"\d{12}", _jp_my_number),
    Number("IR کد ملی", r"\d{10}", _ir_melli),
    Number("KE PIN", r"[AP]\d{9}[A-Z]", _ke_pin),
    Number("KR resident registration number, bare", r"\d{6}[1-8]\d{6}", _kr_rrn),
    Number("KZ ИИН", r"\d{12}", _kz_iin),
    Number("MU national identity number", r"[A-Z]\d{12}[0-9A-G]", _mu_nid),
    Number("MY NRIC, bare", r"\d{12}", _my_nric),
    Number("MZ NUIT", r"\d{9}", _mz_nuit),
    Number("NZ IRD number", r"\d{8,9}", _nz_ird),
    Number("PK CNIC", r"[1-7]\d{11}[1-9]", _pk_cnic),
    Number("SG NRIC, in groups", r"[STFGM]\d{7}[A-Z]", _sg_nric),
    Number("TH identity number, bare", r"[1-8]\d{12}", _th_id),
    Number("TR kimlik number", r"[1-9]\d{10}", _tr_kimlik),
    Number("TR vergi number", r"\d{10}", _tr_vkn),
    Number("VN MST", r"\d{10}", _vn_mst),
    Number("ZA identity number, like a time", r"\d{13}", _za_id),
    Number("ZA tax number", r"[01239]\d{9}", luhn),
)
