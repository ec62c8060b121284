"""Numbers under which businesses pay tax. A sole trader's is that of a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safeconduct.inspectors.pii import americas, europe
from safeconduct.inspectors.pii.checks import luhn, mod11_10, weighed
from safeconduct.inspectors.pii.shape import Shape, exact, in_words


def _at(text: str) -> bool:
    total = sum(map(int, text[1:8:2])) + sum(sum(divmod(int(one) * 2, 10)) for one in text[2:8:2])
    return (96 - total) % 10 == int(text[8])


def _be(text: str) -> bool:
    return (int(text[:8]) + int(text[8:])) % 97 == 0


def _ch(text: str) -> bool:
    check = -weighed(text, (5, 4, 3, 2, 7, 6, 5, 4)) % 11
    return check == int(text[8])


def _dk(text: str) -> bool:
    return weighed(text, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _fi(text: str) -> bool:
    return weighed(text, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0


def _fr(text: str) -> bool:
    return luhn(text[2:]) and int(text[:2]) == (12 + 3 * (int(text[2:]) % 97)) % 97


def _gb(text: str) -> bool:
    total = weighed(text, (8, 7, 6, 5, 4, 3, 2, 10, 1)) % 97
    return total in {0, 42, 55}


def _hu(text: str) -> bool:
    return weighed(text, (9, 7, 3, 1, 9, 7, 3, 1)) % 10 == 0


def _lu(text: str) -> bool:
    return int(text[:6]) % 89 == int(text[6:])


def _nl(text: str) -> bool:
    """As of a legal person, or since 2020 with check digits of their own."""
    old = weighed(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0
    return old or int(f"2321{text[:9]}11{text[10:]}") % 97 == 1


def _ro(text: str) -> bool:
    number = text.rjust(10, "0")
    return weighed(number, (7, 5, 3, 2, 1, 7, 5, 3, 2)) * 10 % 11 % 10 == int(number[9])


def _se(text: str) -> bool:
    return text.endswith("01") and luhn(text[:10])


def _si(text: str) -> bool:
    return -weighed(text, (8, 7, 6, 5, 4, 3, 2)) % 11 % 10 == int(text[7])


def _sk(text: str) -> bool:
    return int(text) % 11 == 0


def _au(text: str) -> bool:
    return (
        weighed(str(int(text[0]) - 1) + text[1:], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0
    )


_SPACED: Final = r"\d{3}[ .]?\d{3}[ .]?\d{3}"

_PREFIXED: Final[tuple[tuple[str, str, Callable[[str], bool]], ...]] = (
    ("AT", r"U\d{8}", _at),
    ("BE", r"[01]\d{3}[. ]?\d{3}[. ]?\d{3}", _be),
    ("CHE", rf"-?{_SPACED}", _ch),
    ("DE", r"[1-9]\d{2} ?\d{3} ?\d{3}", mod11_10),
    ("DK", r"\d{2} ?\d{2} ?\d{2} ?\d{2}", _dk),
    ("EL", r"\d{9}", europe.gr_afm),
    ("FI", r"\d{8}", _fi),
    ("FR", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _fr),
    ("GB", r"\d{3} ?\d{4} ?\d{2}", _gb),
    ("HU", r"\d{8}", _hu),
    ("HR", r"\d{11}", mod11_10),
    ("IT", r"\d{11}", luhn),
    ("LU", r"\d{8}", _lu),
    ("NL", r"\d{9}B\d{2}", _nl),
    ("PL", r"\d{10}", europe.pl_nip),
    ("PT", r"\d{9}", europe.pt_nif),
    ("RO", r"\d{2,10}", _ro),
    ("SE", r"\d{12}", _se),
    ("SI", r"\d{8}", _si),
    ("SK", r"\d{10}", _sk),
)


def _behind(prefix: str, valid: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: valid(text[len(prefix) :])


SHAPES: Final = (
    *(
        Shape(
            "pii.vat",
            f"{prefix} VAT number",
            in_words(f"{prefix} ?{pattern}"),
            exact(_behind(prefix, valid)),
            # Three digits are no check: parts are numbered so.
            ("vat", "cui", "cif", "tva") if prefix == "RO" else (),
        )
        for prefix, pattern, valid in _PREFIXED
    ),
    Shape(
        "pii.vat",
        "BR CNPJ",
        in_words(r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}"),
        exact(americas.br_cnpj),
    ),
    Shape("pii.vat", "BR CNPJ, bare", in_words(r"\d{14}"), exact(americas.br_cnpj), ("cnpj",)),
    Shape("pii.vat", "AU ABN", in_words(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"), exact(_au), ("abn",)),
    Shape(
        "pii.vat",
        "US EIN",
        in_words(r"\d{2}-\d{7}"),
        exact(lambda text: text[:2] not in {"00", "07", "08", "09", "17", "18", "19", "28", "29"}),
        ("ein", "fein", "employer identification", "tax id", "tin", "federal tax"),
    ),
)
