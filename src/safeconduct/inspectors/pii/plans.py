"""What the numbering plans of libphonenumber say of digits, and of nothing else that a number is
written with. It tells the same as `phonenumbers.parse` and `is_valid_number`, several times faster.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_SORTS: Final = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number",
    "pager", "uan", "voicemail",
)  # fmt: skip
_MIN: Final = 2
_MAX: Final = 17
"""How many digits a number has without its country code (ITU-T E.164 has 15; some plans, more)."""
_MAX_CODE: Final = 3


class _Plan:
    """The plan of a region, or of a country code that belongs to none."""

    def __init__(self, region: str, code: int) -> None:
        said = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if said is None or said.general_desc is None:
            raise ValueError(f"libphonenumber has no plan for {region} {code}")
        general = said.general_desc
        self.code = str(said.country_code)
        self.from_abroad = re.compile(said.international_prefix or "(?!)").match
        self._prefix = re.compile(said.national_prefix_for_parsing or "(?!)")
        self._instead = said.national_prefix_transform_rule
        self.leading = re.compile(said.leading_digits).match if said.leading_digits else None
        self.fits = re.compile(general.national_number_pattern or "(?!)").fullmatch
        self.lengths = frozenset(general.possible_length)
        self.local = frozenset(general.possible_length_local_only)
        self.longest = max(self.lengths)
        sorts = [getattr(said, sort) for sort in _SORTS]
        self._sorts = [
            (frozenset(one.possible_length), re.compile(one.national_number_pattern).fullmatch)
            for one in sorts
            if one is not None and one.national_number_pattern
        ]

    def has(self, number: str) -> bool:
        """Whether a number without its country code is one of the plan's."""
        length = len(number)
        return (
            length in self.lengths
            and bool(self.fits(number))
            and any(
                (not lengths or length in lengths) and fits(number) for lengths, fits in self._sorts
            )
        )

    def without_prefix(self, number: str) -> str:
        """A number as it is without what is dialled before it within the country."""
        found = self._prefix.match(number) if number else None
        if found is None:
            return number
        if self._instead and found.groups()[-1] is not None:
            short = self._prefix.sub(self._instead, number, count=1)
        else:
            short = number[found.end() :]
        return number if self.fits(number) and not self.fits(short) else short


@cache
def _plan(region: str, code: int) -> _Plan:
    return _Plan(region, code)


@cache
def _home(region: str) -> _Plan | None:
    said = PhoneMetadata.metadata_for_region(region, None)
    return None if said is None else _plan(region, said.country_code)


def _main(code: str) -> _Plan:
    """The plan of most that has a country code."""
    return _plan(COUNTRY_CODE_TO_REGION_CODE[int(code)][0], int(code))


def _country(digits: str) -> str:
    """The country code that digits begin with; empty if it is none."""
    if digits[:1] == "0":
        return ""
    for length in range(1, _MAX_CODE + 1):
        if (code := digits[:length]) and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            return code
    return ""


def _dialled(digits: str, region: str) -> tuple[str, str] | None:
    """The country code and the rest of what is dialled in a region, or without one behind a `+`."""
    home = _home(region)
    if home is not None:
        abroad = home.from_abroad(digits)
        if abroad is None or digits[abroad.end() : abroad.end() + 1] == "0":
            if digits.startswith(home.code):
                short = home.without_prefix(digits[len(home.code) :])
                if (not home.fits(digits) and home.fits(short)) or (
                    len(digits) > home.longest and len(digits) not in home.local
                ):
                    return home.code, _significant(_main(home.code), short)
            return home.code, _significant(home, digits)
        digits = digits[abroad.end() :]
    code = _country(digits)
    if len(digits) <= _MIN or not code:
        return None
    return code, _significant(_main(code), digits[len(code) :])


def _significant(plan: _Plan, number: str) -> str:
    """Without the prefix, where what is left is as long as numbers are."""
    short = plan.without_prefix(number)
    length = len(short)
    fits = length not in plan.local and (length in plan.lengths or length > plan.longest)
    return short if fits and len(number) >= _MIN else number


def is_number(digits: str, region: str, *, grouped: bool = False) -> bool:
    """Whether a numbering plan has what is dialled.

    Args:
        digits: ASCII digits, behind a `+` where no region is given.
        region: where they are dialled (ISO 3166-1 alpha-2), or an empty text.
        grouped: examples and new ranges are in no plan; written so, one is believed by its length.
    """
    dialled = _dialled(digits, region)
    if dialled is None or not _MIN <= len(dialled[1]) <= _MAX:
        return False
    code, number = dialled
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    if len(regions) == 1:
        if _main(code).has(number):
            return True
    else:
        for one in regions:
            plan = _plan(one, int(code))
            if plan.leading is not None:
                if plan.leading(number):
                    if plan.has(number):
                        return True
                    break
            elif plan.has(number):
                return True
    main = _main(code)
    return grouped and (len(number) in main.lengths or len(number) in main.local)
