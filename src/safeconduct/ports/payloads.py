"""What is kept of a call besides its records: sealed, so that a key can be forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from safeconduct.ports.values import JSON

PayloadOf = Literal["decision", "outcome", "approval"]

Place = tuple[str | int, ...]
"""Where a value lies in a payload: a path of keys and indices."""


class About(msgspec.Struct, frozen=True):
    """What a payload belongs to: whose key seals it, and the record that names it."""

    kind: PayloadOf
    decision: str
    tenant: str
    user: str
    at_ms: int


class Sealed(msgspec.Struct, frozen=True):
    """A sealed payload, and what its record says of it besides where it lies.

    Without `data` nothing is kept but that. `commits` are commitments to parts, by their names.
    `whole`: nothing was left out.
    """

    data: bytes
    said: JSON
    commits: Mapping[str, str] = {}
    whole: bool = True


class Sealer(Protocol):
    """Seals payloads. No credential that is known or looks like one gets into it."""

    def seal(
        self,
        about: About,
        content: JSON,
        masked: Sequence[Place] = (),
        parts: Mapping[str, object] = {},
    ) -> Sealed:
        """The content, sealed with the key of its user; values at the places in `masked` are left
        out of it. `parts` are committed to one by one.

        Raises: LedgerFault: there is no key.
        """
        ...


class Unsealer(Protocol):
    """Opens what was sealed."""

    def unsealed(self, kind: PayloadOf, decision: str, said: JSON) -> JSON | None:
        """The content of a payload, by the record that names it and what that says of it; None:
        its key or its file is gone, or it is not as it was written.

        Raises: LedgerFault, OSError: nobody knows.
        """
        ...
