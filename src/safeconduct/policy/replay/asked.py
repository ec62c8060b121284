"""Engines that answer each distinct input once.

A log repeats itself: most calls of a task are the same to the rules, which see little of them. That
an answer may stand for another input follows from this:

1 rules are pure functions of the input and the time: the engines have no clock, no network and no
  chance of their own (`policy.rego.builtins`; Cedar has none), and data is part of the bundle;
2 time and all facts are in the recorded input, as the page of the gateway decided by nothing else;
3 an engine's `seen` holds all that its rules can tell of an input, so that inputs of which it is
  equal are one input to them; that is looked at with generated rules and inputs in the tests;
4 what can fail for another reason is put to the engine each time: an answer with an error, and an
  input that is so large or deep that an engine could refuse it as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.loading import LocalEngine
from safeconduct.policy.replay.following import Following

JSON = dict[str, Any]

MAX_KEPT: Final = 65_536
"""Answers, of some hundred bytes each with what they are answers to."""

_MAX_BYTES: Final = 32 * 1024
_MAX_BRACKETS: Final = 96


class Asked:
    """One engine; `answered` counts what it was asked, `put` what was put to it."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine
        self.answered = self.put = 0
        self._answers: dict[bytes, PolicyAnswer] = {}

    def evaluate(self, value: JSON, now_ms: int) -> PolicyAnswer:
        """What the rules say to an input of this content."""
        self.answered += 1
        given = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        seen = self._seen(given, value, now_ms)
        if seen is None:
            return self._put(given, now_ms)
        found = self._answers.get(seen)
        if found is None:
            found = self._put(given, now_ms)
            if found.error is None:
                if len(self._answers) >= MAX_KEPT:
                    self._answers.clear()
                self._answers[seen] = found
        return found

    def _seen(self, given: bytes, value: JSON, now_ms: int) -> bytes | None:
        if len(given) > _MAX_BYTES or given.count(b"{") + given.count(b"[") > _MAX_BRACKETS:
            return None
        try:
            return self.engine.seen(value, now_ms)
        except Exception:  # noqa: BLE001  what cannot be told apart is put to the engine
            return None

    def _put(self, given: bytes, now_ms: int) -> PolicyAnswer:
        self.put += 1
        return self.engine.evaluate(given, now_ms)


class Bundles:
    """The engines at hand, by the digest of their bundle, and what followed from their answers."""

    def __init__(self, engines: Iterable[LocalEngine]) -> None:
        self._asked = {engine.digest: Asked(engine) for engine in engines}
        self.following = Following()

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of all bundles."""
        return tuple(self._asked)

    @property
    def put(self) -> int:
        """How often any of them was put to work."""
        return sum(asked.put for asked in self._asked.values())

    def get(self, digest: str) -> Asked | None:
        """The engine of a bundle, if it is here."""
        return self._asked.get(digest)
