"""The closed list of reasons: why a call was refused, and what helps.

Each reason names a stage, never an argument's or an upstream's text. The documentation has one
heading for each; a test compares the two lists.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

import msgspec

Stage = Literal[
    "delegation", "tool", "zone", "budget", "flow", "sink", "content", "review",
    "policy", "elevation", "request", "record", "credential", "upstream", "admit",
]  # fmt: skip


class Remedy(Enum):
    """What the agent can do next; the value is what it reads."""

    narrow_arguments = "narrow-arguments"
    use_other_tool = "use-other-tool"
    ask_user = "ask-user"
    wait_for_approval = "wait-for-approval"
    stop = "stop"


Retry = Literal["never", "later", "changed", "same-arguments"]
"""When a retry can help: never, after a while, with other arguments, or unchanged once approved."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the list; `code` is kebab-case and stable across versions."""

    code: str
    stage: Stage
    remedy: Remedy
    retry: Retry
    sentence: str


def _reason(code: str, stage: Stage, remedy: Remedy, retry: Retry, sentence: str) -> Reason:
    return Reason(code=code, stage=stage, remedy=remedy, retry=retry, sentence=sentence)


_N, _O, _A, _W, _S = (
    Remedy.narrow_arguments,
    Remedy.use_other_tool,
    Remedy.ask_user,
    Remedy.wait_for_approval,
    Remedy.stop,
)

