"""Trace context: what is read of it, what is recorded, and where it goes on to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import Sink
from safeconduct.core.model import Gathered
from safeconduct.core.trace import Trace, claimed, onward, recorded, span_of, trace_of
from tests.support.facts import gathered, tool

ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLAIM = Trace(id=ID, parent=PARENT, sampled=True, state="rojo=00f067aa0ba902b7,congo=t61")


def test_a_context_of_the_standards_examples_is_read() -> None:
    parent, state = f"00-{ID}-{PARENT}-01", "rojo=00f067aa0ba902b7,congo=t61"
    assert claimed(parent, state) == CLAIM


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("02", False), ("03", True)])
def test_only_the_flag_of_sampling_is_understood(flags: str, *, sampled: bool) -> None:
    assert claimed(f"00-{ID}-{PARENT}-{flags}") == Trace(id=ID, parent=PARENT, sampled=sampled)


@pytest.mark.parametrize("parent", [f"01-{ID}-{PARENT}-00", f"cc-{ID}-{PARENT}-00-what-the-future"])
def test_of_a_later_version_the_known_fields_are_read(parent: str) -> None:
    assert claimed(parent) == Trace(id=ID, parent=PARENT)


@pytest.mark.parametrize(
    "parent",
    [
        *(None, 7, "", "x", ["00"]),
        f"ff-{ID}-{PARENT}-01",
        f"00-{ID}-{PARENT}-01-more",
        f"00-{ID}-{PARENT}-01 ",
        f"00-{ID}-{PARENT}-1",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{PARENT}-01",
        f"00-{ID}-{PARENT}-01\n",
        f"01-{ID}-{PARENT}-01-\u00e9",
        f"01-{ID}-{PARENT}-01-{'x' * 256}",
        f"01-{ID}-{PARENT}-01.x",
    ],
)
def test_anything_else_is_no_context(parent: object) -> None:
    assert claimed(parent, "rojo=1") is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a=1", "a=1"),
        (" a=1 ,, b=2\t,", "a=1,b=2"),
        ("t1@vendor=x y", "t1@vendor=x y"),
        (",".join(f"k{n}=v" for n in range(32)), ",".join(f"k{n}=v" for n in range(32))),
        (",".join(f"k{n}=v" for n in range(33)), ""),
        ("a=1,a=2", ""),
        ("a=1,B=2", ""),
        ("a", ""),
        ("a=", ""),
        ("a=b=c", ""),
        ("a=\x7f", ""),
        ("a=1\r\nx: y", ""),
        (f"a={'x' * 256}", f"a={'x' * 256}"),
        (f"a={'x' * 257}", ""),
        ("a=1," * 200, ""),
        (7, ""),
        (None, ""),
    ],
)
def test_a_state_is_kept_whole_or_not_at_all(given: object, kept: str) -> None:
    trace = claimed(f"00-{ID}-{PARENT}-00", given)
    assert trace is not None
    assert trace.state == kept


def test_ids_are_derived_and_differ() -> None:
    assert len(span_of("d_1")) == 16
    assert len(trace_of("t_1")) == 32
    assert span_of("d_1") != span_of("d_2")
    assert trace_of("t_1") != trace_of("t_2")
    assert not trace_of("t_1").startswith(span_of("t_1"))


def test_a_record_says_whether_the_trace_was_claimed() -> None:
    assert recorded("d_1", "t_1", None) == {"trace": trace_of("t_1"), "span": span_of("d_1")}
    assert recorded("d_1", "t_1", CLAIM) == {
        "trace": ID,
        "span": span_of("d_1"),
        "trace_claimed": True,
        "span_parent": PARENT,
    }


def knowing(label: Label, **changes: Any) -> Gathered:
    known = gathered(trace=CLAIM)
    task = replace(known.task, labels=label)
    return replace(known, task=task, tool=replace(known.tool, **changes))


def test_a_claim_goes_on_with_our_span_as_the_parent() -> None:
    assert onward("d_1", gathered(trace=CLAIM)) == {
        "traceparent": f"00-{ID}-{span_of('d_1')}-01",
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61",
    }
    quiet = gathered(trace=Trace(id=ID, parent=PARENT))
    assert onward("d_1", quiet) == {"traceparent": f"00-{ID}-{span_of('d_1')}-00"}


def test_without_a_claim_the_task_is_the_trace() -> None:
    derived = {"traceparent": f"00-{trace_of('t_1')}-{span_of('d_1')}-01"}
    assert onward("d_1", gathered()) == derived


@pytest.mark.parametrize(
    "label",
    [
        Label(confidentiality=Confidentiality.restricted),
        Label(tenants=frozenset({"a", "b"})),
        Label(regions=frozenset({"eu", "us"})),
        Label(readers=frozenset({"support"})),
        Label(categories=frozenset({"pii"})),
    ],
)
def test_what_could_carry_out_what_the_task_has_read_is_replaced(label: Label) -> None:
    manifest = tool().manifest
    assert manifest is not None
    refusing = replace(manifest, sink=Sink(categories_refused=("pii",)))
    known = knowing(label, manifest=refusing)
    assert onward("d_1", known) == {"traceparent": f"00-{trace_of('t_1')}-{span_of('d_1')}-01"}


def test_a_claim_goes_on_where_the_label_may() -> None:
    fitting = Label(confidentiality=Confidentiality.confidential, categories=frozenset({"pii"}))
    assert onward("d_1", knowing(fitting))["tracestate"] == CLAIM.state
    unknown = knowing(Label(), manifest=None, clearance=Confidentiality.public)
    assert onward("d_1", unknown)["tracestate"] == CLAIM.state
