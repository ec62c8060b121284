"""Names, as the files of the configuration have to write them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# In Python `$` also matches before a last line break, in JSON Schema (ECMA 262) it does not, and
# `\Z` is unknown there; what follows the `$` makes both mean the very end.
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$(?!\n)")]
SpiffeId = Annotated[
    str,
    Meta(pattern=r"^spiffe://[a-z0-9._-]{1,255}(/[a-zA-Z0-9._-]+)+$(?!\n)", max_length=2048),
]
