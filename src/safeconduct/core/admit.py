"""Step 9: what came back is checked, labelled, redacted and marked, or withheld. Pure.

A result is rebuilt from the members that are known here. `_meta` of an upstream is not among them,
so no upstream can speak in our name or set a label of its own; nor are annotations, which are an
upstream's claims about its own text.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never, cast

import msgspec

from safeconduct.core.asks import INPUT_REQUIRED, input_required
from safeconduct.core.canonical import NotCanonical, canonical, sha256
from safeconduct.core.findings import Unexamined, kinds_of, steers, tainted
from safeconduct.core.labels import Label
from safeconduct.core.manifest import Marking
from safeconduct.core.model import Call, Finding, ToolFacts
from safeconduct.core.paths import TooManyValues, select
from safeconduct.core.provenance import UNVOUCHED, Reading, Vouched
from safeconduct.core.redact import redact
from safeconduct.core.repeats import everywhere
from safeconduct.core.result import rebuilt
from safeconduct.core.shapes import Malformed, NotAllowed
from safeconduct.core.structured import Concealed, hidden, own_rows, verified
from safeconduct.core.tokens import Seal, concealed, replaced
from safeconduct.core.verdict import Obligation, OwnRows, Redact, Spotlight
from safeconduct.core.vouching import readers, vouched

JSON = dict[str, Any]

MARKED: Final = frozenset({"text", "description"})
"""Members that hold free text of an upstream, in blocks and beside them."""


def unsealed(_kind: str, _text: str) -> str:
    """No token where nothing can seal: the result is withheld. Raises Concealed."""
    raise Concealed


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A result that may be delivered, the label it brings, and the values it vouches for.

    `digest` and `size`, in bytes, are those of the canonical form of exactly this result. `read` is
    what it says: without marks, and with what its tokens stand for. `steers`: somebody speaks to
    the agent in it. `findings` are the kinds of what was found in it, also of what was cut out.
    """

    result: JSON = {}
    read: JSON = {}
    steers: bool = False
    findings: tuple[str, ...] = ()
    digest: str = ""
    size: int = 0
    label: Label
    vouched: tuple[Vouched, ...] = ()
    redacted: int = 0


class Withheld(msgspec.Struct, frozen=True):
    """A result that may not be delivered; `code` is a reason, and `kept` what a person may release
    all the same. `unread` is what could not be looked at in it.
    """

    code: str
    kept: Admitted | None = None
    unread: Unexamined | None = None


def admit(
    call: Call,
    tool: ToolFacts,
    obligations: Sequence[Obligation],
    result: Mapping[str, Any],
    findings: Sequence[Finding],
    reading: Reading = UNVOUCHED,
    seal: Seal = unsealed,
    key: str = "",
) -> Admitted | Withheld:
    """The result as the agent may see it. `findings` are those of exactly this result.

    `reading` says what its trusted fields may vouch for, `seal` makes tokens, and `key` is what
    the marks around its texts are told by, which nobody knows who wrote them.
    """
    cut, seen = parted(obligations, findings)
    try:
        cut = everywhere(result, cut)
        kept = read = _rebuilt(call, tool, result, cut, seen)
        label = _label(tool, kept, reading.user)
        speaks_for = vouched(call, tool, kept, reading)
        redacted = 0
        for obligation in obligations:
            match obligation:
                case Redact(kinds, categories, tokens):
                    gone = [f for f in cut if f.kind.startswith(kinds)]
                    tokenised = [
                        f for f in cut if f.kind.startswith(tokens) and not f.kind.startswith(kinds)
                    ]
                    read = redact(kept, gone)
                    kept = replaced(kept, gone, tokenised, seal) if tokenised else read
                    redacted += len(gone) + len(tokenised)
                    if categories:
                        read, _ = hidden(tool, read, categories)
                        kept, count = hidden(tool, kept, categories)
                        redacted += count
                case OwnRows(at, field, tenant):
                    if not own_rows(kept, at, field, tenant):
                        return Withheld("row-foreign")
                case Spotlight(source, mode):
                    # In another encoding nobody would know them any more.
                    kept = spotlight(concealed(kept, call.revealed), source, key, mode)
                case _:
                    assert_never(obligation)
        kept = concealed(kept, call.revealed)
        delivered = canonical(kept)
    except (TooManyValues, Concealed):
        return Withheld("result-withheld")
    except NotAllowed:
        return Withheld("ask-refused")
    except (Malformed, NotCanonical):
        return Withheld("upstream-malformed")
    spoken = steers(findings)
    admitted = Admitted(
        result=kept,
        read=read,
        steers=spoken,
        findings=tuple(kinds_of(findings)),
        digest=sha256(delivered),
        size=len(delivered),
        label=label.join(tainted(seen, cut)) if findings else label,
        # Where somebody speaks to the agent, nothing speaks for a value.
        vouched=() if spoken else speaks_for,
        redacted=redacted,
    )
    return Withheld(QUARANTINED, admitted) if spoken and tool.quarantines else admitted


