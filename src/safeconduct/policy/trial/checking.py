"""What keeps a gateway from loading a bundle, and what its readers would stumble over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from pathlib import Path
from typing import Protocol

import msgspec

from safeconduct.core.policy import Said
from safeconduct.policy import confined, preflight
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle, read
from safeconduct.policy.contract import Denied
from safeconduct.policy.loading import engine
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial import asking
from safeconduct.policy.trial.outcome import Finding, finding
from safeconduct.policy.trial.running import has_tests, read_tests


def check(directory: Path) -> list[Finding]:
    """Everything that is wrong with the bundle in a directory, in the order of its files."""
    try:
        bundle = read(directory)
    except PolicyRefused as refused:
        return [finding(refused)]
    found: list[Finding] = []
    try:
        if not bundle.header.is_remote:
            found += confined.ask(__name__, bundle, list[Finding], cpu_s=preflight.CPU_S)
    except confined.NoAnswer as error:
        found.append(Finding(file=FILE, line=1, sentence=str(error), fix=preflight.FIX))
    try:
        if has_tests(directory):
            read_tests(directory, bundle)
    except PolicyRefused as refused:
        found.append(finding(refused))
    return sorted(set(found), key=lambda one: (one.file, one.line, one.sentence))


def findings(bundle: Bundle) -> Iterator[PolicyRefused]:
    """All that is wrong with a bundle, in this process.

    Raises:
        PolicyRefused: it is so wrong that no more can be said.
    """
    refused = False
    for one in preflight.findings(bundle):
        refused = True
        yield one
    names = {rule.id for rule in engine(bundle).rules}
    yield from _unknown("modes", "a rule is called", bundle.header.modes, names)
    if bundle.header.engine == "rego":
        yield from _rego(bundle, refused=refused)
    else:
        yield from _cedar(bundle)


def _rego(bundle: Bundle, *, refused: bool) -> Iterator[PolicyRefused]:
    from safeconduct.policy.rego.evaluator import Evaluator  # noqa: PLC0415 native code
    from safeconduct.policy.rego.syntax import imports, rules  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.trial.literals import demanded, misread  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.trial.reach import (  # noqa: PLC0415 loaded where it is needed
        certain,
        impossible,
        missing,
        unneeded,
    )

    modules = Evaluator(bundle).modules
    found = rules(modules)
    data = msgspec.json.decode(bundle.data)
    for rule in found:
        yield from misread(rule)
        yield from missing(rule, found, data)
    yield from _demands(bundle, [(name, rule) for rule in found for name in demanded(rule)])
    if not refused:
        # It follows chains of rules, which the preflight bounds.
        yield from impossible(found)
        every = chain.from_iterable(map(imports, modules))
        parts = {name for name, path, _ in every if path[0] == "input"}
        yield from asking.of_rego(found, bundle.header.entrypoint, parts)
    for said, rule in certain(found, bundle.header.entrypoint):
        yield from _always(said, rule)
    yield from unneeded(found, bundle.header.entrypoint)


def _cedar(bundle: Bundle) -> Iterator[PolicyRefused]:
    from safeconduct.policy.cedar.contracted import read_schema  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.cedar.judging import asked  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.cedar.looks import unconditional  # noqa: PLC0415 native code
    from safeconduct.policy.cedar.rules import parse  # noqa: PLC0415 loaded where it is needed

    demands: list[tuple[str, _Refusing]] = []
    rules, schema = parse(bundle.rules), read_schema(bundle.schema)
    yield from asking.of_cedar(rules, [(one, schema.above(one)) for one in asked(schema)])
    for rule in rules:
        if not isinstance(rule.says, Denied):
            demands += ((name, rule) for name in rule.says.obligations)
        if unconditional(rule.policy):
            yield from _always(rule.at.set, rule)
    yield from _demands(bundle, demands)


class _Refusing(Protocol):
    def refused(self, sentence: str, fix: str) -> PolicyRefused: ...


def _always(said: Said, rule: _Refusing) -> Iterator[PolicyRefused]:
    """A rule that speaks to every call; one that permits is the preflight's to find."""
    if said != "permit":
        effect = "every call is refused" if said == "deny" else "a person is asked for every call"
        yield rule.refused(f"this has no condition, so {effect}", "say when it is meant")


def _demands(bundle: Bundle, demands: Sequence[tuple[str, _Refusing]]) -> Iterator[PolicyRefused]:
    """Obligations that are demanded or explained, and not both."""
    explained = bundle.header.obligations
    for name, rule in demands:
        if name not in explained:
            yield rule.refused(
                f"this demands `{name}`, which {FILE} does not explain, so it refuses",
                "explain it below `obligations`",
            )
    names = {name for name, _ in demands}
    yield from _unknown("obligations", "a rule demands", explained, names)


def _unknown(
    key: str, what: str, named: Iterable[str], known: AbstractSet[str]
) -> Iterator[PolicyRefused]:
    for name in named:
        if name not in known:
            sentence = f"`{key}` names `{name}`, which is nothing that {what}"
            yield PolicyRefused(sentence, file=FILE, fix="correct it, or remove it")


def _main() -> None:
    bundle = confined.question(Bundle)
    found: list[Finding] = []
    try:
        found.extend(map(finding, findings(bundle)))
    except PolicyRefused as refused:
        found.append(finding(refused))
    confined.answer(found)


if __name__ == "__main__":
    _main()
