"""The policy is to be had from one place, and what was on its way from elsewhere is signed."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.config.draft import Draft, Part
from safeconduct.config.files import find
from safeconduct.config.keys import is_url
from safeconduct.config.policy import PolicyBlock, PolicySource
from safeconduct.config.problem import Report
from safeconduct.config.schema import Root

PLACE: Final = ("policy", "bundle")
_TOKEN: Final = re.compile(r"https?://[^/:@]+@")
"""With a colon it is a password, which is found wherever it stands."""

_SOURCE: Final = ("policy", "source")
_VERIFY: Final = ("policy", "verify")


def policy(draft: Draft, report: Report) -> None:
    """The engine judges the rest when it loads the bundle."""
    root = draft.root
    if root is None:
        return
    block = root.value.policy
    if (block.bundle is None) == (block.source is None):
        report.error(
            root.file,
            ("policy",),
            "the policy comes from one place",
            "name either a `bundle`, a directory, or a `source`",
        )
    if block.bundle is not None:
        find(draft.directory, block.bundle, report, file=root.file, place=PLACE)
    if block.source is not None:
        _source(root, block.source, report)
    if block.verify is not None:
        find(draft.directory, block.verify.jwks, report, file=root.file, place=(*_VERIFY, "jwks"))
    _signed(root, block, report)


def _source(root: Part[Root], source: PolicySource, report: Report) -> None:
    if (source.git is None) == (source.https is None):
        report.error(
            root.file, _SOURCE, "a source is one repository or one URL", "name `git` or `https`"
        )
    if source.https is not None and not is_url(source.https):
        report.error(root.file, (*_SOURCE, "https"), "not a URL", "write https://...")
    for key, where in (("git", source.git), ("https", source.https)):
        if where is not None and is_url(where) and _TOKEN.match(where):
            report.error(
                root.file,
                (*_SOURCE, key),
                "a token in a URL would stand in records",
                "leave it out; git asks its credential helper",
            )


def _signed(root: Part[Root], block: PolicyBlock, report: Report) -> None:
    remote = block.source is not None and block.source.remote
    if remote and block.verify is None and not block.unsafe_unsigned:
        report.error(
            root.file,
            _SOURCE,
            "nobody has to sign what comes from there, so whoever is on its way decides",
            "add `verify: {jwks: FILE}` with the keys of its signers",
        )
    if block.verify is not None and block.unsafe_unsigned:
        report.error(
            root.file,
            ("policy", "unsafe_unsigned"),
            "the policy has to be signed, and need not be",
            "remove `unsafe_unsigned`",
        )
