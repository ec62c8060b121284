"""The index of the log: a database is somewhere, and as whom to connect is a secret."""

from __future__ import annotations

from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import is_reference


def index(draft: Draft, report: Report) -> None:
    """A database has a reference to its address, and files have none."""
    root = draft.root
    block = None if root is None else root.value.audit.index
    if root is None or block is None:
        return
    place = ("audit", "index", "dsn")
    if block.kind == "files":
        if block.dsn is not None:
            fix = "leave it out, or say `kind: postgres`"
            report.error(root.file, place, "an index in files has no `dsn`", fix)
    elif block.dsn is None or not is_reference(block.dsn):
        fix = "write file:PATH or env:NAME, and keep the value out of the configuration"
        report.error(root.file, place, "`dsn` is not a reference", fix)
