from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.admit import Admitted, Withheld, admit, free_text_label
from safeconduct.core.canonical import digest
from safeconduct.core.findings import tainted
from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.model import Finding
from safeconduct.core.provenance import Reading
from safeconduct.core.verdict import Obligation, OwnRows, Redact, Spotlight
from tests.support.facts import call, manifest, tool

NAMES = st.sampled_from(["id", "rows", "body", "_meta", "a"])
STRUCTURED = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
MORE = st.fixed_dictionaries(
    {},
    optional={
        "_meta": STRUCTURED,
        "annotations": STRUCTURED,
        "nextCursor": st.text(max_size=3),
        "labels": STRUCTURED,
        "x": st.integers(),
    },
)
TEXTS = st.fixed_dictionaries({"uri": st.text(max_size=4), "text": st.text(max_size=4)})


def with_more(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda more, value: {**more, **value}, MORE, inner)


BLOCKS = with_more(
    st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=6))
    | st.builds(lambda text: {"type": "image", "data": text, "mimeType": text}, st.text(max_size=3))
    | st.builds(lambda text: {"type": "resource_link", "uri": text, "name": text}, st.just("u"))
    | st.builds(lambda one: {"type": "resource", "resource": one}, with_more(TEXTS))
)
RESULTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "tools/call": with_more(
        st.fixed_dictionaries(
            {"content": st.lists(BLOCKS, max_size=3)},
            optional={"structuredContent": STRUCTURED, "isError": st.booleans()},
        )
    ),
    "resources/read": with_more(
        st.fixed_dictionaries({"contents": st.lists(with_more(TEXTS), max_size=3)})
    ),
    "prompts/get": with_more(
        st.fixed_dictionaries(
            {
                "messages": st.lists(
                    with_more(st.fixed_dictionaries({"role": st.just("user"), "content": BLOCKS})),
                    max_size=3,
                )
            },
            optional={"description": st.text(max_size=3)},
        )
    ),
}
ANSWERS = st.sampled_from(sorted(RESULTS)).flatmap(
    lambda method: st.tuples(st.just(method), RESULTS[method])
)
FIELDS = st.dictionaries(
    st.sampled_from(["id", "rows.*.body", "rows.*", "*", "$", "a.b"]),
    st.builds(
        FieldLabel,
        integrity=st.none() | st.sampled_from(["trusted", "endorsed", "untrusted"]),
        confidentiality=st.none() | st.sampled_from(["public", "internal", "restricted"]),
        categories=st.lists(st.sampled_from(["pii", "pricing"])).map(tuple),
        vouches_for=st.lists(st.sampled_from(["object-id", "recipient"])).map(tuple),
    ),
)
TOOLS = st.builds(
    lambda fields, pin, integrity, confidentiality, readers: tool(
        manifest=manifest(returns=Returns(fields=fields)),
        pin=pin,
        source=Label(integrity=integrity, confidentiality=confidentiality, readers=readers),
    ),
    FIELDS,
    st.sampled_from(["reviewed", "unreviewed", "changed"]),
    st.sampled_from(Integrity),
    st.sampled_from(Confidentiality),
    st.none() | st.frozensets(st.sampled_from("ab")),
)
OBLIGATIONS: st.SearchStrategy[list[Obligation]] = st.lists(
    st.sampled_from(
        (
            Redact(("secret.",)),
            Redact(("secret.", "pii."), ("pii",)),
            Spotlight("crm"),
            OwnRows("rows", "id", "0"),
        )
    ),
    max_size=3,
)
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["secret.x", "pii.y"]),
        st.sampled_from([("content", 0, "text"), ("structuredContent", "id"), ("contents", 0)]),
        st.integers(0, 3),
        st.integers(0, 9),
    ),
    max_size=3,
)

KNOWN = {
    "tools/call": {"content", "structuredContent", "isError"},
    "resources/read": {"contents"},
    "prompts/get": {"messages", "description"},
}
INNER = {
    "type", "text", "data", "mimeType", "uri", "name", "title", "description", "blob", "resource",
    "role", "content",
}  # fmt: skip


def members(value: Any) -> set[str]:
    """Every name that stands anywhere in a value."""
    if isinstance(value, list):
        return {name for item in value for name in members(item)}
    if isinstance(value, dict):
        return set(value) | members(list(value.values()))
    return set()


READINGS = st.builds(
    Reading, chosen=st.sampled_from((None, "trusted-field", "named-field", "named-object"))
)


