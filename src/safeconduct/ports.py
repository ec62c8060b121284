"""What the page needs from the rooms: small protocols, and the values that cross them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.core.manifest import Resolver, Role
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
    Call,
    Finding,
    Gathered,
    TaskFacts,
    ToolFacts,
    UserFacts,
)
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Origin, PurposeSource
from safeconduct.core.verdict import Requirement
from safeconduct.kit.certificate import Certificate

JSON = dict[str, Any]

# --- who calls ------------------------------------------------------------------------------------


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about its sender: claims, until `Identity.verify` has looked at them.

    `url` is the gateway's own public URL of the endpoint (what a DPoP proof's `htu` must name),
    never one derived from the request's Host header. `body` is what a proof may name the digest of.
    `certificate` is the one whose key they have; whom it names is a claim, too.
    """

    http_method: str
    url: str
    authorization: str | None
    dpop: tuple[str, ...] = ()
    body: bytes = b""
    certificate: Certificate | None = None


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """A verified task token: whose task it is and until when the token lasts.

    It is bound to the key and to the certificate of these thumbprints, each empty where it is not.
    """

    task: str
    tenant: str
    agent: str
    user: str
    scopes: frozenset[str]
    expires_ms: int
    jti: str
    key: str
    certificate: str = ""
    unsafe: tuple[str, ...] = ()


class Unauthenticated(Exception):
    """The caller proved nothing. `error` is an OAuth error code (RFC 6750, RFC 9449 section 7.1);
    the sentence says what the caller can see anyway and nothing else. `nonce` is what its next
    proof must carry, where one is wanted (RFC 9449 section 8). `why` is for the operator alone,
    where there is more to say; it repeats nothing of a token.
    """

    def __init__(
        self, error: str, sentence: str, *, nonce: str | None = None, why: str = ""
    ) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence
        self.nonce = nonce
        self.why = why


class Identity(Protocol):
    """Verifies task tokens and the proofs they are bound to."""

    def verify(self, caller: Caller, now_ms: int) -> Bearer:
        """Raises Unauthenticated."""
        ...


# --- who starts a task ----------------------------------------------------------------------------


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that proved itself. `digest` names the very SVID it showed; `attested_ms` is when
    that was issued, 0 if it does not say. `key` is the thumbprint of the key that it is bound to, if
    it is.
    """

    id: str
    attested_ms: int
    digest: str
    key: str | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user, as the user issuer describes them in a live token. It is good in the hands of
    `may_act` alone, with the key of thumbprint `key` alone, and for `scopes` alone, where it says
    so.
    """

    id: str
    issuer: str
    jti: str
    tenant: str | None = None
    groups: tuple[str, ...] = ()
    acr: str | None = None
    auth_time_s: int = 0
    amr: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    key: str | None = None
    may_act: str | None = None
    scopes: frozenset[str] | None = None
    issued_ms: int = 0

    @property
    def signed_in_ms(self) -> int:
        """When they signed in, or else when the token was issued: what it rests on is no newer."""
        return self.auth_time_s * 1000 or self.issued_ms


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asked for, attested by a front end (`app`) or by their own device (`user`): of a
    new task, or of the one that is named.
    """

    source: PurposeSource
    issuer: str
    jti: str
    user: str
    agent: str | None
    purpose: str
    task: str | None = None


class Evidence(Protocol):
    """Verifies what the parties of a new task show. Every method raises Unauthenticated."""

    async def workload(self, token: str, now_ms: int) -> Workload: ...

    async def certified(self, certificate: Certificate, now_ms: int) -> Workload: ...

    async def person(self, token: str, now_ms: int) -> Person: ...

    async def grant(self, token: str, now_ms: int) -> Person:
        """The user of an identity assertion grant (ID-JAG), for one agent."""
        ...

    async def attestation(self, token: str, now_ms: int) -> Attestation: ...

    def possession(self, caller: Caller, now_ms: int, *, token: str | None, key: str | None) -> str:
        """The thumbprint of the key that signed the caller's proof (RFC 9449), which is spent.

        `token` is what the proof must be for, `key` the thumbprint it must have; None where there
        is no token yet.
        """
        ...


class TokenRefused(Exception):
    """No token is issued. `error` is an OAuth error code (RFC 6749 section 5.2, RFC 8693); `told`
    are further members of the answer, `nonce` what the next proof must carry, if one is wanted,
    and `why` is for the operator alone.
    """

    def __init__(
        self,
        error: str,
        sentence: str,
        *,
        status: int = 400,
        told: JSON | None = None,
        nonce: str | None = None,
        why: str = "",
    ) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence
        self.status = status
        self.told = told or {}
        self.nonce = nonce
        self.why = why


class LoginFailed(Exception):
    """Nobody signed in. The sentence is for the person; `why` is for the operator."""

    def __init__(self, sentence: str, why: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.why = why


class Attempt(msgspec.Struct, frozen=True):
    """What is kept of a sign-in while the person is away, by the `state` that was sent along."""

    state: str
    nonce: str
    verifier: str

    def __repr__(self) -> str:
        return "Attempt()"


class SignedIn(msgspec.Struct, frozen=True):
    """Who came back, and the token that says so."""

    person: Person
    token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.person!r})"


class SignIn(Protocol):
    """Sends people to where they sign in. Both methods raise LoginFailed."""

    async def begin(
        self, *, acr: tuple[str, ...] = (), max_age_s: int | None = None
    ) -> tuple[str, Attempt]:
        """Where to send the person. `acr` and `max_age_s` are what the sign-in has to be like."""
        ...

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now_ms: int) -> SignedIn:
        """Who came back with this answer, whose `state` is the attempt's."""
        ...


