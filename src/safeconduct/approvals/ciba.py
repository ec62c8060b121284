"""A yes on a device of the approver's, to which their issuer pushes the question (OpenID Connect
Client-Initiated Backchannel Authentication Core 1.0, poll mode).

The device shows a short code and the tool; the console shows the same code beside the question. The
code is made from the challenge, so a push is for one answer of one person to what was shown, and
what a device says yes to stands in the issuer's log as well. The ID token is the proof: it comes
over our own connection to the issuer, in answer to that very push.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Final, Protocol

import msgspec
import orjson

from safeconduct.approvals.answers import Answer, Approver, NotProven, NotYours, Proof
from safeconduct.approvals.desk import CHALLENGE_MS, Desk, NoSuchQuestion
from safeconduct.approvals.questions import Question
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError
from safeconduct.ports import JSON, CredentialUnavailable, LedgerFault, Person, Unauthenticated

GRANT_TYPE: Final = "urn:openid:params:grant-type:ciba"
AUTH_REQ_ID: Final = "urn:openid:params:jwt:claim:auth_req_id"

INTERVAL_S: Final = 5.0
"""How often to ask where the issuer does not say, and how much slower where it says so, in seconds
(sections 7.3 and 11).
"""

MAX_PERSONS: Final = 10
"""How many persons one question is pushed to at most."""

MAX_PUSHES: Final = 200
"""How many pushes may be under way at once, of which one is on a person's device."""

MAX_TOKEN: Final = 4096
"""How long an ID token may be that stands in a record, in characters."""

MAX_BINDING: Final = 20
"""How long a message may be that every issuer takes, in characters."""

SLACK_MS: Final = 5_000
"""How far the issuer's clock may be from ours."""

YES: Final = Answer(choice="granted", means="ciba")
NO: Final = Answer(choice="denied", means="ciba")

_log = logging.getLogger(__name__)


class Metadata(Protocol):
    """What an issuer says of itself (section 4)."""

    @property
    def claims_parameter_supported(self) -> bool: ...


class Pushed(Protocol):
    """The issuer asks the device (section 7.3)."""

    @property
    def auth_req_id(self) -> str: ...
    @property
    def expires_in(self) -> float: ...
    @property
    def interval(self) -> float | None: ...


class Issued(Protocol):
    """What the token endpoint issued."""

    @property
    def id_token(self) -> str | None: ...


