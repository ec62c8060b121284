"""The inspector: which strings of a value speak to the agent, and where in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.secrets import Span, look

ABOVE: Final = 0.9
"""The score above which a segment is reported."""


class InstructionInspector:
    """Reports text that speaks to the agent (`safeconduct.ports.Inspector`): `instruction.model`
    where the score of a segment is above the threshold, `instruction.override`, `.role` and `.tool`
    where a rule says how it speaks, `instruction.hidden` where characters that nobody sees say
    something. It is a signal: what it misses is for flow control to hold.
    """

    def __init__(self, above: float = ABOVE) -> None:
        """Raises ValueError where the threshold is none, or the weights are not what they were."""
        if not 0 < above < 1:
            raise ValueError("the threshold is a score between 0 and 1")
        self._above = above

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        return tuple(look(value, self.spans))

    def spans(self, text: str) -> Iterator[Span]:
        """What is found in a text."""
        yield from ()

    def score(self, text: str) -> float:
        """How much the text speaks to the agent, from 0 to 1: the highest score of a segment."""
        return 0.0
