"""Runs of what numbers are written with: what lies between them splits a text as no number is.

A run has a form: any digit is a 0 in it, and any capital an A. Forms are few and come again, so
that which shapes a run may have is mostly known already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from string import ascii_uppercase, digits
from typing import Final

from safeconduct.inspectors.patterns import any_of
from safeconduct.inspectors.pii.shape import BEFORE_DIGIT, RUN, Place, Shape

_RUN: Final = re.compile(rf"[0-9][{RUN}]*".encode())
_RUN_BYTES: Final = bytes(
    code for code in range(128) if re.fullmatch(f"[{RUN}]", chr(code)) is not None
)
LEAST: Final = 6
"""How many characters there are in the shortest number, a day; no check takes a shorter one."""
_MARGIN: Final = 32
"""How far beside a number its check looks at most."""
_BESIDE: Final = 2 * _MARGIN + 1
_TEXT_END: Final = b"\0"
_FORM: Final = bytes.maketrans(
    (digits + ascii_uppercase).encode(), b"0" * 10 + b"A" * len(ascii_uppercase)
)
_LONGEST: Final = 64
_MAX_FORMS: Final = 1 << 14
_PART: Final = re.compile(r"\\.|\{[0-9,]*\}|\[(\^?)((?:\\.|[^\]\\])*)\]|\(\?[a-z:]*|.", re.DOTALL)


def runs_of(plain: bytes, start: int, end: int) -> Iterator[Place]:
    """The runs between two places of a text in ASCII, each with what stands before its first
    digit.
    """
    done = start
    for found in _RUN.finditer(plain, start, end):
        begin = found.start()
        before = plain[max(done, begin - BEFORE_DIGIT) : begin]
        done = found.end()
        start = begin - len(before) + len(before.rstrip(_RUN_BYTES))
        if done - start >= LEAST:
            yield start, done


class Forms:
    """Tells which shapes, but wide ones, may be in a run, or in any text in ASCII."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        narrow = [order for order, one in enumerate(shapes) if not one.wide]
        self._orders = narrow
        self._signs = any_of([_form(shapes[order].pattern) for order in narrow])
        self._known: dict[bytes, frozenset[int]] = {}

    def __call__(self, run: bytes) -> frozenset[int]:
        """Their places among all shapes."""
        form = run.translate(_FORM)
        known = self._known.get(form)
        if known is None:
            known = frozenset([self._orders[at] for at in self._signs(form)])
            if len(form) <= _LONGEST:
                if len(self._known) >= _MAX_FORMS:
                    self._known.clear()
                self._known[form] = known
        return known


def _form(pattern: str) -> str:
    """A pattern for the forms of what another one matches."""
    return _PART.sub(_of_form, pattern)


def _of_form(part: re.Match[str]) -> str:
    written = part[0]
    if written == r"\d":
        return "0"
    if written[0] == "[":
        if part[1]:
            return written
        inner = re.compile(written)
        digit = "0" if any(map(inner.match, "0123456789")) else ""
        letter = "A" if any(map(inner.match, ascii_uppercase)) else ""
        more = digit + letter
        return f"[{more}{part[2]}]" if part[2].endswith("-") else f"[{part[2]}{more}]"
    if len(written) > 1:
        return written
    return "0" if written.isdigit() else "A" if written in ascii_uppercase else written


def gaps_of(places: Iterable[Place]) -> list[Place]:
    """Places, put together where they meet."""
    found: list[Place] = []
    for start, end in sorted(places):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def apart(
    plain: bytes, runs: Sequence[Place], gaps: Sequence[Place]
) -> tuple[list[Place], list[Place]]:
    """The runs, both sorted, that are left when what is in the gaps is gone, and the others: those
    that it was in, and those beside it in the same text.
    """
    left: list[Place] = []
    gone: list[Place] = []
    at = 0
    for run in runs:
        start, end = run
        while at < len(gaps) and gaps[at][1] + _MARGIN < start:
            at += 1
        touched = False
        for begin, until in gaps[at : at + _BESIDE]:
            if begin > end + _MARGIN:
                break
            between = plain[until:start] if until < start else plain[end:begin]
            touched = touched or _TEXT_END not in between
        (gone if touched else left).append(run)
    return left, gone