class SignalRefused(Exception):
    """A token that is not a signal for us. `code` is one of RFC 8935 section 2.4."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class TokenService(Protocol):
    """The security token service."""

    async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
        """The token response. Raises TokenRefused."""
        ...


class TokenStatus(Protocol):
    """Whether tokens are good, and their end. Both raise TokenRefused."""

    async def introspect(self, form: Mapping[str, str]) -> JSON: ...

    async def revoke(self, form: Mapping[str, str]) -> None: ...


# --- what is recorded -----------------------------------------------------------------------------


class LedgerConflict(Exception):
    """The state changed since it was read: nothing was recorded. `reason` says what conflicted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LedgerFault(Exception):
    """The record could not be made durable; nothing may be done that depends on it."""


class RecordTooLarge(ValueError):
    """A record above 8 KiB of canonical JSON."""


class Ledger(Protocol):
    """The log and the state that is derived from it: one step, durable when it returns."""

    async def append(self, *records: Mapping[str, Any]) -> int:
        """The sequence number of the first record.

        Raises: LedgerConflict, LedgerFault, RecordTooLarge.
        """
        ...


class Projection(Protocol):
    """State derived from the log. Called by who writes the log, and when the log is opened."""

    def applied(self) -> int:
        """How many records of the log are in the state."""
        ...

    def begin(self) -> None: ...

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        """None: applied. A string: refused, and nothing of it was changed."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose task it is, as it stands. `key` is the thumbprint that its tokens are bound to, empty
    where there is none; `certified`: they are bound to certificates. `parent` is the task above
    it, and `actors` are the agents of all above it, nearest first.
    """

    agent: AgentFacts
    user: UserFacts
    key: str
    certified: bool = False
    parent: str | None = None
    actors: tuple[str, ...] = ()


class Tasks(Protocol):
    """What the token service knows of tasks that run."""

    def task(self, task: str) -> TaskFacts | None: ...

    def holder(self, task: str) -> Holder | None: ...

    def revoked(
        self, *, agent: str, user: str, key: str, jti: str, certificate: str = ""
    ) -> bool: ...

    def latest_ms(self) -> int:
        """The highest time on record, in milliseconds since the epoch."""
        ...


class TaskState(Protocol):
    """Authoritative reads of task state."""

    def task(self, task: str) -> TaskFacts | None: ...

    def active(self, task: str) -> bool: ...

    def parties(self, task: str) -> tuple[AgentFacts, UserFacts]: ...

    def vouched(self, task: str, role: Role, value: str) -> tuple[Origin, ...]: ...

    def baseline(self, task: str, key: str) -> int | None: ...

    def approval(self, task: str, digest: str) -> ApprovalFacts | None: ...

    def revoked(
        self, *, agent: str, user: str, key: str, jti: str, certificate: str = ""
    ) -> bool: ...

    def outcome_unknown(self, task: str, digest: str) -> bool: ...


