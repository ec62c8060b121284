"""What a case expects the policy to say, in one line of text."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from safeconduct.core.policy import PolicyAnswer

_SECTIONS: Final = {"with": "obligations", "logging": "logging"}
_POSSIBLE: Final = {
    "permit": {"rules", "obligations", "logging"},
    "elevate": {"rules", "obligations", "logging"},
    "deny": {"rules", "logging"},
    "error": set[str](),
    "refused": set[str](),
}


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and the rules that gave it.

    `error` is a denial because the policy could not be evaluated, `refused` any denial.
    `obligations` are those of a permit or an elevation, `logging` the rules that spoke without
    effect.
    """

    verdict: Literal["permit", "elevate", "deny", "error", "refused"]
    rules: frozenset[str] = frozenset()
    obligations: frozenset[str] = frozenset()
    logging: frozenset[str] = frozenset()

    def met_by(self, answer: PolicyAnswer) -> bool:
        """Whether the policy said exactly this."""
        if self.verdict == "refused":
            return answer.said == "deny"
        return said(answer) == self

    def __str__(self) -> str:
        """The line that `expectation` reads."""
        parts = [self.verdict, *sorted(self.rules)]
        if self.obligations:
            parts += ["with", *sorted(self.obligations)]
        if self.logging:
            parts += ["logging", *sorted(self.logging)]
        return " ".join(parts)


REFUSED: Final = Expectation(verdict="refused")


def expectation(line: str) -> Expectation | None:
    """What a line says; None if that is nothing that a policy could say."""
    verdict, *words = line.split() or [""]
    names: dict[str, set[str]] = {}
    section = "rules"
    for word in words:
        if word in _SECTIONS:
            section = _SECTIONS[word]
        else:
            names.setdefault(section, set()).add(word)
    if not names.keys() <= _POSSIBLE.get(verdict, set()):
        return None
    if verdict not in _POSSIBLE or (verdict in {"permit", "elevate"} and "rules" not in names):
        return None
    return msgspec.convert({"verdict": verdict, **names}, Expectation)


def said(answer: PolicyAnswer) -> Expectation:
    """What the policy said, in the words of an expectation."""
    if answer.error is not None:
        return Expectation(verdict="error")
    verdict = answer.said
    rules = {
        "permit": answer.permit,
        "deny": answer.deny,
        "elevate": tuple(rule.id for rule in answer.elevate),
    }[verdict]
    return Expectation(
        verdict=verdict,
        rules=frozenset(rules),
        obligations=frozenset(() if verdict == "deny" else answer.obligations),
        logging=frozenset(answer.log_only),
    )
