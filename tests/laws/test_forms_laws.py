"""What a form of records reads is what decoding them gives, and nothing that decoding refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safeconduct.audit.records import MAX_RECORD_BYTES, decode, encode
from safeconduct.audit.verify import forms
from safeconduct.audit.verify.forms import Formed, Forms

PAYLOAD = {"at": [0, 408], "bytes": 400, "commit": "00", "kid": "k_1", "sha256": "ab"}
OUTCOME: dict[str, Any] = {
    "at_ms": 1_762_000_000_000,
    "decision": "d_1",
    "kind": "outcome",
    "n": 7,
    "status": "ok",
}
COUNTED = {**OUTCOME, "pair_n": 3, "payload": PAYLOAD, "task": "t_1", "task_n": 2}
DECISION: dict[str, Any] = {
    **COUNTED,
    "agent": "spiffe://a/b",
    "checks": [{"check": "tool", "said": "deny"}, {"check": "zone", "said": "nothing"}],
    "facts": {"delta": -3, "old": 10},
    "kind": "decision",
    "policy": {"deny": [], "input": {"user": {"acr": None, "amr": ["pwd"]}}},
    "tenant": "crm",
    "user": "u_1",
    "verdict": "permit",
}
RECORDS = (OUTCOME, COUNTED, DECISION)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2FF), max_size=6),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\"{.'", max_size=2), inner)
    ),
    max_leaves=6,
)
members = st.dictionaries(st.sampled_from(("a", "checks", "m", "o{", "status", "zz")), values)
dropped = st.sets(st.sampled_from(sorted(DECISION)), max_size=3)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A record that is much like a decision or an outcome."""
    record = {**draw(st.sampled_from(RECORDS)), **draw(members)}
    gone = draw(dropped)
    return encode({name: value for name, value in record.items() if name not in gone})


def taught(*entries: bytes) -> Forms:
    """Forms that know these records."""
    found = Forms()
    for data in entries:
        found.learn(data, decode(data))
    return found


def said(record: dict[str, Any]) -> Formed:
    """What is read of a record, from its decoded form."""
    payload = record.get("payload", {})
    at = payload.get("at", ("", ""))
    values = {
        **{name: record.get(name, "") for name in Formed._fields},
        "file": at[0],
        "offset": at[1],
        "size": payload.get("bytes", ""),
        **{name: payload.get(name, "") for name in ("kid", "sha256")},
    }
    return Formed(**{name: str(value) for name, value in values.items()})


@given(st.lists(written(), min_size=1, max_size=4), written())
def test_what_is_read_is_what_decoding_gives(known: list[bytes], data: bytes) -> None:
    found = taught(*known).read(data)
    assert found is None or found == said(decode(data))


CUTS = st.tuples(st.floats(0, 1), st.floats(0, 1))
PIECES = st.sampled_from(
    (b"", b" ", b",", b'"', b"\\", b"0", b"-", b".", b"1e3", b"{", b"}", b"\xc3", b"\x00", b"\x7f")
)


@given(written(), CUTS, PIECES | st.binary(max_size=3), st.booleans())
@example(encode(OUTCOME), (0.0, 0.0), b" ", False)
@example(encode(COUNTED), (0.99, 0.99), b'"zz":1', False)
def test_nothing_is_read_that_decoding_refuses(
    data: bytes, cut: tuple[float, float], piece: bytes, twice: bool
) -> None:
    start, end = sorted(round(at * len(data)) for at in cut)
    between = data[start:end] * 2 if twice else b""
    changed = data[:start] + between + piece + data[end:]
    found = taught(data, *map(encode, RECORDS)).read(changed)
    assert found is None or found == said(decode(changed))


@given(st.sampled_from(RECORDS), st.integers(0, 9_999), st.text("abc :,[]{}'", max_size=9))
def test_records_of_a_known_shape_are_read(record: dict[str, Any], n: int, text: str) -> None:
    forms = taught(*map(encode, RECORDS))
    assert forms.read(encode({**record, "n": n, "status": text})) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 1},
        {"status": 'a "word"'},
        {"status": "é"},
        {"n": 2**53 - 1},
        {"kind": "erasure"},
        {"payload": {"left_out": 1}},
        {"agent": "spiffe://a/b"},
        {"status": "a" * MAX_RECORD_BYTES},
        {"checks": []},
    ],
)
def test_what_is_not_alike_is_left_to_decoding(changes: dict[str, Any]) -> None:
    record = {**COUNTED, **changes}
    data = encode(record) if len(str(record)) < MAX_RECORD_BYTES else long(record)
    assert taught(*map(encode, RECORDS)).read(data) is None


def long(record: dict[str, Any]) -> bytes:
    """A record that is longer than any may be."""
    short = encode({**record, "status": "a"})
    return short.replace(b'"status":"a"', b'"status":"%b"' % record["status"].encode())


@pytest.mark.parametrize("gone", ["pair_n", "task", "task_n"])
def test_counters_are_read_together_and_with_a_task(gone: str) -> None:
    record = {name: value for name, value in COUNTED.items() if name != gone}
    assert taught(*map(encode, RECORDS), encode(record)).read(encode(record)) is None


@pytest.mark.parametrize("gone", ["tenant", "user", "verdict"])
def test_a_decision_is_read_whole(gone: str) -> None:
    record = {name: value for name, value in DECISION.items() if name != gone}
    assert taught(encode(DECISION), encode(record)).read(encode(record)) is None


def test_a_form_is_made_anew_so_often_and_no_more() -> None:
    each = [encode({**OUTCOME, f"z{number}": 1}) for number in range(forms.MAX_MADE + 1)]
    found = taught(*each)
    assert [found.read(data) is not None for data in each] == [True] * forms.MAX_MADE + [False]


def test_there_are_so_many_forms_and_no_more() -> None:
    each = [encode({**OUTCOME, f"a{number}": 1}) for number in range(forms.MAX_FORMS + 1)]
    found = taught(*each)
    assert [found.read(data) is not None for data in each] == [True] * forms.MAX_FORMS + [False]


def test_an_expression_is_only_so_long() -> None:
    deep = encode({**OUTCOME, "z": [[number] for number in range(1_300)]})
    found = taught(encode(OUTCOME), deep)
    assert found.read(encode(OUTCOME)) is not None
    assert found.read(deep) is None
