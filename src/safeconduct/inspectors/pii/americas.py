"""Numbers that the states of the Americas give to persons, as their publishers describe them."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.pii.checks import is_yymmdd, luhn, weighed
from safeconduct.inspectors.pii.shape import Shape, exact, in_words, national

SSN_WORDS: Final = (
    "ssn", "ssns", "social security", "social", "socsec", "itin", "tin", "taxpayer", "tax id",
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
    return 1 <= int(text[:2]) <= 24 and luhn(text)


_CURP: Final = {one: value for value, one in enumerate("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ")}


def _mx_curp(text: str) -> bool:
    total = sum(_CURP[one] * (18 - place) for place, one in enumerate(text[:17]))
    return is_yymmdd(text[4:10]) and -total % 10 == int(text[17])


def _mx_rfc(text: str) -> bool:
    """By its structure: many that are in use have a wrong check digit."""
    return is_yymmdd(text[-9:-3])


SHAPES: Final = (
    Shape("pii.ssn", "US SSN, ITIN", in_words(r"\d{3}-\d{2}-\d{4}"), exact(_us_ssn)),
    Shape(
        "pii.ssn",
        "US SSN, ITIN, written otherwise",
        in_words(r"\d{9}|\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4}"),
        exact(_us_ssn),
        SSN_WORDS,
    ),
    national("AR CUIL, CUIT", r"(?:2[03479]|3[034])-\d{8}-\d", _ar_cuit),
    national("AR CUIL, CUIT, bare", r"(?:2[03479]|3[034])\d{9}", _ar_cuit, "cuit", "cuil"),
    national("BR CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br_cpf),
    national("BR CPF, bare", r"\d{11}|\d{9}-\d{2}", _br_cpf, "cpf", "cadastro de pessoas"),
    national(
        "CA SIN",
        r"\d{9}|\d{3}[ -]\d{3}[ -]\d{3}",
        _ca_sin,
        "sin",
        "social insurance",
        "nas",
        "assurance sociale",
    ),
    national("CL RUT", r"\d{1,2}\.\d{3}\.\d{3}-[0-9K]", _cl_rut),
    national("CL RUT, without dots", r"\d{7,8}-[0-9Kk]", _cl_rut, "rut", "run"),
    national("EC cédula", r"\d{10}", _ec_ci, "cedula", "cédula", "ci"),
    national("MX CURP", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _mx_curp),
    national("MX RFC", r"[A-Z&]{3,4}\d{6}[0-9A-Z]{2}[0-9A]", _mx_rfc),
)
