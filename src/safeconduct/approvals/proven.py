"""Every yes on record that a passkey signed, verified again: from the log's records alone.

What was signed is rebuilt from what stands there, so that nothing but the registered key, the very
question and the very answer verify. No gateway, and no secret of one, is needed for it: the keys of
the payloads tell who the users are, and show what was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fido2.utils import websafe_decode
from fido2.webauthn import AuthenticatorData

from safeconduct.approvals.answers import Approver, Choice, NotProven, challenge
from safeconduct.approvals.passkeys import verified
from safeconduct.core.canonical import digest
from safeconduct.ports import JSON

KINDS: Final = frozenset({"passkey", "approval", "elevation", "decision"})
"""The kinds of records that are looked at."""

MAX_LISTED: Final = 20

_SIGNED: Final = ("approval", "agent", "user", "task", "tenant")
"""What of a question is signed besides the digest of all that is shown."""

_BACKED_UP: Final = AuthenticatorData.FLAG.BE | AuthenticatorData.FLAG.BS

Record = Mapping[str, Any]


class NotRight(msgspec.Struct, frozen=True):
    """One yes that is not proven; `seq` is its record."""

    seq: int
    sentence: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        verified: How many signatures are by the key that was registered, of what was shown.
        unseen: How many cannot be looked at, as who was asked, or who answered, was forgotten, the
            keys to that are not at hand, or what came before was pruned.
        unsigned: How many yeses were given by other means, by these.
        wrong: How many do not verify.
        findings: The first 20 of these.
    """

    verified: int
    unseen: int
    unsigned: dict[str, int]
    wrong: int
    findings: tuple[NotRight, ...]


class _Before(Exception):
    """What this rests on is not on record: it was pruned, or never was."""


