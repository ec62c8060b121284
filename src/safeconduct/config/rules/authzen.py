"""The Authorization API: somebody may ask, there is something to ask about, and no agent asks."""

from __future__ import annotations

from safeconduct.config.draft import Draft
from safeconduct.config.files import find
from safeconduct.config.problem import Report


def authzen(draft: Draft, report: Report) -> None:
    """An agent that could ask for decisions could have calls decided that never reach a tool."""
    root = draft.root
    if root is None or root.value.authzen is None:
        return
    block = root.value.authzen
    if not block.callers:
        report.error(
            root.file,
            ("authzen", "callers"),
            "nobody may ask",
            "name the SPIFFE ID of each enforcement point",
        )
    for caller in block.callers:
        if caller in root.value.assignments:
            report.error(
                root.file,
                ("authzen", "callers"),
                f"`{caller}` is an agent",
                "give the enforcement point a SPIFFE ID of its own",
            )
    if block.bundle is None and block.drafts.coaz_mcp is None:
        report.error(
            root.file,
            ("authzen",),
            "there is nothing to ask about",
            "name a `bundle`, or write `drafts: {coaz_mcp: draft-1}`",
        )
    if block.drafts.access_request is not None and block.drafts.coaz_mcp is None:
        report.error(
            root.file,
            ("authzen", "drafts", "access_request"),
            "a person is asked about messages of MCP alone, which are not decided here",
            "write `coaz_mcp: draft-1` as well",
        )
    if block.bundle is not None:
        find(draft.directory, block.bundle, report, file=root.file, place=("authzen", "bundle"))
