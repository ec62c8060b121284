"""What the page answers."""

from __future__ import annotations

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.ports.values import JSON


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A result that passed step 9; `result` is a JSON-RPC result object."""

    decision: str
    result: JSON


class Replied(msgspec.Struct, frozen=True, kw_only=True):
    """What a person gave an agent along with a refusal: words, and smaller arguments to send."""

    said: str = ""
    arguments: JSON | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal. `may_have_happened` says whether an effect may have taken place upstream, `needs`
    what a client must be able to be asked, `replied` what an approver said.
    """

    decision: str
    code: str
    argument: str | None = None
    approval: str | None = None
    may_have_happened: bool = False
    scopes: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    replied: Replied = Replied()


Answer = Delivered | Refused


class NotRecorded(Exception):
    """No decision, or no outcome, could be recorded: internal error `id`, nothing is delivered."""

    def __init__(self, incident: str) -> None:
        super().__init__(incident)
        self.incident = incident
