"""`safeconduct policy test`: what the tests of bundles say of them."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeconduct.cli.output import FAULT, FOUND, OK, complain, counted, emit, usage
from safeconduct.cli.policy.bundles import bundles

if TYPE_CHECKING:
    from safeconduct.policy.trial.outcome import Outcome
    from safeconduct.policy.trial.running import Judge

HELP: Final = "run the tests of policy bundles"
EXAMPLE: Final = """\
safeconduct policy test gateway/policy
safeconduct policy test --threshold 90 --engine both policies/"""


_INSTALL: Final = (
    "fix: pip install --ignore-requires-python opa-golib-python-bindings, or leave out --engine"
)

JUDGES: Final[dict[str, tuple[Judge, ...]]] = {
    "regorus": ("own",),
    "opa": ("opa",),
    "both": ("own", "opa"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundles, how much of them has to be reached, and by which engine."""
    parser.description = (
        "Run the tests in tests/ of one bundle or of a folder of bundles, each in a process of\n"
        "its own, with the clock stopped. Exit code 1 means that a test failed, that a bundle has\n"
        "none or would not load, or that its tests reach too little of it."
    )
    parser.add_argument("paths", metavar="DIR", type=Path, nargs="+", help="bundle, or a folder")
    parser.add_argument(
        "--threshold", metavar="PERCENT", type=int, default=0,
        help="how many of a bundle's lines its tests have to reach (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=JUDGES, default="regorus",
        help="for Rego: the gateway's engine (default), Open Policy Agent's if it is installed",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Test everything, then answer once."""
    found = list(bundles(args.paths))
    if not found:
        return usage("no policy.yaml there; name a bundle, or a folder of bundles")
    if not 0 <= args.threshold <= 100:
        return usage("a threshold is a percentage: 0 to 100")
    if args.engine != "regorus" and importlib.util.find_spec("opa_bindings") is None:
        complain(f"Open Policy Agent is not installed here ({_INSTALL})")
        return FAULT
    from safeconduct.policy.trial.running import run as try_bundle

    reports = [
        _report(bundle, outcome, args.threshold)
        for bundle in found
        for outcome in try_bundle(bundle, JUDGES[args.engine])
    ]
    ok = all(report["ok"] for report in reports)
    text = "\n".join(line for report in reports for line in report.pop("text"))
    emit(args, {"ok": ok, "bundles": reports}, text)
    return OK if ok else FOUND


def _report(bundle: Path, outcome: Outcome, threshold: int) -> dict[str, Any]:
    short = outcome.percent < threshold
    ok = not outcome.failed and not short
    counts = {"passed": outcome.passed, "failed": len(outcome.failed), "skipped": outcome.skipped}
    told = [f"{number} {name}" for name, number in counts.items() if number or name == "passed"]
    told.append(f"{outcome.percent} % of the lines reached")
    lines = [f"{'ok  ' if ok else 'FAIL'} {bundle} ({outcome.engine}): {', '.join(told)}"]
    lines += [f"  {found.under(bundle)}" for found in outcome.failed]
    if short:
        lines += [
            f"  {bundle / file.file}: {counted(len(file.missed), 'line')} not reached: "
            f"{', '.join(map(str, file.missed))}"
            for file in outcome.lines
            if file.missed
        ]
    lines += [
        f"  {bundle / rule.file}:{rule.line}: no case makes `{rule.id}` speak"
        for rule in outcome.silent
    ]
    return {
        "bundle": str(bundle),
        "ok": ok,
        "engine": outcome.engine,
        "passed": outcome.passed,
        "skipped": outcome.skipped,
        "failed": outcome.failed,
        "percent": outcome.percent,
        "lines": outcome.lines,
        "silent": outcome.silent,
        "text": lines,
    }