class Issuer(Protocol):
    """The issuer of users. Its methods raise CredentialUnavailable."""

    async def metadata(self) -> Metadata: ...

    async def push(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Pushed: ...

    async def issue(
        self, form: Mapping[str, str], headers: Mapping[str, str], *, asked: frozenset[str]
    ) -> Issued: ...


Authenticate = Callable[[], Awaitable[tuple[Mapping[str, str], Mapping[str, str]]]]
"""Form fields and headers by which we prove to be the client. Raises CredentialUnavailable."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a yes has to be like: one of `acr`, if any, by a sign-in so long ago at most."""

    scope: str = "openid"
    acr: tuple[str, ...] = ()
    max_age_s: int = 120


class _Push(msgspec.Struct, frozen=True):
    user: str
    code: str
    at_ms: int


class Pushes:
    """Pushes questions to devices, and believes what comes back
    (`safeconduct.approvals.answers.Verifier`).
    """

    def __init__(
        self,
        desk: Desk,
        issuer: Issuer,
        *,
        persons: Callable[[str], Approver | None],
        subjects: Mapping[str, str],
        authenticate: Authenticate,
        person: Callable[[str, int], Awaitable[Person]],
        wanted: Wanted,
        clock_ms: Callable[[], int],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`subjects` are the users of this issuer and what it calls them, `persons` tells who may
        say yes to anything, `person` verifies an ID token that is for us.
        """
        self._desk = desk
        self._issuer = issuer
        self._persons = persons
        self._subjects = subjects
        self._authenticate = authenticate
        self._person = person
        self._wanted = wanted
        self._clock_ms = clock_ms
        self._pause = pause
        # By the request's id, while it is polled for.
        self.requests: dict[str, _Push] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._ringing: set[str] = set()
        desk.verifiers = {**desk.verifiers, "ciba": self}
        desk.heard.append(self._asked)

    async def close(self) -> None:
        """Forgets every push; devices may go on to show them until they expire."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # --- pushing ----------------------------------------------------------------------------------

    def _asked(self, question: Question) -> None:
        """Pushes a question to those who may answer it so. Never waits, never fails."""
        for approver in self._concerned(question):
            if len(self.tasks) >= MAX_PUSHES or approver.user in self._ringing:
                _log.warning("%s was not pushed to all: devices show others", question.id)
                continue
            self._ringing.add(approver.user)
            task = asyncio.create_task(self._push(question, approver))
            self.tasks.add(task)
            task.add_done_callback(partial(self._over, approver.user))

    def _over(self, user: str, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._ringing.discard(user)

    def _concerned(self, question: Question) -> Collection[Approver]:
        found: list[Approver] = []
        for user in self._subjects:
            approver = self._persons(user)
            if approver is None or not self._desk.sees(approver, question):
                continue
            try:
                party = self._desk.party(approver, question)
            except NotYours:
                continue
            if "ciba" in party.means:
                found.append(approver)
        return found[:MAX_PERSONS]

    async def _push(self, question: Question, approver: Approver) -> None:
        """Asks on one device, and carries the answer to the desk."""
        try:
            _, challenge = self._desk.challenge(question.id, approver, YES)
            code = code_of(challenge)
            self._desk.codes[question.id, approver.user] = code
            await self._answered(question, approver, code)
        except (NoSuchQuestion, NotYours, NotProven) as refused:
            _log.warning("a push for %s came to nothing: %s", question.id, refused)
        except (CredentialUnavailable, LedgerFault) as fault:
            _log.warning("a push for %s came to nothing: %s", question.id, fault)
        except Exception:  # noqa: BLE001  whatever it is, the question stands and the console has it
            _log.exception("a push for %s failed", question.id)
        finally:
            self._desk.codes.pop((question.id, approver.user), None)

    async def _answered(self, question: Question, approver: Approver, code: str) -> None:
        pushed, until_ms = await self._begin(question, approver, code)
        self.requests[pushed.auth_req_id] = _Push(approver.user, code, self._clock_ms())
        try:
            token = await self._polled(question, pushed, until_ms)
            if token is not None:
                evidence = {"auth_req_id": pushed.auth_req_id, "id_token": token}
                await self._desk.answer(question.id, approver, YES, evidence)
        except CredentialUnavailable as fault:
            if fault.error != "access_denied":
                raise
            await self._desk.answer(question.id, approver, NO)
        finally:
            self.requests.pop(pushed.auth_req_id, None)

    async def _begin(self, question: Question, approver: Approver, code: str) -> tuple[Pushed, int]:
        """The request of section 7.1, and until when it is worth an answer."""
        now_ms = self._clock_ms()
        left_s = min(CHALLENGE_MS, question.expires_ms - now_ms) // 1000
        form = {
            "scope": self._wanted.scope,
            "login_hint": self._subjects[approver.user],
            "binding_message": binding(code, str(question.shown["tool"])),
            "requested_expiry": str(max(1, left_s)),
        }
        acr = self._wanted.acr
        if (await self._issuer.metadata()).claims_parameter_supported:
            claim = {"essential": True, "values": list(acr)} if acr else None
            asked = {"id_token": {"acr": claim, "auth_time": {"essential": True}}}
            form["claims"] = orjson.dumps(asked).decode()
        if acr:
            form["acr_values"] = " ".join(acr)
        proven, headers = await self._authenticate()
        pushed = await self._issuer.push({**form, **proven}, headers)
        return pushed, now_ms + min(left_s, int(pushed.expires_in)) * 1000

    async def _polled(self, question: Question, pushed: Pushed, until_ms: int) -> str | None:
        """The ID token, once there is an answer; None when it is too late for one."""
        interval_s = pushed.interval or INTERVAL_S
        form = {"grant_type": GRANT_TYPE, "auth_req_id": pushed.auth_req_id}
        while True:
            await self._pause(interval_s)
            if self._clock_ms() >= until_ms or not self._desk.holds(question.id):
                return None
            try:
                proven, headers = await self._authenticate()
                issued = await self._issuer.issue({**form, **proven}, headers, asked=frozenset())
            except CredentialUnavailable as fault:
                if fault.error == "slow_down":
                    interval_s += INTERVAL_S
                elif fault.error == "expired_token":
                    return None
                elif fault.error != "authorization_pending":
                    raise
            else:
                return issued.id_token or ""

    # --- believing --------------------------------------------------------------------------------

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        """That this person said yes on their device to this push. Raises NotProven."""
        request, token = str(evidence.get("auth_req_id")), evidence.get("id_token")
        push = self.requests.pop(request, None)
        if push is None or (push.user, push.code) != (approver.user, code_of(challenge)):
            raise NotProven("This is no answer to a push of ours.")
        if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
            raise NotProven("The issuer did not say that you signed in.")
        try:
            person = await self._person(token, now_ms)
            _, claims = jose.peek(token)
        except (Unauthenticated, JoseError):
            raise NotProven("The issuer did not say that you signed in.") from None
        if person.id != approver.user:
            raise NotProven("Somebody else has signed in.")
        if claims.get(AUTH_REQ_ID, request) != request or person.issued_ms < push.at_ms - SLACK_MS:
            raise NotProven("This sign-in was not for what you were asked.")
        if self._wanted.acr and not {*self._wanted.acr} & {*(person.acr or "").split(" ")}:
            raise NotProven("You did not sign in as strongly as this needs.")
        since_ms = now_ms - person.auth_time_s * 1000
        if not -SLACK_MS <= since_ms <= self._wanted.max_age_s * 1000:
            raise NotProven("You signed in too long ago.")
        return Proof(kept={"id_token": token, "code": push.code}, consumes=(person.once,))


def code_of(challenge: bytes) -> str:
    """What people compare: 40 bits of the challenge, without letters that look like digits."""
    text = base64.b32encode(challenge[:5]).decode()
    return f"{text[:4]}-{text[4:]}"


def binding(code: str, tool: str) -> str:
    """The binding message (section 7.1): of few and plain characters, as issuers take no others."""
    return f"{code}/{re.sub(r'[^A-Za-z0-9._-]', '_', tool)}"[:MAX_BINDING]
