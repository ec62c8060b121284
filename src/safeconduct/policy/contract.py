"""The decision contract, the same for every engine: what its rules say, and what that amounts to.

An engine contributes three sets, `permit`, `deny` and `elevate`, of elements with the id of a rule.
Here, and nowhere else, they become the answer that the gateway sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated

import msgspec

from safeconduct.core.approvers import MAX_APPROVERS, Party
from safeconduct.core.masks import Mask
from safeconduct.core.obligations import Demands, together
from safeconduct.core.policy import PolicyAnswer, PolicyElevate, Said

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Permitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An element of `permit`. `obligations` are names that the bundle's header explains."""

    id: Name
    obligations: tuple[Name, ...] = ()


class Denied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An element of `deny`."""

    id: Name


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An element of `elevate`; `ttl_s` in seconds. `group` are the approvers of whom `count` have
    to say yes; without it the template says who.
    """

    id: Name
    template: Name
    ttl_s: Annotated[int, msgspec.Meta(gt=0, le=3600)]
    obligations: tuple[Name, ...] = ()
    group: Name | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_APPROVERS)] = 1


class Sets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the rules contributed; a set without rules is empty."""

    permit: tuple[Permitted, ...] = ()
    deny: tuple[Denied, ...] = ()
    elevate: tuple[Asked, ...] = ()

    def without(self, ids: AbstractSet[str]) -> Sets:
        """The sets as they were if these rules did not exist."""
        return Sets(
            permit=tuple([rule for rule in self.permit if rule.id not in ids]),
            deny=tuple([rule for rule in self.deny if rule.id not in ids]),
            elevate=tuple([rule for rule in self.elevate if rule.id not in ids]),
        )

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all rules that spoke."""
        spoke: tuple[Permitted | Denied | Asked, ...] = (*self.permit, *self.deny, *self.elevate)
        return frozenset(rule.id for rule in spoke)


class RuleAt(msgspec.Struct, frozen=True):
    """Where a rule stands: `set` is the one that it adds to, `file` is relative to the bundle."""

    id: str
    set: Said
    file: str
    line: int


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle's header says of its rules.

    `engine` is the name and version of what evaluates them; `log_only` are rules that speak without
    effect; `obligations` the names that rules may demand, with what they come to; `masks` what
    records do not show of the input.
    """

    digest: str
    engine: str = ""
    log_only: frozenset[str] = frozenset()
    obligations: Mapping[str, Demands] = {}
    masks: tuple[Mask, ...] = ()

    def answer(self, sets: Sets, everything: Sets | None = None) -> PolicyAnswer:
        """What the sets amount to.

        `sets` may hold rules that are only logged, which do not count here. An engine in which one
        rule can hide another passes the sets of the active rules, and those of all rules as
        `everything`.
        """
        if everything is None:
            everything = sets
        if self.log_only:
            sets = sets.without(self.log_only)
        answer = self._answer(sets)
        if answer.obligations:
            if not self.obligations.keys() >= {*answer.obligations}:
                return self.failed("a rule demands an obligation that the bundle does not explain")
            demands = together(self.obligations[name] for name in answer.obligations)
            answer = msgspec.structs.replace(answer, demands=demands)
        logged = everything.ids & self.log_only
        if not logged:
            return answer
        return msgspec.structs.replace(
            answer,
            log_only=tuple(sorted(logged)),
            would_have=self._answer(everything).said,
        )

    def failed(self, error: str) -> PolicyAnswer:
        """The answer of an engine that could not say anything; `error` quotes no input."""
        return PolicyAnswer(bundle=self.digest, engine=self.engine, masks=self.masks, error=error)

    def _answer(self, sets: Sets) -> PolicyAnswer:
        asked = [
            PolicyElevate(
                rule.id,
                rule.template,
                rule.ttl_s,
                () if rule.group is None else (Party(rule.group, rule.count),),
            )
            for rule in sets.elevate
        ]
        demanding: tuple[Permitted | Asked, ...] = (*sets.permit, *sets.elevate)
        return PolicyAnswer(
            permit=tuple([rule.id for rule in sets.permit]),
            deny=tuple([rule.id for rule in sets.deny]),
            elevate=tuple(asked),
            obligations=tuple(sorted({name for rule in demanding for name in rule.obligations})),
            masks=self.masks,
            bundle=self.digest,
            engine=self.engine,
        )
