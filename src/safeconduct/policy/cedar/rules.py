"""The policies of a bundle as rules of the contract: parsed, named, and where they stand."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cedarpy import PolicySet, pst

from safeconduct.config.shape import did_you_mean
from safeconduct.core.approvers import MAX_APPROVERS
from safeconduct.core.policy import Said
from safeconduct.policy.bundles.reading import RuleFile
from safeconduct.policy.cedar.looks import reads
from safeconduct.policy.cedar.schema import Path
from safeconduct.policy.cedar.searching import searched
from safeconduct.policy.cedar.text import statements
from safeconduct.policy.contract import Asked, Denied, Permitted, RuleAt
from safeconduct.policy.refusal import PolicyRefused

ANNOTATIONS: Final[Mapping[Said, frozenset[str]]] = {
    "permit": frozenset({"id", "obligations"}),
    "elevate": frozenset({"id", "elevate", "ttl_s", "group", "count", "obligations"}),
    "deny": frozenset({"id"}),
}
"""What may stand above a policy, by the set that it adds to."""
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,3}")


class Rule(msgspec.Struct, frozen=True):
    """One policy. `says` is what it adds to its set when it is satisfied.

    `policy` is the engine's syntax tree, under the id of the rule; `text` is what was read. `reads`
    are the variables that it looks at, and where in them; `searched` is how much it searches for.
    """

    at: RuleAt
    says: Permitted | Denied | Asked
    policy: pst.Template
    text: str
    reads: frozenset[tuple[str, Path]]
    searched: int

    def refused(self, sentence: str, fix: str) -> PolicyRefused:
        """A refusal of the bundle for this rule."""
        return PolicyRefused(sentence, file=self.at.file, line=self.at.line, fix=fix)


def parse(files: Sequence[RuleFile]) -> tuple[Rule, ...]:
    """The rules of all files, in the order of their text.

    Raises:
        PolicyRefused: a file does not parse, or a policy is no rule of the contract.
    """
    rules: dict[str, Rule] = {}
    for file in files:
        for rule in _parse(file):
            if rule.at.id in rules:
                first = rules[rule.at.id].at
                raise rule.refused(
                    f"the id `{rule.at.id}` stands at {first.file}:{first.line} too",
                    "name each rule differently, so that a record tells which one it was",
                )
            rules[rule.at.id] = rule
    return tuple(rules.values())


def _parse(file: RuleFile) -> list[Rule]:
    found: list[Rule] = []
    for statement in statements(file.text, file.path):
        try:
            tree = PolicySet.from_str(statement.text).to_pst()
        except ValueError as error:
            raise PolicyRefused(
                f"not Cedar: {str(error).partition(chr(10))[0]}",
                file=file.path,
                line=statement.line,
                fix="see the language reference of Cedar",
            ) from None
        if len(tree.static_policies) != 1:
            raise PolicyRefused(
                "not one policy; a template, with `?principal` or `?resource`, permits nothing",
                file=file.path,
                line=statement.line,
                fix="write out what it is for, and end each policy with `;`",
            )
        policy = next(iter(tree.static_policies.values()))
        found.append(_rule(policy, statement.text, file.path, statement.line))
    return found


def _rule(policy: pst.Template, text: str, file: str, line: int) -> Rule:
    given = dict(policy.annotations)
    said = _said(policy)
    refusal = _wrong(given, said)
    if refusal is not None:
        raise PolicyRefused(refusal[0], file=file, line=line, fix=refusal[1])
    identity = given["id"]
    obligations = tuple(name.strip() for name in given.get("obligations", "").split(",") if name)
    says: Permitted | Denied | Asked
    match said:
        case "permit":
            says = Permitted(identity, obligations)
        case "elevate":
            says = Asked(
                identity,
                given["elevate"],
                int(given["ttl_s"]),
                obligations,
                given.get("group"),
                int(given.get("count", "1")),
            )
        case "deny":
            says = Denied(identity)
    return Rule(
        RuleAt(identity, said, file, line),
        says,
        dataclasses.replace(policy, id=identity),
        text,
        frozenset(reads(policy.clauses)),
        searched(policy.clauses),
    )


def _said(policy: pst.Template) -> Said:
    if policy.effect == "forbid":
        return "deny"
    return "elevate" if "elevate" in policy.annotations else "permit"


def _wrong(given: Mapping[str, str], said: Said) -> tuple[str, str] | None:
    """What is wrong with the annotations of a policy, and what to do."""
    unknown = sorted(given.keys() - ANNOTATIONS[said])
    if unknown:
        others = ANNOTATIONS["deny" if said == "deny" else "elevate"] - given.keys()
        keep = f"keep {', '.join(f'`@{name}`' for name in sorted(ANNOTATIONS[said]))} only"
        meant = did_you_mean(f"@{unknown[0]}", [f"@{name}" for name in sorted(others)], keep)
        return f"`@{unknown[0]}` says nothing here", meant
    if given.get("id") and not _ID.fullmatch(given["id"]):
        return (
            "`@id` is not the name of a rule",
            'write lower-case letters, digits, `.`, `_` and `-` in it, such as `@id("crm.read")`',
        )
    if "id" not in given or not given["id"]:
        return (
            "a policy without an id",
            'write `@id("…")` above it: lower-case letters, digits, `.`, `_` and `-`',
        )
    if said == "elevate" and (wrong := _ill_asked(given)) is not None:
        return wrong
    if "obligations" in given and not all(
        _ID.fullmatch(name.strip()) for name in given["obligations"].split(",")
    ):
        return (
            "`@obligations` is not a list of names",
            'write `@obligations("a, b")` with names from the header',
        )
    return None


def _ill_asked(given: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong with what a question to a person says."""
    if not 0 < len(given["elevate"]) <= 64:
        return "a question without a template", "name one of 1 to 64 characters in `@elevate`"
    ttl_s = given.get("ttl_s", "")
    if not _COUNT.fullmatch(ttl_s) or int(ttl_s) > 3600:
        return "`@ttl_s` is not a number of seconds", 'write `@ttl_s("300")`, 1 to 3600'
    if not 0 < len(given.get("group", "-")) <= 64:
        return "`@group` names no approvers", "name a group of the configuration in `@group`"
    count = given.get("count", "1")
    if "count" in given and "group" not in given:
        return "`@count` of nobody", "say in `@group` of whom so many have to say yes"
    if not _COUNT.fullmatch(count) or int(count) > MAX_APPROVERS:
        return (
            "`@count` is not a number of approvers",
            f'write `@count("2")`, 1 to {MAX_APPROVERS}',
        )
    return None
