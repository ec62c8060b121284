"""Manifests: what a reviewer says of an upstream's tools; the worst case where nobody did."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final, Literal

import msgspec

from safeconduct.core.labels import WORST, Confidentiality, Integrity, Label


class Effect(Enum):
    """What a call does to the world outside the task."""

    read = "read"
    write = "write"
    send = "send"
    delete = "delete"
    execute = "execute"
    pay = "pay"

    def __init__(self, name: str) -> None:
        self.changes_state: Final = name != "read"
        """Whether the call may change something: everything but a read."""


Role = Literal[
    "recipient", "destination", "account", "path", "object-id", "amount", "content", "query"
]
"""What an argument is for; all but `content` and `query` steer the action (control arguments)."""

ADDRESS_ROLES: Final[frozenset[Role]] = frozenset({"recipient", "destination"})
"""Control arguments that say where data goes: the check `sink` judges them."""

Shaped = Literal["recipient", "destination", "account"]
"""The roles whose values can be told by their shape."""

LISTS: Final[dict[Role, Literal["recipients", "destinations"]]] = {
    "recipient": "recipients",
    "destination": "destinations",
}
"""The allowlist of a sink that an address argument is judged by."""

CONTROL_ROLES: Final[frozenset[Role]] = frozenset(
    {"recipient", "destination", "account", "path", "object-id", "amount"}
)
"""Arguments that steer an action; their values need provenance."""


SQL: Final = "sql"
"""The type of a query that is free SQL."""


Marking = Literal["delimit", "datamark", "base64"]
"""How texts of a result are marked as data (Hines et al., 2024): between delimiters, in them also
with a mark for each space, or encoded.
"""

Spotlighting = Literal["none", Marking]


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a file that an operator writes: unknown keys are refused."""


Needs = Literal["vouched", "seen", "any"]
"""What is demanded of where an argument's value comes from: a place that vouches for it; a field of
what the task has read that offers it (then the agent did not compose it); or nothing.
"""


class Argument(_Spec, frozen=True):
    """One argument of a tool. `type` is the resource type of an object id (`crm.case`), or the
    language of a query (`sql`).

    `decimals` is how many digits behind the point an amount has: with two, 98.7 counts as 9870. By
    `above_bps`, in basis points, an amount may exceed the largest one of its type that is vouched
    for.
    `needs` is what follows from the role and the effect when left out. What does not choose whose
    data is read (`selects: false`), as a page size, needs no voucher, and takes none from a result.
    A value is vouched for also where it is `on_file`: in the list that this resolver takes.
    """

    role: Role
    type: str | None = None
    decimals: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    above_bps: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    needs: Needs | None = None
    selects: bool = True
    on_file: str | None = None


class SourceLabel(_Spec, frozen=True):
    """What data from this place counts as when it enters a task."""

    integrity: Literal["trusted", "endorsed", "untrusted"] = "untrusted"
    confidentiality: Literal["public", "internal", "confidential", "restricted"] = "restricted"
    categories: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = None

    def label(self) -> Label:
        """The label of the data."""
        return Label(
            integrity=Integrity[self.integrity],
            confidentiality=Confidentiality[self.confidentiality],
            categories=frozenset(self.categories),
            readers=None if self.readers is None else frozenset(self.readers),
        )


class FieldLabel(_Spec, frozen=True):
    """What is special about one field of a result.

    Parts left out are the source's own. `vouches_for` names the roles for which this field's values
    may be used as control arguments later in the task; only a trusted field vouches: `when: named`,
    only where the request names the very row, as what somebody else filled in and the user points
    to. `type` is the resource type of the ids in it. What stands in its text, as links do, is good
    for the roles that it `offers`, where the request names what was read: for arguments that need
    to be `seen`, and to be asked about, one among several. A field `names` its row if users call
    the row by it, and `makes` says that the call has just made what has this id. By the words in
    `most` and `least` a request means the one row with the highest or the lowest value: `most:
    [largest, biggest]`.
    """

    integrity: Literal["trusted", "endorsed", "untrusted"] | None = None
    confidentiality: Literal["public", "internal", "confidential", "restricted"] | None = None
    categories: tuple[str, ...] = ()
    vouches_for: tuple[Role, ...] = ()
    when: Literal["always", "named"] = "always"
    offers: tuple[Shaped, ...] = ()
    names: bool = False
    makes: bool = False
    most: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    type: str | None = None


class Rows(_Spec, frozen=True):
    """Where a result holds what belongs to tenants: one object, or a list of them, `at` a path, and
    in each the path of its `tenant`.
    """

    at: str
    tenant: str


class Owned(_Spec, frozen=True):
    """Where a result names who owns what: its rows, at the path `at`, and in each the path of its
    `owner`. In rows of `others` nothing vouches, or their ids alone (`ids`).
    """

    at: str
    owner: str
    others: Literal["nothing", "ids"] = "nothing"


