"""Do the arguments themselves carry what must never leave: credentials?"""

from __future__ import annotations

from safeconduct.core.model import Call, Facts
from safeconduct.core.verdict import Deny

INSPECTOR = "inspector"
"""The name under which a failed inspection stands in `Facts.failures`."""


def content(call: Call, facts: Facts) -> Deny | None:
    """Refuses arguments that hold a credential, and arguments that could not be inspected."""
    del call
    if INSPECTOR in facts.failures:
        return Deny("inspector-failed")
    if any(finding.kind.startswith("secret.") for finding in facts.findings):
        return Deny("content-secret")
    return None
