"""What is asked of Rego rules before a gateway runs them; runs in a process of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec

from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.preflight import FIX
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego import apart, lint, probes
from safeconduct.policy.rego.elements import answering
from safeconduct.policy.rego.evaluator import Evaluator, message, place
from safeconduct.policy.rego.starting import Limits
from safeconduct.policy.rego.syntax import rules

LIMIT_S: Final = Limits().cpu_s
"""How long a gateway lets rules take for one call, in seconds of processor time."""


def too_slow(took_s: float) -> str:
    """What there is to say of rules that took longer."""
    return f"this takes {took_s:.2f} s of processor time, and a gateway refuses after {LIMIT_S} s"


def judge(bundle: Bundle) -> None:
    """Judge the bundle in this process.

    Raises:
        PolicyRefused: at the first finding.
    """
    for finding in findings(bundle):
        raise finding


def findings(bundle: Bundle) -> Iterator[PolicyRefused]:
    """All that is wrong with the rules of a bundle that can be read.

    Raises:
        PolicyRefused: it cannot be.
    """
    try:
        evaluator = Evaluator(bundle)
    except RecursionError:
        raise PolicyRefused("the rules are nested too deep", file=FILE, fix=FIX) from None
    unsound = False
    modules, entrypoint = evaluator.modules, bundle.header.entrypoint
    data = msgspec.json.decode(bundle.data, type=dict[str, msgspec.Raw])
    for finding in chain(
        lint.findings(modules, entrypoint), apart.findings(modules, entrypoint, data)
    ):
        unsound = True
        yield finding
    if not unsound:
        yield from _run(bundle, evaluator)


def _run(bundle: Bundle, evaluator: Evaluator) -> Iterator[PolicyRefused]:
    """What comes out when the rules run."""
    permitted: dict[str, str] = {}
    for when, given in probes.typed():
        try:
            for element in evaluator.ask(given, 0).permit:
                permitted.setdefault(element.id, when)
        except (RuntimeError, msgspec.ValidationError) as error:
            yield _failed(error, when)
            return
    for rule in rules(evaluator.modules):
        if rule.kind in {"set", "value"} and None not in rule.path:
            began_s = time.process_time()
            # An error here can be a guard that stands in the caller; only coming back counts.
            with contextlib.suppress(RuntimeError):
                evaluator.value(".".join(("data", *filter(None, rule.path))))
            took_s = time.process_time() - began_s
            if took_s > LIMIT_S:
                yield rule.refused(too_slow(took_s), FIX)
    for when, given in probes.mistyped(evaluator.modules):
        # An error refuses the call, which is what a mistyped fact must do.
        with contextlib.suppress(RuntimeError, msgspec.ValidationError):
            for element in evaluator.ask(given, 0).permit:
                permitted.setdefault(element.id, when)
    if not bundle.header.unsafe_permit_all:
        yield from _vacuous(bundle, evaluator, permitted)


def _vacuous(
    bundle: Bundle, evaluator: Evaluator, permitted: dict[str, str]
) -> Iterator[PolicyRefused]:
    for rule in answering(evaluator.modules, bundle.header.entrypoint):
        if rule.set == "permit" and rule.id in permitted:
            yield PolicyRefused(
                f"the rule `{rule.id}` permits {permitted[rule.id]}",
                file=rule.file,
                line=rule.line,
                fix="name the tools that it is for, and compare facts with literals",
            )


def _failed(error: Exception, when: str) -> PolicyRefused:
    file, line = place(error) or (FILE, 1)
    return PolicyRefused(
        f"the rules fail {when}: {message(error)}",
        file=file,
        line=line,
        fix="check that a fact is there, and its type, before using it",
    )
