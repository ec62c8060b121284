"""`safeconduct explain`: why a call was decided as it was."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safeconduct.cli import output
from safeconduct.core.reasons import REASONS

HELP = "explain one decision: every check, the rules, the facts they saw"
EXAMPLE = "safeconduct explain d_0123456789abcdef01234567 --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("decision", help="the decision's id, d_…")
    parser.add_argument("--log", type=Path, help="the log (default: --config's)")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Explains from the record alone."""
    from safeconduct.audit.verify import find_decision

    try:
        decision, outcome = find_decision(args.log or output.audit_directory(args), args.decision)
    except LookupError:
        form = "" if args.decision.startswith("d_") else " (a decision's id has the form d_…)"
        return output.refused(f"the log knows no decision {args.decision}{form}")
    output.emit(args, {"decision": decision, "outcome": outcome}, _text(decision, outcome))
    return output.OK


def _text(decision: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> str:
    lines = [
        f"{decision['decision']}: {decision['verdict']}"
        + (f", {decision['reason']}" if "reason" in decision else ""),
        f"  call       {output.printable(decision['tool'])}, {decision['size']} bytes of arguments",
        f"  method     {decision['method']}, effect {decision['effect']}",
        f"  agent      {decision['agent']}, tier {decision['tier']}, zone {decision['zone']}",
        f"  for        {decision['user']}, task {decision['task']}",
        f"  purpose    stated by the {decision['purpose_source']}",
        f"  definition {decision['pin']}, credential {decision['credential']}",
        f"  has read   {output.plain(decision['labels'])}",
        "  checks",
    ]
    lines += [f"    {check['check']:<11}{_said(check)}" for check in decision["checks"]]
    for name in ("policy", "provenance", "facts", "findings", "failures", "unsafe"):
        if decision.get(name):
            lines.append(f"  {name:<11}{output.plain(decision[name])}")
    if decision.get("reason") in REASONS:
        reason = REASONS[decision["reason"]]
        lines.append(f"  remedy     {reason.remedy.value}; a retry helps: {reason.retry}")
    lines.append(f"  outcome    {_outcome(decision, outcome)}")
    return "\n".join(lines)


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
    return f"{outcome['status']}{reason}; {happened}"
