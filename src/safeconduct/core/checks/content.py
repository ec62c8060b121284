"""Do the arguments themselves carry what must not leave: credentials, links to anywhere?"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.links import unvouched_links
from safeconduct.core.model import Call, Facts
from safeconduct.core.steering import asking, plausible
from safeconduct.core.verdict import Deny, Elevate

INSPECTOR: Final = "inspector"
"""The name under which a failed inspection stands in `Facts.failures`."""

LINK_SOURCE: Final = "content:link"
"""What an approval was asked for when nobody vouches for a link."""

LINKS: Final = "links in the content"
"""Under which the hosts of such links are shown to a person, beside where arguments come from."""


def content(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses arguments that hold a credential, that could not be inspected, and that lead those
    who see them to where nobody vouches for.
    """
    if INSPECTOR in facts.failures:
        return Deny("inspector-failed")
    if any(finding.kind.startswith("secret.") for finding in facts.findings):
        return Deny("content-secret")
    # INVARIANT: a list that could not be had refuses by itself, in the check `policy`.
    return None if RESOLVER in facts.failures else _linked(call, facts)


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