QUARANTINED: Final = "result-quarantined"
"""Why a result is withheld that a person may release."""

NOT_KEPT: Final = "result-not-kept"
"""Why one is that nobody can."""


def parted(
    obligations: Sequence[Obligation], findings: Sequence[Finding]
) -> tuple[list[Finding], list[Finding]]:
    """The findings that the agent does not get to see, and those that it does."""
    if not findings:
        return [], []
    kinds = tuple(
        [kind for one in obligations if isinstance(one, Redact) for kind in one.kinds + one.tokens]
    )
    cut = [finding for finding in findings if finding.kind.startswith(kinds)]
    return cut, [finding for finding in findings if not finding.kind.startswith(kinds)]


def _rebuilt(
    call: Call,
    tool: ToolFacts,
    result: Mapping[str, Any],
    cut: Sequence[Finding],
    seen: Sequence[Finding],
) -> JSON:
    if result.get("resultType") == INPUT_REQUIRED:
        # What is rebuilt here is not where it was found any more, so none of it could be cut out;
        # and nobody speaks to the agent, or to the person behind it, by way of a question.
        if cut or steers(seen):
            raise NotAllowed
        return input_required(result, tool.asks, call.client)
    return rebuilt(call.method, result)


def log_line(params: Mapping[str, Any], findings: Sequence[Finding]) -> JSON | None:
    """A log line's parameters, rebuilt, its data without findings; None if it is none."""
    level, data = params.get("level"), params.get("data")
    if level not in LEVELS or "data" not in params:
        return None
    kept: JSON = {"level": level, "data": data}
    if isinstance(params.get("logger"), str):
        kept["logger"] = params["logger"]
    return redact(kept, findings)


LEVELS: Final = (
    *("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"),
)  # fmt: skip
"""How serious a log line is, the least first (RFC 5424)."""


def progress(params: Mapping[str, Any], findings: Sequence[Finding]) -> JSON:
    """A progress notification's parameters, rebuilt: numbers, and its text without findings.

    The progress token is not among them: it belongs to the connection, not to the upstream.
    """
    numbers = {name: params.get(name) for name in ("progress", "total")}
    kept: JSON = {name: value for name, value in numbers.items() if type(value) in (int, float)}
    if isinstance(params.get("message"), str):
        kept["message"] = params["message"]
    return redact(kept, findings)


def spotlight(result: JSON, source: str, key: str, mode: Marking = "delimit") -> JSON:
    """The result with delimiters around its texts, with a key which what they hold cannot know, and
    which say how the texts are encoded. Structured content has a schema and stays as it is.
    """
    said, encoded = MODES[mode]
    opening, closing = f"<data source={source} key={key}{said}>\n", f"\n</data key={key}>"

    def marked(value: object) -> object:
        if isinstance(value, list):
            return [marked(item) for item in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        return {
            name: f"{opening}{encoded(item)}{closing}"
            if name in MARKED and isinstance(item, str)
            else marked(item)
            for name, item in cast("JSON", value).items()
        }

    parts = {name: value for name, value in result.items() if name != "structuredContent"}
    return {**result, **cast("JSON", marked(parts))}


def _as_it_is(text: str) -> str:
    return text


def _datamarked(text: str) -> str:
    return text.replace(DATAMARK, " ").replace(" ", DATAMARK)


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DATAMARK: Final = "\u02c6"
"""What stands for each space in a text that is marked throughout, as in Hines et al., 2024."""

MODES: Final[dict[Marking, tuple[str, Callable[[str], str]]]] = {
    "delimit": ("", _as_it_is),
    "datamark": (f" spaces={DATAMARK}", _datamarked),
    "base64": (" encoding=base64", _in_base64),
}
"""What a delimiter says of a text, and how the text is encoded."""


def free_text_label(tool: ToolFacts) -> Label:
    """The label of text of which nobody can tell which fields it holds: all of them count, and
    nobody is known to be among its readers.
    """
    return _label(tool, {}, "")


def _label(tool: ToolFacts, result: JSON, user: str) -> Label:
    """The source's label, joined with that of every labelled field the result may hold, and with
    those who may read it.

    Where text may say more than the structured result nobody can tell which fields are in it: all
    of them count.
    """
    label = tool.source
    returns = None if tool.manifest is None else tool.manifest.returns
    if returns is not None and returns.readers is not None:
        label = label.join(Label(readers=readers(result, returns.readers, user)))
    raising = {path: field for path, field in tool.fields.items() if not field <= label}
    if not raising:
        return label
    structured = verified(result)
    for path, field in raising.items():
        if structured is None or select(structured, path):
            label = label.join(field)
    return label
