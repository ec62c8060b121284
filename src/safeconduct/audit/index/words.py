"""The words that records say of themselves, as docs/reference/records.md has them: what is asked
for by another is a mistake, and no search without a result.
"""

from __future__ import annotations

from typing import Final

KINDS: Final = (
    "approval", "audit.full", "audit.read", "bypass", "client", "clock.step", "config", "consent",
    "decision", "elevation", "erasure", "evaluation", "hold", "key.rotated", "memory",
    "node.checkpoint", "node.contradiction", "outcome", "passkey", "pin", "policy", "release",
    "resumption", "retention", "revocation", "svid", "task",
)  # fmt: skip
"""What kinds of records there are."""

SAID: Final = (
    # verdicts of decisions
    "permit", "elevate", "deny",
    # statuses of outcomes
    "ok", "error", "refused", "withheld", "cancelled", "unknown", "handed-over",
    # phases of all else
    "access-request", "agreed", "amended", "began", "decision", "denied", "diff", "elevated",
    "ended", "explain", "export", "given", "granted", "introspection", "issued", "live", "loaded",
    "narrowed", "placed", "publish", "query", "registered", "released", "removed", "renewed",
    "replay", "requested", "revocation", "search", "show", "started", "timeline", "withdrawn",
)  # fmt: skip
"""The verdicts, statuses and phases that there are."""