class Proven:
    """Takes in the records of a log, in their order. `url` is that of the console at the time; with
    none the origin is the one that the browser named. `whole`: nothing of the log was pruned.
    """

    def __init__(self, url: str | None = None, *, whole: bool = True) -> None:
        self._url = url
        self._whole = whole
        self._good: dict[str, str] = {}
        self._keys: dict[str, Record] = {}
        self._asked: dict[str, tuple[Record, JSON | None]] = {}
        self._elevated: dict[str, tuple[int, Record]] = {}
        self._nonces: set[str] = set()
        self._verified = self._unseen = self._wrong = 0
        self._unsigned: dict[str, int] = {}
        self._findings: list[NotRight] = []

    def add(self, seq: int, record: Record, shown: JSON | None, *, readable: bool) -> None:
        """Takes in a record of one of the kinds, with its users as far as anybody knows them.
        `shown` is what a question showed, if that can be opened, and `readable` says whether this
        record names its users.
        """
        try:
            self._add(seq, record, shown, readable=readable)
        except _Before:
            if self._whole:
                self._find(seq, "it rests on what is not on record before it")
            else:
                self._unseen += 1
        except NotProven as fault:
            self._find(seq, str(fault))
        except (KeyError, TypeError, ValueError):
            self._find(seq, "it lacks what a record of its kind has")

    def summary(self) -> Summary:
        """What was found, once all was taken in."""
        for seq, record in self._elevated.values():
            self._find(seq, f"no elevation followed the yes to {record['approval']}")
        self._elevated.clear()
        return Summary(
            verified=self._verified,
            unseen=self._unseen,
            unsigned=dict(sorted(self._unsigned.items())),
            wrong=self._wrong,
            findings=tuple(self._findings),
        )

    def _find(self, seq: int, sentence: str) -> None:
        self._wrong += 1
        if len(self._findings) < MAX_LISTED:
            self._findings.append(NotRight(seq, f"record {seq}: {sentence}"))

    def _add(self, seq: int, record: Record, shown: JSON | None, *, readable: bool) -> None:
        if record["kind"] == "decision":
            if record["verdict"] == "permit" and "approval" in record:
                self._used(record)
            return
        match record["kind"], record["phase"]:
            case "passkey", "registered":
                self._keys[record["credential"]] = record
            case "passkey", _:
                self._keys.pop(record["credential"], None)
            case "elevation", "granted":
                self._given(record)
            case "approval", "requested":
                if shown is not None and digest(shown) != record["shown"]:
                    raise NotProven("what is sealed is not what was shown")
                self._asked[record["approval"]] = record if readable else {}, shown
            case "approval", phase if phase != "denied":
                self._counts(record)
                self._yes(seq, record, readable=readable)
            case _:
                pass

    def _counts(self, record: Record) -> None:
        """The digest of the call that a yes is to, by the approval that it became."""
        if record["phase"] == "granted":
            self._good[record["approval"]] = record["digest"]
        elif record["phase"] == "narrowed":
            if record["narrowed"] != record["to"]:
                raise NotProven("the smaller call is not what was agreed to")
            self._good[record["as"]] = record["narrowed"]

    def _used(self, record: Record) -> None:
        if record["approval"] not in self._good:
            raise _Before
        if self._good.pop(record["approval"]) != record["digest"]:
            raise NotProven("the call that ran is not the one that was agreed to")

    def _yes(self, seq: int, record: Record, *, readable: bool) -> None:
        means = record["means"]
        if means != "passkey":
            self._unsigned[means] = self._unsigned.get(means, 0) + 1
            return
        if record["approval"] not in self._asked:
            raise _Before
        asked, shown = self._asked[record["approval"]]
        nonce = record["proof"]["nonce"]
        if nonce in self._nonces:
            raise NotProven("its nonce was used before")
        self._nonces.add(nonce)
        if record["phase"] == "elevated":
            self._elevated[record["approval"]] = seq, record
        if not (asked and readable):
            self._unseen += 1
            return
        question = shown or {name: asked[name] for name in _SIGNED}
        if any(question[name] != asked[name] for name in _SIGNED):
            raise NotProven("it was asked of others, or about another task, than what was shown")
        if asked["shown"] != record["shown"] or asked["digest"] != record["digest"]:
            raise NotProven("it answers another question")
        self._signed(record, question, asked)
        self._verified += 1

    def _signed(self, record: Record, question: JSON, asked: Record) -> None:
        """Raises NotProven."""
        proof = record["proof"]
        key = self._keys.get(proof["credential"])
        if key is None:
            raise _Before
        if key["user"] != record["by"]:
            raise NotProven("its passkey is somebody else's")
        bound = any(
            one["who"] == record["for"] and one["keys"] == "device-bound"
            for one in asked["parties"]
        )
        if bound and (key["synced"] or _backed_up(proof)):
            raise NotProven("its passkey is not bound to a device")
        approver = Approver(user=record["by"], tenant=record["tenant"])
        url = self._url or _origin(proof)
        choice: Choice = record["choice"]
        once = record["to"] == record["digest"]
        if record["phase"] not in ("agreed", choice) or (choice == "granted") is not once:
            raise NotProven("what was chosen is not what is said to come of it")
        signed = challenge(
            question, record["shown"], choice, record["to"], approver, proof["nonce"]
        )
        try:
            verified(key, proof, signed, url)
        except NotProven:
            raise NotProven("its signature is not of this") from None

    def _given(self, record: Record) -> None:
        """An elevation is the one that was agreed to."""
        _, asked = self._elevated.pop(record["approval"], (0, None))
        if asked is None:
            return  # by other means
        agreed = {
            "tool": record["tool"],
            "calls": record["calls"],
            "minutes": (record["until_ms"] - record["at_ms"]) // 60_000,
            "open": record["open"],
            "steers": record["steers"],
            "most": record["most"],
        }
        if digest(agreed) != asked["to"]:
            raise NotProven("the elevation is not what was agreed to")


def _backed_up(proof: Record) -> bool:
    data = AuthenticatorData(websafe_decode(proof["authenticator_data"]))
    return bool(data.flags & _BACKED_UP)


def _origin(proof: Record) -> str:
    said = msgspec.json.decode(websafe_decode(proof["client_data"]), type=dict[str, Any])
    return str(said["origin"])
