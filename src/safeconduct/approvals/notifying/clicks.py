"""A click in Slack as an answer, for templates whose means has `chat`: the weakest of all.

Slack's signature (https://docs.slack.dev/authentication/verifying-requests-from-slack) says that a
request is Slack's and not older than five minutes, and nothing else: it can be replayed within them
and says nothing of who the user is here. So every button brings an id that is good once, for one
answer of one person to one question in one message, and `people` says whose account it is.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs

import msgspec

from safeconduct.approvals.answers import Answer, Approver, NotProven, NotYours, Proof
from safeconduct.approvals.desk import Desk, NoSuchQuestion
from safeconduct.approvals.notifying.notice import Notice
from safeconduct.approvals.notifying.notifier import To
from safeconduct.kit import strictjson
from safeconduct.ports import JSON

WINDOW_S: Final = 300
"""How old a request may be, and how far in the future, in seconds."""

MAX_TICKETS: Final = 10_000
MAX_BODY: Final = 65_536

OPEN: Final = "Open the page to look at it and answer."
GONE: Final = f"This does not wait for this answer any more. {OPEN}"

_log = logging.getLogger(__name__)

_Word = Annotated[str, msgspec.Meta(max_length=200)]


class Forged(Exception):
    """The request is not Slack's, or too old. Nobody is told which."""


class _Named(msgspec.Struct, frozen=True):
    id: _Word


class _Action(msgspec.Struct, frozen=True):
    action_id: _Word
    value: _Word = ""


class _Container(msgspec.Struct, frozen=True):
    channel_id: _Word
    message_ts: _Word


class _Payload(msgspec.Struct, frozen=True):
    """What is used of a `block_actions` payload."""

    type: Literal["block_actions"]
    user: _Named
    team: _Named
    container: _Container
    actions: Annotated[tuple[_Action, ...], msgspec.Meta(min_length=1, max_length=1)]


class Slack(msgspec.Struct, frozen=True):
    """Where clicks come from: whose signature, and which workspace."""

    signing: Callable[[], str]
    workspace: str


class _Ticket(msgspec.Struct, frozen=True):
    notifier: str
    approval: str
    choice: Literal["granted", "denied"]
    user: str
    address: str
    message: str = ""


class Said(msgspec.Struct, frozen=True):
    """What the person is told in the chat, and by which notifier; nothing where there is nothing to
    say.
    """

    notifier: str
    user: str
    channel: str
    sentence: str = ""