# --- what is called -------------------------------------------------------------------------------


class UpstreamFault(Exception):
    """An upstream gave no usable answer.

    `reason` is one of the `upstream-…` codes, or `client-unable`; `may_have_happened` is False only
    when the request surely did not leave. `detail` is for the operator's log, never for the agent.
    `needs` is what the client would have to be able to be asked.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        may_have_happened: bool,
        needs: frozenset[Capability] = frozenset(),
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.needs = needs
        self.detail = detail
        self.may_have_happened = may_have_happened


class UpstreamError(Exception):
    """A well-formed JSON-RPC error object as the answer."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Credential(msgspec.Struct, frozen=True):
    """A credential for one call: header fields that only the upstream sees.

    `bound` makes more of them for one message, from its HTTP method and the very bytes of its body.
    Whoever finds that the upstream does not accept the credential calls `rejected`.
    """

    kind: str
    headers: dict[str, str] = {}
    bound: Callable[[str, bytes], dict[str, str]] | None = None
    rejected: Callable[[], None] | None = None

    def fields(self, http_method: str, body: bytes) -> dict[str, str]:
        """The header fields for one message."""
        if self.bound is None:
            return self.headers
        return {**self.headers, **self.bound(http_method, body)}

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r})"


class AskRefused(Exception):
    """What an upstream asked is not answered. `code` is a JSON-RPC error code for the upstream: the
    one that clients give for a person's refusal, unless the upstream is at fault. Whether it may
    not ask, may not have the reply, or nobody replied is nothing that it should know.
    """

    def __init__(self, code: int = -1, sentence: str = "Refused") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Listener(Protocol):
    """Who hears what an upstream says besides its answer, while a call runs.

    `able` is what it can be asked; `wants_progress` and `log_level` say which notifications it
    wants, the latter the least serious log line, if any. `modern`: it speaks 2026-07-28; an
    upstream that speaks both ways is spoken to in the caller's, as it may behave otherwise.
    """

    modern: bool
    able: frozenset[Capability]
    wants_progress: bool
    log_level: str | None

    async def notified(self, method: str, params: JSON) -> None:
        """Takes a `notifications/progress` or `notifications/message`."""
        ...

    async def asked(self, method: str, params: JSON) -> JSON:
        """The result of what the upstream asks. Raises AskRefused."""
        ...

    async def parted(self, retry_ms: int) -> None:
        """Takes note that the upstream ended its stream in the middle of the call, and goes on with
        it when it is come back to, after so many milliseconds.
        """
        ...


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that goes on after a question: the replies by the question's keys, and the state that
    the upstream gave along with it.
    """

    replies: JSON
    state: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The notifications that a subscription is for: which lists change, and which resources."""

    tools: bool = False
    prompts: bool = False
    resources: bool = False
    uris: frozenset[str] = frozenset()


Heard = Callable[[str, JSON], Awaitable[None]]
"""Takes the method and the parameters of a notification."""

Begun = Callable[[frozenset[str]], object]
"""Takes the resources of which an upstream has agreed to tell."""


