"""What a reader of a bundle would find, besides what keeps a gateway from loading it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from safeconduct.policy import confined, preflight
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle, read
from safeconduct.policy.loading import engine
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial.outcome import Finding, finding
from safeconduct.policy.trial.running import read_tests


def check(directory: Path) -> list[Finding]:
    """Everything that is wrong with the bundle in a directory, in the order of its files."""
    try:
        bundle = read(directory)
    except PolicyRefused as refused:
        return [finding(refused)]
    found: list[Finding] = []
    try:
        preflight.run(bundle)
    except PolicyRefused as refused:
        found.append(finding(refused))
    try:
        found += confined.ask(__name__, bundle, list[Finding], cpu_s=preflight.CPU_S)
    except confined.NoAnswer as error:
        # A bundle that the preflight took, too, would have been refused there.
        if not found:
            found.append(Finding(file=FILE, line=1, sentence=str(error), fix=preflight.FIX))
    try:
        if (directory / "tests").is_dir():
            read_tests(directory, bundle)
    except PolicyRefused as refused:
        found.append(finding(refused))
    return sorted(set(found), key=lambda one: (one.file, one.line, one.sentence))


def findings(bundle: Bundle) -> Iterator[PolicyRefused]:
    """What is wrong with a bundle that an engine takes, in this process. Raises PolicyRefused."""
    known = {rule.id for rule in engine(bundle).rules}
    for identity in bundle.header.modes:
        if identity not in known:
            yield PolicyRefused(
                f"`modes` names `{identity}`, which no rule is called", file=FILE, fix="correct it"
            )
    if bundle.header.engine != "rego":
        return
    from safeconduct.policy.rego.evaluator import Evaluator  # noqa: PLC0415 native code
    from safeconduct.policy.rego.syntax import rules  # noqa: PLC0415
    from safeconduct.policy.trial.literals import misread  # noqa: PLC0415
    from safeconduct.policy.trial.reach import impossible, missing, unneeded  # noqa: PLC0415

    found = rules(Evaluator(bundle).modules)
    data = msgspec.json.decode(bundle.data)
    for rule in found:
        yield from misread(rule)
        yield from missing(rule, found, data)
    yield from impossible(found)
    yield from unneeded(found, bundle.header.entrypoint)


def _main() -> None:
    bundle = confined.question(Bundle)
    found: list[Finding] = []
    # What no engine takes is the preflight's to tell.
    with contextlib.suppress(PolicyRefused, RecursionError):
        found += map(finding, findings(bundle))
    confined.answer(found)


if __name__ == "__main__":
    _main()
