"""Where the rules come from, who has to have signed them, and how often to look for newer ones."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Process = Literal["own", "shared"]
"""Where rules are evaluated that could end the process they run in, or keep it."""


class PolicySource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place elsewhere: a folder of a commit (`git`), or an archive (`https`).

    `git` is a URL or the path of a repository, `https` a URL, whose server's certificate is checked
    against the system's authorities, or those in the file `ca`.
    """

    git: str | None = None
    ref: str = "HEAD"
    path: str = "."
    https: str | None = None
    ca: str | None = None

    @property
    def remote(self) -> bool:
        """Whether what arrives from there was on its way where others could change it."""
        return self.https is not None or (self.git is not None and ":" in self.git)


class Signers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose signature the rules have to bear: the keys in a file, a JWK Set (RFC 7517)."""

    jwks: str


class PolicyBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the rules come from: a directory (`bundle`), or a `source` elsewhere.

    `authorization` refers to the value of the header field by which the gateway proves itself to a
    decision point that others run. `process` is where rules in Rego are evaluated.
    """

    bundle: str | None = None
    process: Process = "own"
    authorization: str | None = None
    source: PolicySource | None = None
    verify: Signers | None = None
    reload_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    unsafe_unsigned: bool = False
