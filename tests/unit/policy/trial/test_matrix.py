"""Matrices are read to the letter, and refused where they would prove nothing."""

from typing import Any

import msgspec
import pytest

from safeconduct.core.policy_shape import PolicyInputShape
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial import matrix
from safeconduct.policy.trial.base import BASE, NOW_MS, base, settle
from safeconduct.policy.trial.matrix import Case, read_matrix

CASES = "cases:\n  '': deny\n"
YES = "approval: {digest: this-call, granted_at_ms: now}"


def cases(text: str) -> list[Case]:
    return read_matrix(text, "tests/a.yaml")


def only(text: str) -> dict[str, Any]:
    (case,) = cases(text)
    return msgspec.json.decode(case.input, type=dict[str, Any])


def refused(text: str) -> tuple[int, str]:
    with pytest.raises(PolicyRefused) as found:
        cases(text)
    assert found.value.file == "tests/a.yaml"
    assert found.value.fix
    return found.value.line, found.value.sentence


def test_without_a_change_the_input_is_the_whole_call_to_start_from() -> None:
    value = only(CASES)
    msgspec.convert(value, PolicyInputShape)
    assert value == settle(base())
    assert value["now_ms"] == NOW_MS
    assert value["agent"]["attested_at"] == NOW_MS - 600_000
    assert value["user"]["auth_time"] == NOW_MS // 1000 - 600
    assert value["task"]["started_at"] == NOW_MS - 300_000


def test_reading_does_not_change_what_the_next_file_starts_from() -> None:
    before = msgspec.json.encode(BASE)
    only(
        f"base: {{call.fields: [a], facts.x: 1, agent: {BASE['agent']!r}, agent.tier: 1}}\n{CASES}"
    )
    assert msgspec.json.encode(BASE) == before


def test_changes_apply_in_the_order_of_the_case() -> None:
    first, second = cases(
        "base: {agent.tier: 1}\n"
        "given:\n  two: {agent.tier: 2}\n  three: {agent.tier: 3}\n"
        "cases:\n  two, three: deny\n  three: deny\n"
    )
    assert b'"tier":3' in first.input
    assert (first.name, first.line) == ("two, three", 6)
    assert b'"tier":3' in second.input
    assert b'"tier":2' in cases(
        "given:\n  two: {agent.tier: 2}\n  three: {agent.tier: 3}\ncases:\n  three, two: deny\n"
    )[0].input  # fmt: skip


def test_the_upstream_is_the_tools_unless_it_is_set() -> None:
    assert only(f"base: {{call.tool: mail.send}}\n{CASES}")["call"]["upstream"] == "mail"
    set_apart = "base: {call.tool: mail.send, call.upstream: other}\n"
    assert only(set_apart + CASES)["call"]["upstream"] == "other"


def test_parts_are_taken_away() -> None:
    text = (
        "base: {facts.a: 1, facts.b: [x], labels.readers: [jane]}\n"
        "given:\n  less: {without: [facts.a, labels.readers, approval]}\n"
        "cases: {less: deny}\n"
    )
    value = only(text)
    assert value["facts"] == {"b": ["x"]}
    assert "readers" not in value["labels"]


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("now", NOW_MS),
        ("now-4m59s", NOW_MS - 299_000),
        ("now+1d2h3m4s5ms", NOW_MS + 93_784_005),
        ("2026-11-16T10:30:00+01:00", NOW_MS),
        ("2026-11-16T09:30:00.250Z", NOW_MS + 250),
        ("5", 5),
    ],
)
def test_times_may_be_written_for_people(written: str, at_ms: int) -> None:
    given = f"base: {{approval: {{digest: this-call, granted_at_ms: {written}}}}}\n"
    assert only(given + CASES)["approval"]["granted_at_ms"] == at_ms


def test_time_is_frozen_where_the_case_sets_it() -> None:
    at_night, by_day = cases(
        "given:\n"
        "  at night: {now_ms: 2026-11-16T23:00:00Z}\n"
        "  yes: {approval: {digest: this-call, granted_at_ms: now-1s}}\n"
        "cases:\n  at night, yes: deny\n  yes: deny\n"
    )
    assert at_night.now_ms == NOW_MS + 48_600_000
    assert f'"granted_at_ms":{at_night.now_ms - 1000}'.encode() in at_night.input
    assert by_day.now_ms == NOW_MS
    assert f'"granted_at_ms":{NOW_MS - 1000}'.encode() in by_day.input


def test_every_combination_that_is_not_listed_has_to_be_refused() -> None:
    found = cases(
        "given:\n  a: {agent.tier: 1}\n  b: {agent.tier: 2}\n  x: {call.effect: write}\n  y: {}\n"
        "combine:\n  - [a, b]\n  - [x, y]\ncases:\n  y, a: permit r\n"
    )
    assert [(case.name, str(case.expected), case.listed) for case in found] == [
        ("y, a", "permit r", True),
        ("a, x", "refused", False),
        ("b, x", "refused", False),
        ("b, y", "refused", False),
    ]


