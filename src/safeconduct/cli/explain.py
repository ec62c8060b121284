"""`safeconduct explain`: why a call was decided as it was."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safeconduct.cli import output
from safeconduct.cli.audit import noting
from safeconduct.core.reasons import REASONS
from safeconduct.core.recorded_input import UNOPENED, NotReplayable, recorded_input

if TYPE_CHECKING:
    from safeconduct.policy.contract import RuleAt

HELP = "explain one decision: every check, the rules, the facts they saw"
EXAMPLE = "safeconduct explain d_0123456789abcdef01234567 --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("decision", help="the decision's id, d_…")
    parser.add_argument("--log", type=Path, help="the log (default: --config's)")
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help="the rules' bundle (default: --config's)"
    )
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Explains from the record alone; where the rules stand, from their bundle. What is shown is
    on record before.
    """
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reading import find_decision
    from safeconduct.audit.reads import answer
    from safeconduct.audit.records import SEQUENCE, encode

    directory = args.log or output.audit_directory(args)
    config = noting.configured(directory, args.log, args)
    keys = keystore.near(directory)
    recorded: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    with suppress(LookupError):
        recorded, outcome = find_decision(directory, args.decision)
    said = answer((one[SEQUENCE], encode(one)) for one in (recorded, outcome) if one is not None)
    asked = {"decision": args.decision}
    noting.noted(config, "explain", None, asked, said, opened=keys is not None)
    if recorded is None:
        form = "" if args.decision.startswith("d_") else " (a decision's id has the form d_…)"
        return output.refused(f"the log knows no decision {args.decision}{form}")
    decision = Opener(directory, keys).whole(recorded)
    policy = decision.get("policy")
    places = {} if policy is None else _places(args, policy)
    seen = _seen(decision)
    value = {"decision": decision, "outcome": outcome, "input": seen, "rules": places}
    output.emit(args, value, "\n".join(_lines(decision, outcome, seen, places)))
    return output.OK


def _places(args: argparse.Namespace, policy: Mapping[str, Any]) -> dict[str, str]:
    """By id, file and line of the rules that spoke, where their bundle is at hand."""
    spoke = {
        rule for said in ("permit", "deny", "elevate", "log_only") for rule in policy.get(said, ())
    }
    at: tuple[RuleAt, ...] = _rules(args, policy["bundle"]) if spoke else ()
    return {rule.id: f"{rule.file}:{rule.line}" for rule in at if rule.id in spoke}


def _rules(args: argparse.Namespace, digest: str) -> tuple[RuleAt, ...]:
    """Raises PolicyRefused, ConfigError."""
    from safeconduct.config import ConfigError, load
    from safeconduct.policy.at_hand import configured, rules
    from safeconduct.policy.bundles.reading import read

    if args.bundle is not None:
        return rules(digest, iter([read(args.bundle)]))
    try:
        config = load(Path(args.config))
    except ConfigError:
        if args.log is None:
            raise
        return ()  # a log explains itself, wherever it was taken
    return rules(digest, configured(config))


def _seen(decision: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the rules saw; None where the record does not tell."""
    try:
        seen: dict[str, Any] = json.loads(recorded_input(decision))
    except NotReplayable:
        return None
    return seen


def _lines(
    decision: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    seen: Mapping[str, Any] | None,
    places: Mapping[str, str],
) -> Iterator[str]:
    reason = f", {decision['reason']}" if "reason" in decision else ""
    yield f"{decision['decision']}: {decision['verdict']}{reason}"
    tool, size = output.printable(decision["tool"]), decision["size"]
    yield f"  call       {tool}, {size} bytes of arguments"
    yield f"  method     {decision['method']}, effect {decision['effect']}"
    yield f"  agent      {decision['agent']}, tier {decision['tier']}, zone {decision['zone']}"
    yield f"  for        {decision['user']}, task {decision['task']}"
    yield f"  purpose    stated by the {decision['purpose_source']}"
    yield f"  definition {decision['pin']}, credential {decision['credential']}"
    yield f"  has read   {output.plain(decision['labels'])}"
    yield "  checks"
    for check in decision["checks"]:
        yield f"    {check['check']:<11}{_said(check)}"
    if "policy" in decision:
        yield from _policy(decision["policy"], places)
    yield from _facts(decision, seen)
    for name in ("findings", "failures", "approved", "constrained", "unsafe"):
        if decision.get(name):
            yield f"  {name:<11}{output.plain(decision[name])}"
    if "review" in decision:
        said = decision["review"]
        why, otherwise = output.printable(said["why_code"]), said["otherwise"]
        yield f"  review     {said['answer']}: {why}; otherwise {otherwise}"
    if decision.get("reason") in REASONS:
        known = REASONS[decision["reason"]]
        yield f"  remedy     {known.remedy.value}; a retry helps: {known.retry}"
    yield f"  outcome    {_outcome(decision, outcome)}"


def _policy(policy: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[str]:
    yield f"  policy     bundle {policy['bundle']}"
    for said in ("permit", "elevate", "deny"):
        yield f"    {said:<11}{_named(policy[said], places)}"
    if "log_only" in policy:
        logged = _named(policy["log_only"], places)
        yield f"    log only   {logged}; if they counted: {policy['would_have']}"
    if "obligations" in policy:
        yield f"    demands    {output.plain(policy['obligations'])}"
    if "error" in policy:
        yield f"    error      {output.printable(policy['error'])}"


def _named(ids: list[str], places: Mapping[str, str]) -> str:
    return ", ".join(f"{one} ({places[one]})" if one in places else one for one in ids) or "none"


def _facts(decision: Mapping[str, Any], seen: Mapping[str, Any] | None) -> Iterator[str]:
    """What the rules saw, or of it what the record shows."""
    if seen is None:
        for name in ("provenance", "facts"):
            if decision.get(name):
                yield f"  {name:<11}{output.plain(decision[name])}"
    else:
        yield "  rules saw"
        for name, value in seen.items():
            if name not in ("labels", "findings", "now_ms"):
                yield f"    {name:<11}{output.plain(value)}"
    if UNOPENED in decision:
        yield f"  sealed     what the rules saw: {decision[UNOPENED]}"
    masked = decision.get("policy", {}).get("masked")
    if masked:
        yield f"  masked     {', '.join(output.printable(one) or 'all of it' for one in masked)}"


def _said(check: Mapping[str, Any]) -> str:
    more = check.get("reason") or ", ".join(check.get("asks", ()))
    return f"{check['said']}: {more}" if more else str(check["said"])


def _outcome(decision: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> str:
    if decision["verdict"] != "permit":
        return "none: nothing ran"
    if outcome is None:
        return "unknown: not on record, it may have taken effect"
    happened = "may have taken effect" if outcome["may_have_happened"] else "did not take effect"
    reason = f", {outcome['reason']}" if "reason" in outcome else ""
    said = f"{outcome['status']}{reason}; {happened}"
    if "findings" in outcome:
        said += f"; found {output.plain(outcome['findings'])}"
    demands = decision.get("policy", {}).get("obligations")
    if demands and outcome.get("reason") == "result-withheld":
        said += f"; what {output.plain(demands)} hides is found in a structured result alone"
    return said
