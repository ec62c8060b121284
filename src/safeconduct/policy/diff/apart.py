"""Compares two bundles on recorded decisions in a process of its own, in bounded time and memory.

Rules that nobody has accepted can end the process they run in, or never come back. Here they end a
child, which gets the decisions and neither the log nor its keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from safeconduct.policy import confined
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.diff.report import Comparison, Report
from safeconduct.policy.loading import engine, judge
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.replay.asked import Bundles
from safeconduct.policy.trial.outcome import Finding, finding


class _Question(msgspec.Struct, frozen=True):
    """Decisions stay encoded until it is their turn: decoded they need far more memory."""

    old: Bundle
    new: Bundle
    records: list[msgspec.Raw]


class _Answer(msgspec.Struct, frozen=True):
    report: Report | None = None
    refused: Finding | None = None


def compared(
    old: Bundle, new: Bundle, records: Iterable[bytes], *, cpu_s: int, wall_s: int
) -> Report:
    """What another bundle had made of decisions, given whole, as JSON, in the order of the log.

    Raises:
        PolicyRefused: the rules of the new one did not pass, or those of one cannot be tried here.
        confined.NoAnswer: the child was ended by its limits, or crashed.
    """
    judge(new)
    question = _Question(old, new, [msgspec.Raw(record) for record in records])
    said = confined.ask(__name__, question, _Answer, cpu_s=cpu_s, wall_s=wall_s)
    if said.report is None:
        why = said.refused
        if why is None:
            raise confined.NoAnswer("the comparison said nothing")
        raise PolicyRefused(why.sentence, file=why.file, line=why.line, fix=why.fix)
    return said.report


def _compare(question: _Question) -> Report:
    """Compares, in this process. Raises PolicyRefused."""
    comparison = Comparison(Bundles((engine(question.old),)), engine(question.new))
    for data in question.records:
        record: dict[str, Any] = orjson.loads(bytes(data))
        comparison.take(record)
    return comparison.report()


def _main() -> None:
    question = confined.question(_Question)
    try:
        said = _Answer(report=_compare(question))
    except PolicyRefused as refused:
        said = _Answer(refused=finding(refused))
    confined.answer(said)


if __name__ == "__main__":
    _main()
