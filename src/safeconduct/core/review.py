"""What a second model makes of a call: whether it is consistent with the user's request. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec


class Review(msgspec.Struct, frozen=True):
    """A reviewer's answer. `why_code` is a word of the reviewer's own closed list, in kebab case:
    none of its text goes any further.
    """

    answer: Literal["consistent", "inconsistent", "unsure"]
    why_code: str


class Reviewed(msgspec.Struct, frozen=True):
    """An answer, or that there was none (`failed`), and what happens to a call `otherwise`: to one
    that was not found consistent.
    """

    answer: Literal["consistent", "inconsistent", "unsure", "failed"]
    why_code: str
    otherwise: Literal["refuse", "elevate"]
