"""The table of calls: every message that may cross the page, by direction and method.

A method that is not in the table is refused. Revisions 2025-11-25 and 2026-07-28 of the Model
Context Protocol share one table; a method that only one of them has says so.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Direction = Literal["from-client", "from-upstream"]

Subject = Literal["tool", "resource", "template", "prompt", "none"]
"""What a message is about: the kind of thing whose manifest decides."""

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = "2025-11-25"
REVISIONS: Final = (MODERN, HANDSHAKE)
"""The protocol revisions spoken here, newest first."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    `page`: whether the message takes all eleven steps (it reaches an upstream). `source`: whether
    text of an upstream comes back with it and must pass step 9. `sink`: whether it carries data out
    of the task. `names`: the parameter that names the subject. `lists`: the member of the
    result that holds a list of subjects. `notification`: has no answer.
    """

    subject: Subject = "none"
    page: bool = False
    source: bool = False
    sink: bool = False
    names: str | None = None
    lists: str | None = None
    notification: bool = False
    cacheable: bool = False
    revisions: tuple[str, ...] = REVISIONS


COMPLETE: Final = "completion/complete"
LISTEN: Final = "subscriptions/listen"
SUBSCRIBE: Final = "resources/subscribe"
UNSUBSCRIBE: Final = "resources/unsubscribe"

CANCELLED: Final = "notifications/cancelled"
PROGRESS: Final = "notifications/progress"
LOG_LINE: Final = "notifications/message"
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
UPDATED: Final = "notifications/resources/updated"
VISITED: Final = "notifications/elicitation/complete"
LIST_CHANGED: Final = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
}
"""By kind of list, the notification that it changed."""

TABLE: Final[dict[tuple[Direction, str], Kind]] = {
    # The gateway answers these itself: nothing of them reaches an upstream.
    ("from-client", "initialize"): Kind(revisions=(HANDSHAKE,)),
    ("from-client", "notifications/initialized"): Kind(notification=True, revisions=(HANDSHAKE,)),
    ("from-client", "ping"): Kind(revisions=(HANDSHAKE,)),
    ("from-client", "logging/setLevel"): Kind(revisions=(HANDSHAKE,)),
    ("from-client", "server/discover"): Kind(cacheable=True, revisions=(MODERN,)),
    ("from-client", CANCELLED): Kind(notification=True),
    # Nobody here keeps roots: who needs them asks.
    ("from-client", "notifications/roots/list_changed"): Kind(
        notification=True, revisions=(HANDSHAKE,)
    ),
    # A subscription to a resource is decided like a read of it; what comes of it holds no text.
    ("from-client", SUBSCRIBE): Kind(
        subject="resource", sink=True, names="uri", revisions=(HANDSHAKE,)
    ),
    ("from-client", UNSUBSCRIBE): Kind(subject="resource", names="uri", revisions=(HANDSHAKE,)),
    ("from-client", LISTEN): Kind(sink=True, revisions=(MODERN,)),
    # Lists are filtered from the catalogue: definitions are text of an upstream.
    ("from-client", "tools/list"): Kind(subject="tool", source=True, lists="tools", cacheable=True),
    ("from-client", "resources/list"): Kind(
        subject="resource", source=True, lists="resources", cacheable=True
    ),
    ("from-client", "resources/templates/list"): Kind(
        subject="template", source=True, lists="resourceTemplates", cacheable=True
    ),
    ("from-client", "prompts/list"): Kind(
        subject="prompt", source=True, lists="prompts", cacheable=True
    ),
    # These take the whole page.
    ("from-client", "tools/call"): Kind(
        subject="tool", page=True, source=True, sink=True, names="name"
    ),
    ("from-client", "resources/read"): Kind(
        subject="resource", page=True, source=True, sink=True, names="uri", cacheable=True
    ),
    ("from-client", "prompts/get"): Kind(
        subject="prompt", page=True, source=True, sink=True, names="name"
    ),
    # A completion is about a prompt, a resource or a template: see `subject_method`.
    ("from-client", COMPLETE): Kind(page=True, source=True, sink=True),
    # What an upstream may send while a call runs.
    ("from-upstream", PROGRESS): Kind(source=True, notification=True),
    ("from-upstream", LOG_LINE): Kind(source=True, notification=True),
    # That a page was visited to which it sent a person while the call runs: by its id.
    ("from-upstream", VISITED): Kind(notification=True, revisions=(HANDSHAKE,)),
    # What it may ask meanwhile; since 2026-07-28 by its result. The reply is what goes out.
    ("from-upstream", "elicitation/create"): Kind(source=True, sink=True),
    ("from-upstream", "sampling/createMessage"): Kind(source=True, sink=True),
    ("from-upstream", "roots/list"): Kind(sink=True),
    ("from-upstream", "ping"): Kind(revisions=(HANDSHAKE,)),
    ("from-upstream", CANCELLED): Kind(notification=True, revisions=(HANDSHAKE,)),
    # What it may send at any time: that something changed, by a name that is known already.
    **{("from-upstream", method): Kind(notification=True) for method in LIST_CHANGED.values()},
    ("from-upstream", UPDATED): Kind(notification=True),
}


def kind_of(direction: Direction, method: str) -> Kind | None:
    """The row of a method, or None: the method is refused."""
    return TABLE.get((direction, method))