def test_mistyped_values_reach_the_rules_as_they_are() -> None:
    tier, time, whole = cases(
        "mistyped:\n  no tier: {agent.tier: null}\n  no time: {now_ms: soon}\n"
        "  no agent: {agent: 0.5, call: x}\ncases:\n  no tier: deny\n  no time: deny\n"
        "  no agent: deny\n"
    )
    assert b'"tier":null' in tier.input
    assert b'"now_ms":"soon"' in time.input
    assert time.now_ms == NOW_MS
    assert b'"agent":0.5' in whole.input


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("cases: [", 1, "not YAML"),
        ("- a", 1, "not a mapping"),
        ("cases: {}\nbases: {}", 2, "unknown key `bases`"),
        ("base: {}", 1, "no cases, so it tests nothing"),
        ("cases: {'': allow}", 1, "not something that a policy could say"),
        ("cases: {'': [deny]}", 1, "not something that a policy could say"),
        (CASES + "  a: deny", 3, "nothing is given as `a`"),
        ("given: {a: {}, b: {}}\ncases:\n  a, b: deny\n  b, a: deny", 4, "stands here twice"),
        (CASES + "given:\n  a: {}", 4, "`a` stands in no case"),
        (CASES + "mistyped:\n  a: {}", 4, "`a` stands in no case"),
        (CASES + "given:\n  'a, b': {}", 4, "not a name that a case could use"),
        ("given: {a: {}}\nmistyped:\n  a: {}\ncases: {a: deny}", 3, "`a` is given too"),
        (CASES + "base:\n  agent.teir: 1", 4, "the policy input has no `agent.teir`"),
        (CASES + "base:\n  agent.tier.x: 1", 4, "the policy input has no `agent.tier.x`"),
        (CASES + "base:\n  agent.tier: one", 4, "agent.tier: Expected int, got str"),
        (CASES + "base:\n  agent.tier: 1.5", 4, "agent.tier: a number with a fraction"),
        (CASES + "base:\n  facts.x: [0.5]", 4, "facts.x: a number with a fraction"),
        (CASES + "base:\n  call.effect: reed", 4, "call.effect: Invalid enum value 'reed'"),
        (CASES + "base:\n  call.fields: [1]", 4, "call.fields: Expected str, got int"),
        (CASES + "base:\n  agent:\n    teir: 1", 4, "agent: Object contains unknown field teir"),
        (CASES + "base:\n  now_ms: soon", 4, "now_ms: Expected int, got str"),
        (CASES + "base:\n  now_ms: 2026-11-16T09:30:00", 4, "now_ms: Expected int, got str"),
        (CASES + "given:\n  a:\n    approval.digest: x\n    agent.tier: 3", 5,
         "approval: Object missing required field granted_at_ms"),
        (CASES + "base: {without: [agent.tier]}", 3,
         "agent: Object missing required field tier"),
        (CASES + "base: {without: agent}", 3, "not a list of paths"),
        (CASES + "base: {without: [agent.teir]}", 3, "the policy input has no `agent.teir`"),
        (CASES + "combine: a", 3, "not lists of names"),
        (CASES + "combine: [a]", 3, "not lists of names"),
        (CASES + "combine: [[{}]]", 3, "not lists of names"),
        (CASES + "combine: [[]]", 3, "not lists of names"),
        (CASES + "combine: [[a]]", 3, "nothing is given as `a`"),
        (f"given: {{a: {{{YES}}}, b: {{without: [approval.digest]}}}}\ncases:\n  a, b: deny", 3,
         "approval: Object missing required field digest"),
    ],
)  # fmt: skip
def test_what_would_prove_nothing_is_refused_with_its_line(
    text: str, line: int, sentence: str
) -> None:
    found = refused(text)
    assert sentence in found[1]
    assert found[0] == line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base:\n  user.auth_time: now-4x", "such as now-4m59s with d, h, m, s and ms"),
        ("base:\n  now_ms: 2026-11-16T09:30:00", "a time with its zone"),
        ("base:\n  agent.tier: one", "a value of the input's type"),
    ],
)
def test_what_is_no_time_is_told_how_one_is_written(text: str, words: str) -> None:
    with pytest.raises(PolicyRefused) as found:
        cases(CASES + text)
    assert words in found.value.fix


def test_there_is_an_end_to_combining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "MAX_CASES", 3)
    text = "given: {a: {}, b: {}, c: {}, d: {}}\ncombine: [[a, b], [c, d]]\n"
    assert refused(text) == (2, "more than 3 combinations")
