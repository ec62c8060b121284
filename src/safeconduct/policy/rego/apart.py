"""What must not run into each other: rules and data, and the answer and what it follows from."""

from __future__ import annotations

from collections.abc import Container, Iterator

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.elements import targets
from safeconduct.policy.rego.syntax import (
    Node,
    Path,
    dotted,
    imports,
    reference,
    references,
    resolve,
    rules,
)


def findings(modules: list[Node], entrypoint: str, data: Container[str]) -> Iterator[PolicyRefused]:
    """What has the name of something else, or reads what it must not; `data` are names of data."""
    yield from _shadowed(modules, data)
    yield from _doubled(modules)
    yield from _circular(modules, entrypoint)


def _shadowed(modules: list[Node], data: Container[str]) -> Iterator[PolicyRefused]:
    """The packages that data has the name of.

    INVARIANT: a rule is all that can give its name a value. The engine takes data instead, where
    there is some; `slices` leaves rules out that could not hold without it.
    """
    for module in modules:
        package = module["ast"]["package"]
        name = dotted(reference(package["refr"])[:1])
        if name in data:
            yield PolicyRefused(
                f"`data.{name}` is data too, which could stand in for rules of this package",
                file=module["source"]["file"],
                line=package["span"]["line"],
                fix="give the data or the package another name; its first part counts",
            )


def _doubled(modules: list[Node]) -> Iterator[PolicyRefused]:
    """The imports that have the name of a rule of their package.

    INVARIANT: a name leads where `resolve` says. The engine would take the rule, and Open Policy
    Agent the import.
    """
    named = {(rule.package, rule.path[len(rule.package)]) for rule in rules(modules)}
    for module in modules:
        package = reference(module["ast"]["package"]["refr"])
        for name, path, line in imports(module):
            if (package, name) in named and path[0] in {"data", "input"}:
                yield PolicyRefused(
                    f"a rule of this package is called `{name}` too",
                    file=module["source"]["file"],
                    line=line,
                    fix="import it `as` something else, or rename the rule",
                )


def _circular(modules: list[Node], entrypoint: str) -> Iterator[PolicyRefused]:
    """The rules that read a set of the answer.

    A rule that only speaks for the record, or is left out of a slice, is in the set or missing
    there; it has no effect only as long as nothing looks.
    """
    sets = targets(entrypoint)
    for rule in rules(modules):
        for path in references(rule.parts):
            target = resolve(path, rule)
            read = [name for one, name in sets.items() if target is not None and _meet(target, one)]
            if read:
                yield rule.refused(
                    f"this reads `{read[0]}`, which is part of the answer",
                    "give what both need a rule of its own; a local variable, or a package that is "
                    "referred to as a whole, must not have its name",
                )
                break


def _meet(path: Path, target: Path) -> bool:
    """Whether a reference leads to a set, into it, or to what is around it, or could."""
    return all(name in {None, wanted} for name, wanted in zip(path, target, strict=False))