@given(ANSWERS, TOOLS, OBLIGATIONS, FINDINGS, READINGS)
def test_nothing_unknown_passes_and_no_label_falls(
    answer: tuple[str, dict[str, Any]],
    facts: Any,
    obligations: list[Obligation],
    findings: list[Finding],
    reading: Reading,
) -> None:
    method, result = answer
    before = json.dumps(result)
    got = admit(call(method=method), facts, obligations, result, findings, reading)
    assert json.dumps(result) == before
    if isinstance(got, Withheld):
        assert got.code in {"result-withheld", "upstream-malformed", "row-foreign"}
        return
    structured = got.result.get("structuredContent", {})
    outer = {name: item for name, item in got.result.items() if name != "structuredContent"}
    assert set(got.result) <= KNOWN[method]
    assert members(list(outer.values())) <= INNER
    assert "_meta" not in members(structured)
    assert got.digest == digest(got.result)
    assert facts.source <= got.label <= free_text_label(facts).join(tainted(findings))
    assert reading.chosen is not None or not got.vouched


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "content",
                        "type",
                        "text",
                        "structuredContent",
                        "isError",
                        "messages",
                        "contents",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    ).filter(lambda value: isinstance(value, dict)),
    st.sampled_from([*RESULTS, "tools/list"]),
    TOOLS,
)
def test_any_answer_is_admitted_or_withheld(result: Any, method: str, facts: Any) -> None:
    got = admit(call(method=method), facts, (), result, (), Reading(chosen="named-object"))
    assert isinstance(got, Admitted | Withheld)


def structured(value: dict[str, Any], text: str) -> dict[str, Any]:
    """A tool's structured result, with a text beside it."""
    return {"content": [{"type": "text", "text": text}], "structuredContent": value}


ROW = st.fixed_dictionaries(
    {}, optional={"id": st.sampled_from(["own", "other", None]), "body": st.text(max_size=3)}
)
LISTED = st.fixed_dictionaries(
    {"rows": st.lists(ROW, max_size=3) | ROW}, optional={"id": st.just("own")}
)


@given(LISTED, st.none() | LISTED, st.booleans())
def test_a_result_whose_rows_are_checked_shows_no_row_that_is_not_the_tenant_s(
    value: dict[str, Any], said: dict[str, Any] | None, failed: bool
) -> None:
    texts = [] if said is None else [{"type": "text", "text": json.dumps(said)}]
    result = {"content": texts, "structuredContent": value, "isError": failed}
    got = admit(call(), tool(), (OwnRows("rows", "id", "own"),), result, ())
    shown = [value] if said is None else [value, said]
    rows: list[dict[str, Any]] = [
        row
        for one in shown
        for row in (one["rows"] if isinstance(one["rows"], list) else [one["rows"]])
    ]
    own = all(row.get("id") == "own" for row in rows) and said in (None, value)
    assert isinstance(got, Admitted) is own


@given(LISTED, st.none() | st.text(max_size=3), st.booleans())
def test_what_is_redacted_by_category_is_nowhere_in_what_is_shown(
    value: dict[str, Any], more: str | None, repeats: bool
) -> None:
    fields = {
        "rows.*.body": FieldLabel(categories=("pii",)),
        "rows.body": FieldLabel(categories=("pii",)),
    }
    texts = ([json.dumps(value)] if repeats else []) + ([] if more is None else [more])
    result = {
        "content": [{"type": "text", "text": text} for text in texts],
        "structuredContent": value,
    }
    facts = tool(manifest=manifest(returns=Returns(fields=fields)))
    got = admit(call(), facts, (Redact((), ("pii",)),), result, ())
    if isinstance(got, Withheld):
        assert more is not None
        return
    kept = got.result["structuredContent"]
    rows: list[dict[str, Any]] = kept["rows"] if isinstance(kept["rows"], list) else [kept["rows"]]
    assert all(row.get("body", "[redacted: pii]") == "[redacted: pii]" for row in rows)
    assert all(json.loads(block["text"]) == kept for block in got.result["content"])


@given(STRUCTURED)
def test_no_member_called_meta_passes_however_deep(value: dict[str, Any]) -> None:
    result = structured({"deep": [value], "_meta": value}, "")
    got = admit(call(), tool(), (), result, ())
    assert isinstance(got, Withheld) or "_meta" not in members(got.result)


@given(STRUCTURED, TOOLS, st.text('{}[]":id,_ 0', max_size=12))
def test_text_that_may_say_more_counts_as_all_that_there_is(
    value: dict[str, Any], facts: Any, text: str
) -> None:
    got = admit(call(), facts, (), structured(value, text), ())
    if isinstance(got, Withheld):
        return
    try:
        same = json.loads(text) == got.result["structuredContent"]
    except ValueError:
        same = False
    assert same or got.label == free_text_label(facts)
