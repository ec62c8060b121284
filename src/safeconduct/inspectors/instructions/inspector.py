"""The inspector: which strings of a value speak to the agent, and where in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Self

from safeconduct.core.decoding import decoded
from safeconduct.core.lookalikes import folded
from safeconduct.core.model import Finding
from safeconduct.inspectors.instructions import rules
from safeconduct.inspectors.instructions.model import Model
from safeconduct.inspectors.instructions.segments import segments
from safeconduct.inspectors.texts import Span, look
from safeconduct.kit.work import spend

ABOVE: Final = 0.9
"""The score above which a segment is reported."""

LIKELY: Final = 0.5
"""The score above which a segment that matches a rule is reported."""

SURELY: Final = 0.2
"""The same where hardly an ordinary text matches the rule."""

IN_DEFINITIONS: Final = 0.95
"""The first two, for definitions of tools, whose texts tell agents what to do by their nature."""

_TURNED: Final = re.compile(
    r"vtaber|qvfertneq|sbetrg|bireevqr|cerivbhf|vafgehpgvba|cebzcg|"
    r"erongi|drager|tegrof|edirrevo|suoiverp|noitcurtsni|tpmorp",
    re.IGNORECASE,
)
"""Words of such texts, through rot13 and backwards."""

_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e007a]{1,8}\U000e007f")
"""A flag is written in characters that are not seen (Unicode TR 51, annex C)."""

_UNSEEN: Final = re.compile(
    "[\U000e0020-\U000e007e]{2,}|[\u200b\u200c\u2060-\u2064\ufeff]{16,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}"
)

_LINE: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/_-]{60,}={0,2}")
"""A line of a file in base64, as mails and keys have them (RFC 2045, section 6.8)."""

_PIECE: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_ENDED: Final = re.compile(r"(?:\s|\\[rn])+")


class InstructionInspector:
    """Reports text that speaks to the agent (`safeconduct.ports.Inspector`): `instruction.model`
    where the score of a segment is above the threshold, `instruction.override`, `.role` and `.tool`
    where a rule says how it speaks, `instruction.hidden` where characters that nobody sees say
    something. It is a signal: what it misses is for flow control to hold.

    What is found in an encoding has the place of the segment, or else the text, that it is in.
    """

    def __init__(
        self,
        above: float = ABOVE,
        model: Model | None = None,
        *,
        likely: float = LIKELY,
        surely: float = SURELY,
    ) -> None:
        """With the thresholds of segments, of those that match a rule, and of those that match one
        of `rules.SURE`.

        Raises ValueError where one is none, or the weights are not what they were; OSError where
        they cannot be read.
        """
        if not all(0 < one < 1 for one in (above, likely, surely)):
            raise ValueError("the threshold is a score between 0 and 1")
        self._above = above
        self._likely = likely
        self._surely = surely
        self._model = model or Model.shipped()

    @classmethod
    def of_definitions(cls) -> Self:
        """One for the definitions of tools. Raises as the constructor does."""
        return cls(IN_DEFINITIONS, likely=IN_DEFINITIONS, surely=LIKELY)

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        return tuple(look(value, self._spans))

    def score(self, text: str) -> float:
        """How much a text speaks to an agent, from 0 to 1: the highest score of a segment."""
        scores = [self._judged(text[start:end])[0] for start, end in segments(text)]
        for view in _views(text)[0]:
            judged = [self._judged(view[start:end]) for start, end in segments(view)]
            scores += [much for much, matched in judged if matched]
        return max(scores, default=0.0)

    def _spans(self, text: str) -> Iterator[Span]:
        views, whole = _views(text)
        if not whole:
            yield "instruction.unread", 0, len(text)
            return
        found: dict[Span, None] = {}
        if not text.isascii():
            bare = _FLAG.sub(lambda flag: " " * len(flag[0]), text)
            for hidden in _UNSEEN.finditer(bare):
                found["instruction.hidden", hidden.start(), hidden.end()] = None
        for start, end in segments(text):
            for kind in self._kinds(text[start:end]):
                found[kind, start, end] = None
        for view in views:
            for start, end in segments(view):
                # Bytes that are no text are nothing that the model has learnt to tell.
                kinds = self._kinds(view[start:end])
                if kinds and kinds != ["instruction.model"]:
                    found |= dict.fromkeys((kind, 0, len(text)) for kind in kinds)
        yield from sorted(found, key=lambda one: one[1:])

    def _kinds(self, segment: str) -> list[str]:
        much, matched = self._judged(segment)
        bar = self._surely if rules.SURE.intersection(matched) else self._likely
        rule = [f"instruction.{rules.KINDS[one]}" for one in matched] if much > bar else []
        # Bytes that are no text are nothing that the model has learnt to tell.
        told = much > self._above and not _is_encoded(segment)
        model = ["instruction.model"] if told else []
        return list(dict.fromkeys(model + rule))

    def _judged(self, segment: str) -> tuple[float, list[int]]:
        spend(40 + len(segment) // 2)
        matched = rules.matched(folded(segment))
        return self._model.score(segment, matched), matched


def _is_encoded(segment: str) -> bool:
    """Whether it is lines of base64, of which the first and the last may be cut off."""
    first, *inner = _ENDED.split(segment)
    last = inner.pop() if inner else ""
    whole = inner or [max(first, last, key=len)]
    return all(map(_LINE.fullmatch, whole)) and all(map(_PIECE.fullmatch, (first, last)))


def _views(text: str) -> tuple[list[str], bool]:
    """What a text says in an encoding, and whether that is all."""
    found = decoded(text, turned=bool(_TURNED.search(text)))
    spend(10 + sum(map(len, found.texts)) // 8)
    same = {text, folded(text)}
    return [view for view in found.texts if view not in same], found.whole
