"""A bypass: for some minutes nobody is asked a question of one name. An emergency, on record.

Whoever could say yes to such a question gives it, with a passkey's signature of what and why, and
it never holds for what is done for themselves. Where two persons have to say yes, one cannot waive
that; where only the user is asked, nobody can.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from safeconduct.approvals.answers import REMOVED, Approver, NotProven, NotYours, Verifier
from safeconduct.approvals.desk import CHALLENGE_MS
from safeconduct.approvals.members import Members
from safeconduct.core.approvers import USER, Means, Party, Template
from safeconduct.core.canonical import canonical, sha256
from safeconduct.ports import JSON, Ledger, LedgerConflict

MAX_WHY: Final = 300
"""How long the reason may be, in characters."""


class NoSuchBypass(LookupError):
    """Nobody gave this, or it has ended."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which question is not asked, for how many minutes, and why."""

    template: str
    minutes: int
    why: str


class Bypasses:
    """Gives and ends bypasses."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        verifiers: Callable[[], Mapping[Means, Verifier]],
        members: Members,
        templates: Mapping[str, Template],
        most_minutes: int | None,
        tenant: str,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        """`most_minutes`: for how long at most; None: nobody may. `members` tells whether somebody
        is in a group of approvers.
        """
        self._ledger = ledger
        self._verifiers = verifiers
        self._members = members
        self._templates = templates
        self._most_minutes = most_minutes
        self._tenant = tenant
        self._clock_ms = clock_ms
        self._new_id = new_id
        # By approver, what they are about to sign: the nonce, what, and until when.
        self._asked: dict[str, tuple[str, Wanted, int]] = {}

    def challenge(self, approver: Approver, wanted: Wanted) -> bytes:
        """What a passkey has to sign; the last one given counts. Raises NotYours."""
        self._party(approver, wanted)
        nonce = secrets.token_urlsafe(24)
        self._asked[approver.user] = nonce, wanted, self._clock_ms() + CHALLENGE_MS
        return challenge(wanted, self._tenant, approver, nonce)

    async def give(self, approver: Approver, wanted: Wanted, evidence: JSON) -> str:
        """Records a bypass that is proven, and returns its id.

        Raises:
            NotYours, NotProven: it is not given; nothing was recorded.
            LedgerFault: it could not be recorded, so it does not hold.
        """
        party = self._party(approver, wanted)
        nonce, asked, until_ms = self._asked.pop(approver.user, ("", None, 0))
        verifier = self._verifiers().get("passkey")
        now_ms = self._clock_ms()
        if asked != wanted or verifier is None or now_ms >= until_ms:
            raise NotProven("This was not what you were asked to confirm. Look at it again.")
        signed = challenge(wanted, self._tenant, approver, nonce)
        proof = await verifier.verify(approver, signed, evidence, now_ms)
        if party.keys == "device-bound" and not proof.device_bound:
            raise NotProven("This needs a passkey that cannot leave the device it was made on.")
        identifier = self._new_id("b")
        record = {
            "kind": "bypass",
            "phase": "granted",
            "bypass": identifier,
            "tenant": self._tenant,
            "templates": [wanted.template],
            "party": msgspec.to_builtins(party),
            "minutes": wanted.minutes,
            "why": wanted.why,
            "by": approver.user,
            "means": "passkey",
            "proof": {**proof.kept, "nonce": nonce},
            "at_ms": now_ms,
            "until_ms": now_ms + wanted.minutes * 60_000,
        }
        try:
            await self._ledger.append(record)
        except LedgerConflict:
            raise NotProven(REMOVED) from None
        return identifier

    async def end(self, bypass: str, by: str) -> None:
        """From now on people are asked again. Raises NoSuchBypass; LedgerFault."""
        try:
            await self._ledger.append(
                {
                    "kind": "bypass",
                    "phase": "ended",
                    "bypass": bypass,
                    "tenant": self._tenant,
                    "by": by,
                    "at_ms": self._clock_ms(),
                }
            )
        except LedgerConflict:
            raise NoSuchBypass(bypass) from None

    def _party(self, approver: Approver, wanted: Wanted) -> Party:
        """For whom this person waives the question. Raises NotYours."""
        template = self._templates.get(wanted.template)
        if self._most_minutes is None or template is None or approver.tenant != self._tenant:
            raise NotYours("No bypass can be given of this here.")
        if not 1 <= wanted.minutes <= self._most_minutes:
            raise NotYours(f"A bypass lasts {self._most_minutes} minutes at most.")
        if not wanted.why.strip() or len(wanted.why) > MAX_WHY:
            raise NotYours(f"Say why, in {MAX_WHY} characters at most.")
        if len(template.parties) != 1 or template.parties[0].count != 1:
            raise NotYours("Several persons have to say yes to this, and one cannot waive that.")
        (party,) = template.parties
        if party.who == USER or not self._members(approver, party.who):
            raise NotYours("You are not one of those who are asked.")
        if "passkey" not in party.means:
            raise NotYours("A bypass needs a passkey, which is no means here.")
        return party


def challenge(wanted: Wanted, tenant: str, approver: Approver, nonce: str) -> bytes:
    """What a passkey signs: SHA-256 of the RFC 8785 form of who waives what and why, 32 bytes."""
    said = {
        "v": 1,
        "kind": "safeconduct.bypass",
        "template": wanted.template,
        "minutes": wanted.minutes,
        "why": wanted.why,
        "tenant": tenant,
        "approver": approver.user,
        "nonce": nonce,
    }
    return bytes.fromhex(sha256(canonical(said)).removeprefix("sha256:"))
