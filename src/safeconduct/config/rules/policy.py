"""The policy bundle: it exists and says something. The engine judges the rest when it loads it."""

from __future__ import annotations

import re
from pathlib import Path

from safeconduct.config.draft import Draft
from safeconduct.config.files import find
from safeconduct.config.problem import Report

_RULE = re.compile(r"^(?:permit|elevate|deny)\b", re.MULTILINE)

PLACE = ("policy", "bundle")


def policy(draft: Draft, report: Report) -> None:
    """A bundle without a rule would refuse every call; nobody means that, so it is refused here."""
    root = draft.root
    if root is None:
        return
    name = root.value.policy.bundle
    for bundle in find(draft.directory, name, report, file=root.file, place=PLACE)[:1]:
        tests = bundle / "tests"
        rules = [path for path in bundle.rglob("*.rego") if tests not in path.parents]
        if not any(_has_rule(path) for path in rules):
            report.error(
                root.file,
                PLACE,
                f"the policy in `{name}` has not a single rule",
                "write a `permit` rule in a .rego file of this directory",
            )


def _has_rule(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return _RULE.search(text) is not None
