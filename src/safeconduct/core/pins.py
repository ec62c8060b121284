"""Which definition of a tool counts as reviewed: by its manifest, or by who accepted it since."""

from __future__ import annotations

import msgspec


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that an operator accepted, by its digest. `manifest` is what the manifest pinned
    at that time, if anything.
    """

    pin: str
    by: str
    why: str
    at_ms: int
    manifest: str | None = None


def stands(manifest: str | None, accepted: Accepted | None) -> bool:
    """Whether what was accepted counts: while the manifest pins what it pinned then. Whoever writes
    another pin into the file, or takes one out, has the last word.
    """
    return accepted is not None and accepted.manifest == manifest


def reviewed(manifest: str | None, accepted: Accepted | None) -> str | None:
    """The digest that counts as reviewed, if any does."""
    return accepted.pin if accepted is not None and stands(manifest, accepted) else manifest
