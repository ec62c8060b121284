"""`safeconduct policy check`: everything that is wrong with bundles, with file, line and fix."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from safeconduct.cli.output import FOUND, OK, complain, emit, usage
from safeconduct.cli.policy.bundles import bundles

HELP: Final = "look for mistakes in policy bundles"
EXAMPLE: Final = """\
safeconduct policy check gateway/policy
safeconduct policy check --format json policies/"""

_SIGN: Final = "sign it again with `safeconduct policy sign` before it is handed out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundles."""
    parser.description = (
        "Look for mistakes in one bundle or in a folder of bundles, and print each as\n"
        "`file:line: sentence (fix: ...)`: what keeps a gateway from loading it, and what has no\n"
        "effect, is compared with what it never is, or asks for what the policy input or the data\n"
        "do not have. Exit code 1 means that something was found. What was changed after it was\n"
        "signed is told on standard error, and is no mistake."
    )
    parser.add_argument("paths", metavar="DIR", type=Path, nargs="+", help="bundle, or a folder")


def run(args: argparse.Namespace) -> int:
    """Check everything, then answer once."""
    found = list(bundles(args.paths))
    if not found:
        return usage("no policy.yaml there; name a bundle, or a folder of bundles")
    from safeconduct.policy.trial.checking import check

    reports = {bundle: [one.under(bundle) for one in check(bundle)] for bundle in found}
    problems = [problem for report in reports.values() for problem in report]
    changed = [str(bundle) for bundle in found if _changed(bundle)]
    for bundle in changed:
        complain(f"{bundle} was changed after its release was signed (fix: {_SIGN})")
    lines = [str(problem) for problem in problems]
    lines += [f"ok: {bundle}" for bundle, report in reports.items() if not report]
    told = {"ok": not problems, "problems": problems, "changed_since_signed": changed}
    emit(args, told, "\n".join(lines))
    return FOUND if problems else OK


def _changed(bundle: Path) -> bool:
    """Whether a release lies in the bundle that is one of other content."""
    from safeconduct.cli.policy.places import files_at
    from safeconduct.policy.bundles.layout import RELEASE, content_of, digest_of
    from safeconduct.policy.bundles.release import read_release
    from safeconduct.policy.refusal import PolicyRefused

    try:
        files = files_at(bundle)
        released = files.get(RELEASE)
        return released is not None and read_release(released).digest != digest_of(
            content_of(files)
        )
    except PolicyRefused:  # which is found already
        return False
