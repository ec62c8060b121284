"""Literal secrets: nothing that looks like a credential stands in a configuration file."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.config.problem import Report

# Broader than what inspectors look for in traffic: here a false alarm costs one renamed value.
_SHAPES: Final[dict[str, str]] = {
    "an API key": r"(?<![\w-])sk-(?:(?=[\w-]*\d)[\w-]{8,}|[\w-]{20,})|\bAIza[\w-]{30,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,})",
    "a GitLab token": r"\bglpat-[\w-]{16,}",
    "a Slack token": r"\bxox[a-z]-[A-Za-z0-9-]{8,}",
    "a Stripe key": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{8,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
    "a signed token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{4,}",
    "a bearer token": r"(?i:\bbearer)\s+(?:(?=\S*\d)[\w.~+/=-]{8,}|[\w.~+/=-]{24,})",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:[^\s/@'\"]+@",
}
_ANY: Final = re.compile("|".join(f"(?P<k{i}>{shape})" for i, shape in enumerate(_SHAPES.values())))
_NAMES: Final = {f"k{i}": name for i, name in enumerate(_SHAPES)}


def literals(name: str, text: str, report: Report) -> None:
    """Report every line with a literal secret, in comments too; the secret is not repeated."""
    for number, line in enumerate(text.split("\n"), 1):
        found = _ANY.search(line)
        if found is not None:
            report.add(
                name,
                number,
                f"this line holds what looks like {_NAMES[str(found.lastgroup)]}",
                "remove it, treat it as leaked, and refer to it: file:PATH or env:NAME",
            )