class Clicks:
    """Believes clicks (`safeconduct.approvals.answers.Verifier`, means `chat`)."""

    def __init__(
        self,
        desk: Desk,
        persons: Callable[[str], Approver | None],
        places: Mapping[str, Slack],
        clock_ms: Callable[[], int],
    ) -> None:
        """`places` are the notifiers whose clicks count, by name."""
        self._desk = desk
        self._persons = persons
        self._places = places
        self._clock_ms = clock_ms
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        # What was just clicked: by challenge, who did, and what shows it.
        self._proven: dict[bytes, tuple[str, JSON]] = {}
        desk.verifiers = {**desk.verifiers, "chat": self}

    def buttons(self, notifier: str) -> Buttons:
        """The buttons under messages of a notifier."""
        return Buttons(self, notifier)

    # --- offering ---------------------------------------------------------------------------------

    def offer(self, notifier: str, notice: Notice, to: To) -> Mapping[str, str]:
        """By what stands on a button, what it brings; empty where this person may not click."""
        approver = None if to.user is None else self._persons(to.user)
        if approver is None or to.address is None:
            return {}
        try:
            party = self._desk.party(approver, self._desk.question(notice.approval))
        except (NoSuchQuestion, NotYours):
            return {}
        if "chat" not in party.means:
            return {}
        choices: tuple[tuple[str, Literal["granted", "denied"]], ...]
        choices = (("Approve once", "granted"), ("Deny", "denied"))
        offered: dict[str, str] = {}
        for text, choice in choices:
            offered[text] = name = secrets.token_urlsafe(24)
            self._tickets[name] = _Ticket(
                notifier, notice.approval, choice, approver.user, to.address
            )
        while len(self._tickets) > MAX_TICKETS:
            self._tickets.popitem(last=False)
        return offered

    def placed(self, offered: Mapping[str, str], message: str) -> None:
        """These buttons stand in this message: channel and time stamp."""
        for name in offered.values():
            if (ticket := self._tickets.get(name)) is not None:
                self._tickets[name] = msgspec.structs.replace(ticket, message=message)

    # --- believing --------------------------------------------------------------------------------

    async def clicked(self, headers: Mapping[str, str], body: bytes) -> Said | None:
        """Takes a click, and says what came of it; None if it was on a link.

        Raises:
            Forged: it is not Slack's.
            LedgerFault: the answer could not be recorded, so it does not count.
        """
        notifier, kept = self._signed(headers, body)
        payload = _payload(body)
        (action,) = payload.actions
        if action.action_id == "look":
            return None
        said = Said(notifier, payload.user.id, payload.container.channel_id, GONE)
        ticket = self._tickets.get(action.value)
        if ticket is None:
            return said
        message = f"{payload.container.channel_id} {payload.container.message_ts}"
        if (
            payload.team.id != self._places[notifier].workspace
            or (ticket.notifier, ticket.address) != (notifier, payload.user.id)
            or ticket.message != message
        ):
            return msgspec.structs.replace(said, sentence=f"This is not yours to answer. {OPEN}")
        # Whatever becomes of it: neither this button nor its neighbour is good a second time.
        self._tickets = OrderedDict(
            (name, one) for name, one in self._tickets.items() if one.message != message
        )
        kept |= {"user": payload.user.id, "workspace": payload.team.id, "message": message}
        return msgspec.structs.replace(said, sentence=await self._answer(ticket, kept))

    async def _answer(self, ticket: _Ticket, kept: JSON) -> str:
        approver = self._persons(ticket.user)
        if approver is None:
            return f"This is not yours to answer. {OPEN}"
        answer = Answer(choice=ticket.choice, means="chat")
        challenge = b""
        try:
            if ticket.choice == "granted":
                _, challenge = self._desk.challenge(ticket.approval, approver, answer)
                self._proven[challenge] = approver.user, kept
            await self._desk.answer(ticket.approval, approver, answer)
        except NoSuchQuestion:
            return GONE
        except (NotYours, NotProven) as refused:
            return f"{refused} {OPEN}"
        finally:
            self._proven.pop(challenge, None)
        return ""

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        """That this person has just clicked for this. Raises NotProven."""
        del evidence, now_ms
        user, kept = self._proven.pop(challenge, ("", {}))
        if user != approver.user:
            raise NotProven("Nobody clicked for this.")
        return Proof(kept=kept)

    def _signed(self, headers: Mapping[str, str], body: bytes) -> tuple[str, JSON]:
        """Whose signature it is, and what shows that. Raises Forged."""
        at, given = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature")
        if given is None or not (at.isascii() and at.isdigit() and len(at) <= 12):
            raise Forged
        if abs(self._clock_ms() / 1000 - int(at)) > WINDOW_S or len(body) > MAX_BODY:
            raise Forged
        base = b"v0:%b:%b" % (at.encode(), body)
        for name, place in self._places.items():
            mac = hmac.digest(place.signing().encode(), base, "sha256").hex()
            if hmac.compare_digest(f"v0={mac}".encode(), given.encode()):
                signed = f"sha256:{hashlib.sha256(base).hexdigest()}"
                kept = {"notifier": name, "timestamp": at, "signed": signed, "signature": given}
                return name, kept
        _log.warning("a click in a chat was forged, or is of an app that is not configured")
        raise Forged


class Buttons:
    """`safeconduct.approvals.notifying.slack.Buttons` of one notifier."""

    def __init__(self, clicks: Clicks, notifier: str) -> None:
        self._clicks = clicks
        self._notifier = notifier

    def offer(self, notice: Notice, to: To) -> Mapping[str, str]:
        return self._clicks.offer(self._notifier, notice, to)

    def placed(self, offered: Mapping[str, str], message: str) -> None:
        self._clicks.placed(offered, message)


def _payload(body: bytes) -> _Payload:
    """What was clicked. Raises Forged: Slack sends nothing of that form."""
    try:
        (text,) = parse_qs(body.decode(), strict_parsing=True, max_num_fields=4)["payload"]
        value = strictjson.loads(text.encode(), max_depth=32, max_bytes=MAX_BODY)
        return msgspec.convert(value, _Payload)
    except (KeyError, ValueError):
        raise Forged from None
