"""Numbers that the states of the Americas give to persons, as their publishers describe them."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.pii.checks import is_yymmdd, luhn, weighed
from safeconduct.inspectors.pii.shape import (
    Number,
    Place,
    Shape,
    exact,
    in_words,
    is_item,
    national,
)

SSN_WORDS: Final = (
    "ssn", "ssns", "social security", "social", "socsec", "soc sec", "ss number", "ss no", "itin",
    "taxpayer",
)  # fmt: skip


def _us_ssn(text: str) -> bool:
    """An SSN (SSA, POMS RM 10201.035) or, from 900 on, an ITIN (IRS, Publication 1915)."""
    area, group, serial = int(text[:3]), int(text[3:5]), int(text[5:])
    if area >= 900:
        return 50 <= group <= 99 and group not in {66, 67, 68, 69, 89, 93}
    return area not in {0, 666} and group > 0 and serial > 0


def _ar_cuit(text: str) -> bool:
    check = 11 - weighed(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if check == 11 else 9 if check == 10 else check) == int(text[10])


def _br_check(text: str, weights: tuple[int, ...]) -> int:
    total = sum((ord(one) - 48) * weight for one, weight in zip(text, weights, strict=False))
    return (11 - total % 11) % 11 % 10


def _br_cpf(text: str) -> bool:
    first = _br_check(text, tuple(range(10, 1, -1)))
    second = _br_check(text, tuple(range(11, 1, -1)))
    return f"{first}{second}" == text[9:] and len(set(text)) > 1


def br_cnpj(text: str) -> bool:
    """With letters too, as since 2026."""
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first, second = _br_check(text, weights[1:]), _br_check(text, weights)
    return f"{first}{second}" == text[12:] and len(set(text)) > 1


def _ca_sin(text: str) -> bool:
    return text[0] not in "08" and luhn(text)


def _cl_rut(text: str) -> bool:
    total = sum(int(one) * (2 + place % 6) for place, one in enumerate(reversed(text[:-1])))
    return "0K987654321"[total % 11] == text[-1]


def _ec_ci(text: str) -> bool:
    return 1 <= int(text[:2]) <= 30 and text[2] < "6" and luhn(text)


_CURP: Final = {one: value for value, one in enumerate("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ")}


def _mx_curp(text: str) -> bool:
    total = sum(_CURP[one] * (18 - place) for place, one in enumerate(text[:17]))
    return is_yymmdd(text[4:10]) and -total % 10 == int(text[17])


def _mx_rfc(text: str) -> bool:
    """By its structure: many that are in use have a wrong check digit."""
    return is_yymmdd(text[-9:-3])


def _co_nit(text: str) -> bool:
    total = weighed(text[-2::-1], (3, 7, 13, 17, 19, 23, 29, 37, 41, 43))
    return "01987654321"[total % 11] == text[-1]


def _cr_cpf(text: str) -> bool:
    """No check digits are known."""
    return text[2:] != "0" * 8


def _gt_nit(text: str) -> bool:
    return "0123456789K"[-weighed(text[-2::-1], range(2, 10)) % 11] == text[-1]


def _pe_cui(text: str) -> bool:
    rest = weighed(text, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return text[8] in {"65432110987"[rest], "KJIHGFEDCBA"[rest]}


def _py_ruc(text: str) -> bool:
    return -weighed(text[-2::-1], range(2, 10)) % 11 % 10 == int(text[-1])


def _sv_nit(text: str) -> bool:
    """The order of the weights changed with the serial numbers above 100."""
    if text[10:13] <= "100":
        return weighed(text, range(14, 1, -1)) % 11 % 10 == int(text[13])
    return -weighed(text, (2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10 == int(text[13])


def _uy_ci(text: str) -> bool:
    return -weighed(text.rjust(8, "0"), (2, 9, 8, 7, 6, 3, 4)) % 10 == int(text[-1])


_RIF: Final = {"V": 4, "E": 8, "J": 12, "P": 16, "G": 20}


def _ve_rif(text: str) -> bool:
    total = _RIF[text[0]] + weighed(text[1:], (3, 2, 7, 6, 5, 4, 3, 2))
    return "00987654321"[total % 11] == text[9]


def _us_ssn_in_groups(text: str, start: int, end: int) -> Place | None:
    place = exact(_us_ssn)(text, start, end)
    return None if place and is_item(text, start) else place


SHAPES: Final = (
    Shape("pii.ssn", "US SSN, ITIN", in_words(r"\d{3}-\d{2}-\d{4}"), _us_ssn_in_groups),
    Shape(
        "pii.ssn",
        "US SSN, ITIN, written otherwise",
        in_words(r"\d{9}|\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4}"),
        exact(_us_ssn),
        SSN_WORDS,
    ),
    Shape(
        "pii.national-id",
        "CA SIN, as such",
        in_words(r"\d{9}|\d{3}[ .-]\d{3}[ .-]\d{3}"),
        exact(_ca_sin),
        ("sin", "nas"),
    ),
    national("AR CUIL, CUIT", r"(?:2[03479]|3[034])-\d{8}-\d", _ar_cuit),
    national("BR CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br_cpf),
    national("CL RUT", r"\d{1,2}\.\d{3}\.\d{3}-[0-9K]", _cl_rut),
    national("MX CURP", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _mx_curp),
    national(
        "MX RFC",
        r"[A-Z&]{3,4}(?:\d{6}| \d{6} )[0-9A-Z]{2}[0-9A]"
        r"|[A-Z][AEIOUX][A-Z]{2}-\d{6}-[0-9A-Z]{2}[0-9A]",
        _mx_rfc,
    ),
)

NUMBERS: Final = (
    Number("AR CUIL, CUIT, bare", r"(?:2[03479]|3[034])\d{9}", _ar_cuit),
    Number("BR CPF, bare", r"\d{11}", _br_cpf),
    Number("CA SIN", r"\d{9}", _ca_sin),
    Number("CL RUT, bare", r"\d{7,8}[0-9K]", _cl_rut),
    Number("CO NIT", r"\d{9,11}", _co_nit),
    Number("CR cédula", r"0[1-9]\d{8}", _cr_cpf),
    Number("CU número de identidad", r"\d{11}", is_yymmdd),
    Number("DO cédula", r"\d{11}", luhn),
    Number("EC cédula", r"\d{10}", _ec_ci),
    Number("GT NIT", r"\d{6,8}[0-9K]", _gt_nit),
    Number("PE DNI, with its check digit", r"\d{8}[0-9A-K]", _pe_cui),
    Number("PY RUC", r"\d{7,9}", _py_ruc),
    Number("SV NIT", r"[019]\d{13}", _sv_nit),
    Number("UY cédula", r"\d{7,8}", _uy_ci),
    Number("US SSN, ITIN, by another name", r"\d{9}", _us_ssn),
    Number("VE RIF", r"[VEJPG]\d{9}", _ve_rif),
)
