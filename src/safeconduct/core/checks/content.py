"""Do the arguments themselves carry what must not leave: credentials, copies, links to anywhere?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from safeconduct.core.asking import asking, plausible
from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.findings import UNREAD, refusal
from safeconduct.core.links import unvouched_links
from safeconduct.core.model import Call, Facts, Finding, ToolFacts
from safeconduct.core.releases import held
from safeconduct.core.verdict import Deny, Elevate

INSPECTOR: Final = "inspector"
"""The name under which a failed inspection stands in `Facts.failures`."""

LINK_SOURCE: Final = "content:link"
"""What an approval was asked for when nobody vouches for a link."""

LINKS: Final = "links in the content"
"""Under which the hosts of such links are shown to a person, beside where arguments come from."""


def content(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses arguments that hold a credential, or what the tool refuses, that could not be
    inspected, that repeat what is too confidential, and that lead those who see them to where
    nobody vouches for.
    """
    if INSPECTOR in facts.failures:
        unread = any(finding.kind in UNREAD for finding in facts.findings)
        return Deny("document-unread" if unread else "inspector-failed")
    if (found := unfit(facts.gathered.tool, facts.findings)) is not None:
        return Deny(found)
    if _copies(call, facts):
        return Deny("content-fingerprint")
    # INVARIANT: a list that could not be had refuses by itself, in the check `policy`.
    return None if RESOLVER in facts.failures else _linked(call, facts)


def unfit(tool: ToolFacts, findings: Sequence[Finding]) -> str | None:
    """The reason why arguments in which this was found do not go to this tool."""
    manifest = tool.manifest
    return refusal(findings, () if manifest is None else manifest.sink.categories_refused)


def _copies(call: Call, facts: Facts) -> bool:
    """Whether a change repeats what is too confidential for its sink, and the request does not."""
    tool = facts.gathered.tool
    return tool.effect.changes_state and facts.copied > tool.clearance and held(call, facts)


def _linked(call: Call, facts: Facts) -> Deny | Elevate | None:
    links = unvouched_links(call, facts)
    if not links.whole:
        return Deny("content-unreadable")
    if not links.hosts:
        return None
    if not plausible(call, facts):
        return Deny("link-unvouched")
    question = asking(call, facts, LINK_SOURCE).requirement
    return Elevate(replace(question, origins={**question.origins, LINKS: links.hosts}))
