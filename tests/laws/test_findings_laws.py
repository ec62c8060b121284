"""A finding, a review and a token only ever make the gateway stricter."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.admit import Withheld, admit
from safeconduct.core.decide import decide
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.model import Call, Facts, Finding
from safeconduct.core.provenance import Reading
from safeconduct.core.redact import redact
from safeconduct.core.review import Reviewed
from safeconduct.core.tokens import concealed, replaced, revealed
from safeconduct.core.verdict import Decision, Deny, Elevate, Redact
from safeconduct.tokens import Tokens
from tests.support.facts import call, manifest, tool
from tests.support.strategies import nearly_permitted, situations

KINDS = ("pii.email", "pricing.list", "secret.aws", "instruction.model", "document.hidden")
FOUND = st.lists(
    st.builds(
        Finding,
        st.sampled_from(KINDS),
        st.sampled_from([("next_step",), ("structuredContent", "id"), ("content", 0, "text")]),
        st.integers(0, 3),
        st.integers(0, 9),
    ),
    max_size=4,
).map(tuple)
REVIEWS = st.builds(
    Reviewed,
    st.sampled_from(["consistent", "inconsistent", "unsure", "failed"]),
    st.just("because"),
    st.sampled_from(["refuse", "elevate"]),
)
REFUSED = st.lists(st.sampled_from(["pii", "pricing.list", "instruction"]), max_size=2).map(tuple)


def strictness(decision: Decision) -> int:
    """Permit, elevate, deny."""
    verdict = decision.verdict
    return 2 if isinstance(verdict, Deny) else int(isinstance(verdict, Elevate))


def refusing(facts: Facts, refused: tuple[str, ...]) -> Facts:
    """The same, of a tool that refuses more."""
    gathered = facts.gathered
    said = gathered.tool.manifest
    if said is None:
        return facts
    sink = replace(said.sink, categories_refused=(*said.sink.categories_refused, *refused))
    changed = replace(gathered.tool, manifest=replace(said, sink=sink))
    return replace(facts, gathered=replace(gathered, tool=changed))


@given(situations() | nearly_permitted(), FOUND, REFUSED)
def test_a_finding_never_makes_a_verdict_laxer(
    known: tuple[Call, Facts], found: tuple[Finding, ...], refused: tuple[str, ...]
) -> None:
    asked, facts = known[0], refusing(known[1], refused)
    more = replace(facts, findings=(*facts.findings, *found))
    assert strictness(decide(asked, more)) >= strictness(decide(asked, facts))


@given(situations() | nearly_permitted(), REVIEWS)
def test_a_review_never_makes_a_verdict_laxer(known: tuple[Call, Facts], review: Reviewed) -> None:
    asked, facts = known
    more = replace(facts, review=review)
    assert strictness(decide(asked, more)) >= strictness(decide(asked, replace(facts, review=None)))


RESULT: dict[str, Any] = {
    "content": [{"type": "text", "text": "dana@customer.example"}],
    "structuredContent": {"id": "D-7"},
}
TOOL = tool(
    manifest=manifest(returns=Returns(fields={"id": FieldLabel(vouches_for=("object-id",))}))
)
READING = Reading(chosen="trusted-field")


@given(FOUND, FOUND, st.booleans())
def test_a_finding_never_lowers_a_label_and_never_vouches(
    found: tuple[Finding, ...], more: tuple[Finding, ...], quarantines: bool
) -> None:
    facts = replace(TOOL, quarantines=quarantines)
    obligations = (Redact(("secret.",)),)
    before = admit(call(), facts, obligations, RESULT, found, READING)
    after = admit(call(), facts, obligations, RESULT, (*found, *more), READING)
    if isinstance(before, Withheld):
        assert isinstance(after, Withheld)
    if isinstance(before, Withheld) or isinstance(after, Withheld):
        return
    assert before.label <= after.label
    assert set(after.vouched) <= set(before.vouched)
    assert after.redacted >= before.redacted


TASKS = st.text("abc", min_size=1, max_size=3)
NAMES = st.sampled_from(["pii.email", "pii.name", "pricing.list"])
TEXTS = st.text(min_size=1, max_size=40)
VAULT = Tokens(b"k" * 32)


@given(TASKS, TASKS, NAMES, NAMES, TEXTS)
def test_a_token_goes_back_only_in_its_task_and_to_who_may_have_its_kind(
    task: str, other: str, kind: str, revealing: str, text: str
) -> None:
    found = [Finding(kind, ("structuredContent", "a"), 0, len(text))]
    result = {"structuredContent": {"a": text}}
    held = replaced(result, [], found, lambda name, value: VAULT.seal(task, name, value))
    given_back = {"b": held["structuredContent"]["a"]}
    got, known = revealed(
        given_back, [revealing], lambda name, sealed: VAULT.open(other, name, sealed)
    )
    if task == other and kind == revealing:
        assert got == {"b": text}
        # What comes back says of the token what it says of the value.
        assert concealed(got, known) == given_back
    else:
        assert (got, known) == (given_back, ())


@given(st.lists(st.text("ab@. ", max_size=12), max_size=3))
def test_what_is_replaced_once_is_replaced_for_good(texts: list[str]) -> None:
    def found(value: dict[str, Any]) -> list[Finding]:
        return [
            Finding("pii.email", ("content", at, "text"), one.start(), one.end())
            for at, block in enumerate(value["content"])
            for one in re.finditer(r"[ab]+@[ab]+", block["text"])
        ]

    value: dict[str, Any] = {"content": [{"type": "text", "text": text} for text in texts]}
    once = replaced(value, [], found(value), lambda kind, text: VAULT.seal("t", kind, text))
    assert found(once) == []
    assert redact(once, found(once)) == once
    cut = redact(value, found(value))
    assert redact(cut, found(cut)) == cut