REASONS: Final[dict[str, Reason]] = {
    reason.code: reason
    for reason in (
        # delegation: who calls, for whom, in which task
        _reason("token-invalid", "delegation", _S, "never", "The task token is not valid here."),
        _reason("token-expired", "delegation", _S, "never", "The task token has expired."),
        _reason("task-unknown", "delegation", _S, "never", "This task is not known here."),
        _reason("task-ended", "delegation", _S, "never", "This task has ended."),
        _reason("task-revoked", "delegation", _S, "never", "This task has been revoked."),
        _reason("agent-unregistered", "delegation", _S, "never", "This agent is not registered."),
        _reason(
            "tenant-mismatch", "delegation", _S, "never", "The task belongs to another tenant."
        ),
        # tool: what may be called at all
        _reason("tool-unknown", "tool", _O, "never", "There is no such tool in this task."),
        _reason(
            "scope-missing",
            "tool",
            _A,
            "later",
            "The task was started without a scope that this tool needs and that it could have had.",
        ),
        _reason(
            "definition-changed",
            "tool",
            _S,
            "later",
            "The tool's definition changed since it was reviewed; an operator must review it.",
        ),
        _reason(
            "purpose-unattested",
            "tool",
            _A,
            "never",
            "Only the agent itself says what this task is for, so it may read and nothing else.",
        ),
        _reason(
            "query-unbound",
            "tool",
            _O,
            "never",
            "The tool takes free SQL, and its credential is not bound to the task's tenant.",
        ),
        _reason(
            "arguments-invalid",
            "tool",
            _N,
            "changed",
            "The arguments do not fit what the tool declares.",
        ),
        # zone: where the agent runs
        _reason("zone-denied", "zone", _O, "never", "The agent's zone may not reach this system."),
        _reason(
            "zone-label",
            "zone",
            _O,
            "never",
            "This source is more confidential than the agent's zone may hold.",
        ),
        # budget: how often
        _reason("budget-exhausted", "budget", _A, "never", "The task has used up its budget."),
        _reason(
            "amount-exhausted",
            "budget",
            _A,
            "changed",
            "The task may not move that much more; a smaller amount may fit.",
        ),
        _reason(
            "objects-exhausted",
            "budget",
            _A,
            "changed",
            "The task may not touch another object of this kind, only those it has.",
        ),
        _reason(
            "limit-uncountable",
            "budget",
            _N,
            "changed",
            "The task is limited in what such calls move or touch, and of this one it cannot be "
            "told.",
        ),
        _reason(
            "refusals-exhausted",
            "budget",
            _A,
            "never",
            "Too many calls of this task were refused; a person must look at it.",
        ),
        _reason(
            "loop-stopped",
            "budget",
            _S,
            "never",
            "This call, or calls of this tool, were refused for the same too often, or the same "
            "change was made too often; stop trying, a person must look at it.",
        ),
        _reason(
            "reattestation-needed",
            "budget",
            _S,
            "later",
            "The agent must show a fresh SVID: renew the task, then go on.",
        ),
        _reason(
            "outcome-unknown",
            "budget",
            _A,
            "never",
            "This very call was made before and nobody knows whether it took effect.",
        ),
        # flow: what the task has read and what it may therefore do
        _reason(
            "flow-confidentiality",
            "flow",
            _O,
            "changed",
            "The task, or this agent before it, has read data that is too confidential for this "
            "destination.",
        ),
        _reason(
            "flow-mixed",
            "flow",
            _S,
            "never",
            "The task holds data of two tenants or regions; it may not leave to anywhere.",
        ),
        _reason(
            "flow-readers",
            "flow",
            _A,
            "changed",
            "The task, or this agent before it, has read data whose readers do not include this "
            "destination.",
        ),
        _reason(
            "control-argument-unvouched",
            "flow",
            _A,
            "changed",
            "An argument that steers this action comes from nowhere trusted, "
            "and the task, or this agent before it, has read untrusted content.",
        ),
        _reason(
            "call-unanchored",
            "flow",
            _A,
            "changed",
            "Nothing in this call is what the user's request names, and the task has read what "
            "somebody else may have written.",
        ),
        _reason(
            "content-unvouched",
            "flow",
            _A,
            "changed",
            "This text is not the user's, and the address was not chosen by the user.",
        ),
        # sink: where data may go
        _reason(
            "destination-not-allowed",
            "sink",
            _N,
            "changed",
            "This destination is neither on the tool's list nor named in the user's request.",
        ),
        _reason(
            "category-refused",
            "sink",
            _O,
            "changed",
            "The task, or this agent before it, has read a category of data that this tool must "
            "not receive.",
        ),
        # content: what the arguments themselves carry
        _reason(
            "content-secret",
            "content",
            _N,
            "changed",
            "The arguments carry something that looks like a credential.",
        ),
        _reason(
            "content-category",
            "content",
            _N,
            "changed",
            "The arguments hold data of a kind that this tool does not take.",
        ),
        _reason(
            "content-fingerprint",
            "content",
            _O,
            "changed",
            "The content repeats words that were read from where they are too confidential for "
            "this destination.",
        ),
        _reason(
            "link-unvouched",
            "content",
            _N,
            "changed",
            "The content leads those who read it to a place that neither the user's request nor an "
            "operator's list names.",
        ),
        _reason(
            "content-unreadable",
            "content",
            _N,
            "changed",
            "The content is encoded too often, or holds too many addresses, to be looked at.",
        ),
        _reason(
            "document-unread",
            "content",
            _N,
            "changed",
            "A document in the arguments is damaged, encrypted, of a format that is not read, or "
            "costs more to read than it may.",
        ),
        _reason(
            "inspector-failed",
            "content",
            _S,
            "later",
            "The arguments could not be inspected, so they were not sent.",
        ),
        # review: what a second model makes of it
        _reason(
            "review-inconsistent",
            "review",
            _A,
            "changed",
            "A second model does not find this call consistent with what the user asked for.",
        ),
        _reason(
            "review-unavailable",
            "review",
            _S,
            "later",
            "A second model has to look at this call, and gave no answer.",
        ),
        # policy: what the operator's rules say
        _reason("policy-denied", "policy", _O, "changed", "The policy does not permit this call."),
        _reason(
            "constraint-unmet",
            "policy",
            _N,
            "changed",
            "The policy permits this call only with another value in an argument; one that is left "
            "out is filled in.",
        ),
        _reason("policy-error", "policy", _S, "later", "The policy could not be evaluated."),
        _reason(
            "obligation-not-carried",
            "policy",
            _O,
            "never",
            "The call is permitted only with obligations that its enforcement point cannot meet.",
        ),
        _reason(
            "facts-unavailable",
            "policy",
            _S,
            "later",
            "A fact that this decision needs could not be fetched.",
        ),
        # elevation: what needs a person's yes
        _reason(
            "approval-required",
            "elevation",
            _W,
            "same-arguments",
            "A person must approve this very call; send it again unchanged once approved.",
        ),
        _reason(
            "desk-full",
            "elevation",
            _A,
            "later",
            "Too much waits for a person's yes already, or the call is too large to be shown.",
        ),
        _reason("approval-denied", "elevation", _A, "changed", "A person has denied this call."),
        _reason(
            "approval-narrowed",
            "elevation",
            _N,
            "changed",
            "A person has agreed to less than this call; send it with the arguments given here.",
        ),
        # after the decision
        _reason(
            "busy",
            "record",
            _A,
            "later",
            "Other calls of this task kept changing its state; try again.",
        ),
        _reason(
            "record-too-large",
            "record",
            _N,
            "changed",
            "The call is too large to be recorded, so it was not made.",
        ),
        _reason(
            "credential-unavailable",
            "credential",
            _S,
            "later",
            "The credential for this tool could not be obtained.",
        ),
        _reason(
            "upstream-unreachable", "upstream", _O, "later", "The tool's server cannot be reached."
        ),
        _reason(
            "upstream-timeout", "upstream", _O, "later", "The tool's server did not answer in time."
        ),
        _reason(
            "upstream-malformed",
            "upstream",
            _O,
            "later",
            "The tool's server gave an answer that makes no sense.",
        ),
        _reason(
            "upstream-rejected",
            "upstream",
            _O,
            "later",
            "The tool's server turned the gateway away.",
        ),
        _reason("upstream-busy", "upstream", _O, "later", "The tool's server is overloaded."),
        _reason(
            "result-withheld",
            "admit",
            _O,
            "changed",
            "The tool's answer was withheld; the call may have taken effect.",
        ),
        _reason(
            "result-unread",
            "admit",
            _O,
            "changed",
            "The tool's answer was withheld: a document in it is damaged, encrypted, of a format "
            "that is not read, or costs more to read than it may.",
        ),
        _reason(
            "result-quarantined",
            "admit",
            _A,
            "later",
            "The tool's answer speaks to the agent; a person may look at it and release it.",
        ),
        _reason(
            "result-not-kept",
            "admit",
            _N,
            "changed",
            "The tool's answer speaks to the agent, and not all of it is kept, so that nobody can "
            "release it.",
        ),
        _reason(
            "row-foreign",
            "admit",
            _N,
            "changed",
            "The tool's answer was withheld: not all of it says that it belongs to the task's "
            "tenant.",
        ),
        _reason(
            "too-many-questions",
            "upstream",
            _A,
            "later",
            "Too many calls wait for replies to what their tools ask; this one asked as well.",
        ),
        _reason(
            "client-unable",
            "upstream",
            _O,
            "never",
            "The tool needs a client that can be asked for more than this one offers.",
        ),
        _reason(
            "ask-refused",
            "admit",
            _O,
            "never",
            "The tool asked for something that it may not ask here, or that no client offered.",
        ),
        _reason(
            "internal-fault",
            "upstream",
            _S,
            "later",
            "The gateway failed while it made the call; an operator can see why.",
        ),
        _reason("cancelled", "upstream", _O, "later", "The caller cancelled the call."),
    )
}
