"""Check digits: the few schemes that the numbers of the world are made with. Pure arithmetic."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Sequence
from operator import mul
from string import ascii_uppercase, digits
from typing import Final

ALPHANUMERIC: Final = {char: value for value, char in enumerate(digits + ascii_uppercase)}


def weighed(text: str, weights: Sequence[int]) -> int:
    """The sum of digits, each times its weight; of as many as there are weights."""
    return sum(map(mul, weights, map(int, text)))


_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B, over all digits with the check digit last."""
    odd = sum(map(int, text[-1::-2]))
    return (odd + sum(_DOUBLED[int(one)] for one in text[-2::-2])) % 10 == 0


_AS_DIGITS: Final = str.maketrans({char: str(value) for char, value in ALPHANUMERIC.items()})


def mod97_10(text: str) -> bool:
    """ISO/IEC 7064 MOD 97-10 over digits and capital letters."""
    return int(text.translate(_AS_DIGITS)) % 97 == 1


def mod11_10(text: str) -> bool:
    """ISO/IEC 7064 MOD 11,10."""
    rest = 10
    for one in text[:-1]:
        rest = ((rest + int(one)) % 10 or 10) * 2 % 11
    return (rest + int(text[-1])) % 10 == 1


def mod11_2(text: str) -> bool:
    """ISO/IEC 7064 MOD 11-2, where X stands for ten."""
    rest = 0
    for one in text[:-1]:
        rest = (rest + int(one)) * 2 % 11
    return (rest + (10 if text[-1] == "X" else int(text[-1]))) % 11 == 1


_VERHOEFF: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_TURNS: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(text: str) -> bool:
    """Verhoeff's scheme over the dihedral group D5 (1969)."""
    rest = 0
    for place, one in enumerate(reversed(text)):
        rest = int(_VERHOEFF[rest][int(_TURNS[place % 8][int(one)])])
    return rest == 0


_DAYS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    return (
        1 <= month <= 12 and 1 <= day <= _DAYS[month] and (month != 2 or day < 29 or isleap(year))
    )


def is_yymmdd(text: str) -> bool:
    """Whether six digits may be a date of some century, the year first."""
    return is_date(2000 + int(text[:2]) % 100, int(text[2:4]), int(text[4:6]))


def is_ddmmyy(text: str) -> bool:
    """Whether six digits may be a date of some century, the day first."""
    return is_yymmdd(text[4:6] + text[2:4] + text[:2])