class Upstream(Protocol):
    """One upstream server."""

    id: str

    async def request(
        self,
        method: str,
        params: JSON,
        *,
        owner: str,
        credential: Credential | None,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> JSON:
        """The result object of one request. `owner` keys what session state the upstream keeps.

        The upstream learns that the listener can be asked what it can be asked. Who waits for a
        person to answer does not use up `timeout_s`.

        Raises: UpstreamFault, UpstreamError.
        """
        ...

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        """Passes on the notifications that are wanted, and no others, until it is cancelled.
        `begun` is called once, when the upstream has agreed.

        Raises UpstreamFault when the upstream ends it, or cannot do it.
        """
        ...

    async def close(self) -> None: ...


class CredentialUnavailable(Exception):
    """No credential: the call is not made. The message is for the operator's log, never for the
    agent.
    """


class NoConsent(Exception):
    """A user's consent did not come about; the sentence is for the person who tried."""


class Consents(Protocol):
    """How users come to consent to what upstreams let the gateway do for them. A ticket is what one
    user is asked; its name is what opens it. All methods raise NoConsent.
    """

    def find(self, name: str) -> tuple[str, str]:
        """The upstream and the user of an open ticket."""
        ...

    async def leave(self, name: str) -> tuple[str, str]:
        """The URL where the browser goes, and what it must bring back."""
        ...

    async def arrive(self, answer: Mapping[str, str], browser: str) -> tuple[str, str]:
        """Takes what a browser comes back with: the upstream and the user of a consent that stands
        from now on, and is on record.
        """
        ...


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential is for, and in whose name: nobody's where the gateway itself asks what an
    upstream offers, and what changed there.

    `name` is what the method is about, if anything, `scopes` what the manifest says it needs, and
    `ends_ms` when the task token ends that it hangs on.
    """

    upstream: str
    method: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    agent: str | None = None
    user: str | None = None
    task: str | None = None
    ends_ms: int | None = None

    @classmethod
    def of(cls, call: Call, gathered: Gathered) -> Self:
        """The errand of a call."""
        manifest = gathered.tool.manifest
        return cls(
            upstream=call.upstream,
            method=call.method,
            name=call.name,
            scopes=() if manifest is None else manifest.scopes,
            agent=gathered.agent.id,
            user=gathered.user.id,
            task=gathered.task.id,
            ends_ms=gathered.token_expires_ms,
        )


class Broker(Protocol):
    """Fetches or mints the credential of one call."""

    async def credential(self, errand: Errand) -> Credential | None:
        """None for an upstream that needs none. Raises CredentialUnavailable."""
        ...


class Catalogue(Protocol):
    """What tools exist, and what reviewers said of them."""

    def facts(self, method: str, upstream: str, name: str) -> ToolFacts: ...

    def locate(self, method: str, wire_name: str, upstream: str | None) -> tuple[str, str] | None:
        """Upstream id and name behind a name on the wire, or None."""
        ...

    def definitions(self, method: str, upstream: str | None) -> Sequence[tuple[str, str, JSON]]:
        """Upstream id, name and pinned definition (its wire name set) of everything listed."""
        ...

    def pin(self, method: str, upstream: str, name: str) -> str | None:
        """The digest of the live definition."""
        ...

    def mirrored(self, upstream: str, name: str) -> Mapping[tuple[str, ...], str]:
        """Which arguments of a tool are to be repeated in header fields, and the fields' names."""
        ...

    def resolvers(self, upstream: str) -> Mapping[str, Resolver]:
        """The resolvers that the tools of an upstream share."""
        ...


class Desk(Protocol):
    """Where an operator sees what waits for a yes. What it holds is gone after a restart; the agent
    then asks again.
    """

    def hold(self, approval: str, call: Call, gathered: Gathered, requirement: Requirement) -> bool:
        """False when no person could be asked to look at this as well."""
        ...

    def withdraw(self, approval: str | None) -> None:
        """Forgets a question whose record was not written."""
        ...

    def holds(self, approval: str) -> bool:
        """Whether an operator can still see and answer this request."""
        ...


class PolicyEngine(Protocol):
    """The operator's rules. `evaluate` never raises: a failure is an answer with `error` set.

    `members` are those of the input that the rules can see; None when they may look at any.
    """

    digest: str
    unsafe: tuple[str, ...]
    members: frozenset[str] | None

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer: ...


class Inspector(Protocol):
    """Looks for one kind of thing in the strings of a JSON value.

    Whatever it raises refuses the call, or withholds the result.
    """

    def inspect(self, value: object) -> tuple[Finding, ...]: ...


# --- what the page answers ------------------------------------------------------------------------


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A result that passed step 9; `result` is a JSON-RPC result object."""

    decision: str
    result: JSON


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal. `may_have_happened` says whether an effect may have taken place upstream, `needs`
    what a client must be able to be asked.
    """

    decision: str
    code: str
    argument: str | None = None
    approval: str | None = None
    may_have_happened: bool = False
    scopes: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()


Answer = Delivered | Refused


class NotRecorded(Exception):
    """No decision, or no outcome, could be recorded: internal error `id`, nothing is delivered."""

    def __init__(self, incident: str) -> None:
        super().__init__(incident)
        self.incident = incident
