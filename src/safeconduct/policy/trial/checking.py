"""What keeps a gateway from loading a bundle, and what its readers would stumble over."""

from __future__ import annotations

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
    try:
        found = confined.ask(__name__, bundle, list[Finding], cpu_s=preflight.CPU_S)
    except confined.NoAnswer as error:
        found = [Finding(file=FILE, line=1, sentence=str(error), fix=preflight.FIX)]
    try:
        if (directory / "tests").is_dir():
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
    if not refused:
        # It follows chains of rules, which the preflight bounds.
        yield from impossible(found)
    yield from unneeded(found, bundle.header.entrypoint)


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