class Returns(_Spec, frozen=True):
    """The labels of a result: of all of it, and of single fields by path (`messages.*.body`).

    Findings of the kinds, or families, in `redact` are cut out; in the place of those in `tokenise`
    stand tokens, which tools that say so take for what they stand for.

    Of a result with `rows`, only one whose every row is the task's tenant's is delivered. Ids vouch
    in `owned` rows of the task's user alone. `readers` is the path of those who may read what is
    there, besides the user: names, or an object by names; of several rows, who may read all.
    """

    source: SourceLabel = SourceLabel()
    fields: dict[str, FieldLabel] = {}
    redact: tuple[str, ...] = ()
    tokenise: tuple[str, ...] = ()
    rows: Rows | None = None
    owned: Owned | None = None
    readers: str | None = None


class Resolver(_Spec, frozen=True):
    """A fact from the system of record, fetched by the gateway itself.

    `tool` is a read tool, of the same upstream or `<upstream>.<name>`. `arguments` may take values
    of the judged call by `$.arguments.<name>`; `take` picks the fact from the structured result.
    """

    tool: str
    take: str
    arguments: dict[str, Any] = {}


class Allow(_Spec, frozen=True):
    """A list of allowed destinations: fixed values, or what a resolver returns."""

    values: tuple[str, ...] = ()
    resolver: str | None = None


class Sink(_Spec, frozen=True):
    """Where the arguments go: how confidential they may be, and to whom they may be sent.

    `links`: whether a link in content that is sent needs a voucher, as an address does. A token in
    an argument is taken for what it stands for if its kind, or family, is in `reveals`.
    """

    clearance: Literal["public", "internal", "confidential", "restricted"] = "public"
    categories_refused: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    allow: dict[Literal["recipients", "destinations"], Allow] = {}
    links: Literal["vouched", "any"] = "vouched"
    reveals: tuple[str, ...] = ()


class Threshold(_Spec, frozen=True):
    """From where on a call of this tool needs a person's yes: an amount `above` so many of its
    smallest units, more than `items` in a list, or, without an argument, more than `calls` with the
    tool's scopes in one task. `template` is the name of the question.
    """

    template: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    argument: str | None = None
    above: Annotated[int, msgspec.Meta(ge=0)] | None = None
    items: Annotated[int, msgspec.Meta(ge=1)] | None = None
    calls: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ToolManifest(_Spec, frozen=True):
    """What a reviewer says of one tool.

    `pin` is the digest of the reviewed definition (`sha256:…`); without it, or when nobody reviewed
    the tool, the labels count as the worst case whatever is written here.

    `unvouched` is what happens to a call whose arguments nobody vouches for. `ask`: a person is
    asked where the values come from a source that the request names. `follow`: besides, an address
    passes that is the only one in such a source, where the request names all else that steers.
    `asks` says from where on a person is asked whoever vouches.
    """

    effect: Effect
    scopes: tuple[str, ...]
    arguments: dict[str, Argument] = {}
    returns: Returns = Returns()
    sink: Sink = Sink()
    resolvers: dict[str, Resolver] = {}
    reversible: bool = False
    unvouched: Literal["refuse", "ask", "follow"] = "refuse"
    asks: tuple[Threshold, ...] = ()
    spotlight: Spotlighting | None = None
    pin: str | None = None


class ContentManifest(_Spec, frozen=True):
    """What a reviewer says of a resource (by URI or URI prefix ending in `*`) or of a prompt.

    `pin` is the digest of the reviewed definition, whose text is shown then; a definition that
    changed is refused. Without it nobody reviewed the text, and none of it is shown.
    """

    scopes: tuple[str, ...]
    source: SourceLabel = SourceLabel()
    spotlight: Spotlighting | None = None
    pin: str | None = None


class Manifest(_Spec, frozen=True):
    """What a reviewer says of one upstream. `resolvers` are shared by its tools. Upstreams of one
    `system` give back what was written to any of them.
    """

    upstream: str
    system: str | None = None
    tools: dict[str, ToolManifest] = {}
    resources: dict[str, ContentManifest] = {}
    prompts: dict[str, ContentManifest] = {}
    resolvers: dict[str, Resolver] = {}


def source_label(tool: ToolManifest, *, reviewed: bool) -> Label:
    """What a result of this tool counts as before its fields are looked at."""
    return tool.returns.source.label() if reviewed else WORST


def field_label(field: FieldLabel, source: Label) -> Label:
    """The label of one field: the source's own, but for what is special about it."""
    return Label(
        integrity=source.integrity if field.integrity is None else Integrity[field.integrity],
        confidentiality=source.confidentiality
        if field.confidentiality is None
        else Confidentiality[field.confidentiality],
        categories=frozenset(field.categories),
    )


def clearance(tool: ToolManifest, *, reviewed: bool) -> Confidentiality:
    """How confidential the data sent to this tool may be: public when nobody reviewed it."""
    return Confidentiality[tool.sink.clearance] if reviewed else Confidentiality.public
