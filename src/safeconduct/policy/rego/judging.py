"""What is asked of Rego rules before a gateway runs them; runs in a process of its own."""

from __future__ import annotations

import contextlib

import msgspec

from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.preflight import FIX
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego import lint, probes
from safeconduct.policy.rego.elements import answering
from safeconduct.policy.rego.evaluator import Evaluator, message, place
from safeconduct.policy.rego.syntax import rules


def judge(bundle: Bundle) -> None:
    """Judge the bundle in this process.

    Raises:
        PolicyRefused: at the first finding.
    """
    try:
        evaluator = Evaluator(bundle)
    except RecursionError:
        raise PolicyRefused("the rules are nested too deep", file=FILE, fix=FIX) from None
    lint.check(evaluator.modules, bundle.header.entrypoint)
    for when, given in probes.typed():
        try:
            permitted = evaluator.ask(given, 0).permit
        except (RuntimeError, msgspec.ValidationError) as error:
            raise _failed(error, when) from None
        if permitted:
            _refuse_vacuous(bundle, evaluator, permitted[0].id, when)
    for rule in rules(evaluator.modules):
        if rule.kind in {"set", "value"} and None not in rule.path:
            # An error here can be a guard that stands in the caller; only coming back counts.
            with contextlib.suppress(RuntimeError):
                evaluator.run(".".join(("data", *filter(None, rule.path))))
    for when, given in probes.mistyped(evaluator.modules):
        # An error refuses the call, which is what a mistyped fact must do.
        with contextlib.suppress(RuntimeError, msgspec.ValidationError):
            permitted = evaluator.ask(given, 0).permit
            if permitted:
                _refuse_vacuous(bundle, evaluator, permitted[0].id, when)


def _refuse_vacuous(bundle: Bundle, evaluator: Evaluator, identity: str, when: str) -> None:
    if bundle.header.unsafe_permit_all:
        return
    found = answering(evaluator.modules, bundle.header.entrypoint)
    rule = next(rule for rule in found if (rule.set, rule.id) == ("permit", identity))
    raise PolicyRefused(
        f"the rule `{identity}` permits {when}",
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
