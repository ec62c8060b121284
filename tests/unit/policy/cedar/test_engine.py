import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.bundles.obligations import Obligation
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar import engine as engine_module
from safeconduct.policy.cedar import slices
from safeconduct.policy.cedar.engine import MAX_INPUT_BYTES, CedarEngine
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.loading import load
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.versions import engine_name
from tests.support.bundles import READS, SCHEMA, cedar

UPDATE = 'action == Action::"crm.update"'
SMALL = f"""
@id("small") permit (principal, {UPDATE}, resource)
when {{ context.facts has delta_bps && context.facts.delta_bps < 1000 }};
"""

GIVEN: dict[str, Any] = {
    "call": {
        "tool": "crm.get_case",
        "upstream": "crm",
        "effect": "read",
        "scopes": ["crm:case:read"],
        "digest": "sha256:a",
        "fields": ["stage"],
        "sizes": {"arguments": 2},
    },
    "agent": {"id": "spiffe://crm.example/a", "tier": 2, "zone": "z", "stateless": True},
    "labels": {"integrity": "trusted", "confidentiality": "public", "categories": []},
    "provenance": {},
    "facts": {},
    "now_ms": 1_762_000_000_000,
}


def given(**changes: Any) -> bytes:
    """The input of a call that reads, with some members changed."""
    return json.dumps(GIVEN | changes).encode()


def update(**facts: Any) -> bytes:
    """The input of a call that writes."""
    return given(call=GIVEN["call"] | {"tool": "crm.update", "effect": "write"}, facts=facts)


def ask(made_of: Bundle, value: bytes) -> PolicyAnswer:
    return CedarEngine(made_of).evaluate(value, 0)


def test_a_permit_permits_and_a_tool_without_one_is_denied() -> None:
    bundle = cedar(READS)
    assert ask(bundle, given()) == PolicyAnswer(
        permit=("read",), bundle=bundle.digest, engine=engine_name("cedar")
    )
    assert ask(bundle, update()) == PolicyAnswer(bundle=bundle.digest, engine=engine_name("cedar"))


def test_a_tool_that_the_schema_does_not_have_is_nobodys() -> None:
    bundle = cedar('@id("all") permit (principal, action, resource);')
    for tool in ("crm.unknown", "effect:read", "upstream:crm", None):
        call = GIVEN["call"] | {"tool": tool}
        assert ask(bundle, given(call=call)) == PolicyAnswer(
            bundle=bundle.digest, engine=engine_name("cedar")
        )
    assert ask(bundle, b"{}") == PolicyAnswer(bundle=bundle.digest, engine=engine_name("cedar"))


def test_a_permit_may_ask_for_a_yes() -> None:
    text = '@id("ask") @elevate("t") @ttl_s("60") permit (principal, action, resource);'
    answer = ask(cedar(READS, text), given())
    assert answer.elevate == (PolicyElevate("ask", "t", 60),)
    assert (answer.permit, answer.said) == (("read",), "elevate")


def test_a_forbid_denies_whatever_others_say() -> None:
    text = '@id("no") forbid (principal, action, resource) when { principal.tier < 3 };'
    answer = ask(cedar(READS, text), given())
    assert (answer.permit, answer.deny, answer.said) == ((), ("no",), "deny")


def test_permits_carry_obligations() -> None:
    text = '@id("b") @obligations("mark, mask") permit (principal, action, resource);'
    explained = {name: Obligation(spotlight="delimit") for name in ("mark", "mask")}
    answer = ask(cedar(READS, text, obligations=explained), given())
    assert (answer.permit, answer.obligations) == (("b", "read"), ("mark", "mask"))
    assert ask(cedar(READS, text), given()).error is not None


def test_sets_come_in_one_order() -> None:
    texts = [f'@id("{name}") permit (principal, action, resource);' for name in "caebd"]
    assert ask(cedar(*texts), given()).permit == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("head", "reads", "updates"),
    [
        ("principal, action, resource", True, True),
        ('principal, action == Action::"crm.get_case", resource', True, False),
        ('principal, action in Action::"effect:read", resource', True, False),
        ('principal, action in [Action::"crm.update"], resource', False, True),
        ('principal, action in [Action::"upstream:crm"], resource', True, True),
        ('principal, action, resource == Tool::"crm.update"', False, True),
        ('principal, action, resource in Tool::"crm.update"', False, True),
        ("principal is Agent, action, resource is Tool", True, True),
        ('principal == Agent::"spiffe://crm.example/a", action, resource', True, True),
        ('principal == Agent::"spiffe://crm.example/b", action, resource', False, False),
        ('principal, action == Action::"effect:read", resource', False, False),
    ],
)
def test_heads_say_what_a_rule_is_for(head: str, reads: bool, updates: bool) -> None:
    engine = CedarEngine(cedar(f'@id("a") permit ({head});'))
    answers = [engine.evaluate(value, 0) for value in (given(), update())]
    assert [answer.permit == ("a",) for answer in answers] == [reads, updates]
    assert [answer.error for answer in answers] == [None, None]


@pytest.mark.parametrize(
    "condition",
    [
        'resource.effect == "read" && resource.upstream == "crm"',
        'resource.scopes.contains("crm:case:read")',
        'resource == Tool::"crm.get_case" && action == Action::"crm.get_case"',
        'action in Action::"upstream:crm" && !(action in Action::"effect:write")',
        'context.call.sizes.arguments == 2 && context.call.fields == ["stage"]',
        "(if context has approval then context else context).now_ms > 1",
        'context.call == {digest: "sha256:a", fields: ["stage"], sizes: {arguments: 2}}',
        '[principal].contains(Agent::"spiffe://crm.example/a") && principal.tier == 2',
        '(if principal.tier == 2 then principal else principal).zone == "z"',
        "!(context.labels has readers)",
    ],
)
def test_conditions_see_what_the_request_has(condition: str) -> None:
    text = f'@id("a") permit (principal, action, resource) when {{ {condition} }};'
    answer = ask(cedar(text), given())
    assert (answer.error, answer.permit) == (None, ("a",))


@pytest.mark.parametrize(
    ("more", "members"),
    [
        ("", {"call", "agent"}),
        (SMALL, {"call", "agent", "facts"}),
        (
            '@id("w") permit (principal, action, resource) when { context == context };',
            {"call", "agent", "user", "task", "labels"}
            | {"provenance", "facts", "findings", "approval", "now_ms"},
        ),
    ],
    ids=["nothing", "facts", "all"],
)
def test_only_what_rules_look_at_is_asked_for(more: str, members: set[str]) -> None:
    assert CedarEngine(cedar(READS, more)).members == frozenset(members)


def test_how_deep_rules_look_is_known() -> None:
    groups = '@id("g") permit (principal, action, resource) when { context.user.groups == ["a"] };'
    whole = '@id("w") permit (principal, action, resource) when { context.facts == context.facts };'
    assert CedarEngine(cedar(READS)).looks == frozenset()
    assert ("facts", "delta_bps") in CedarEngine(cedar(READS, SMALL)).looks
    assert CedarEngine(cedar(READS, groups)).looks == {("user", "groups")}
    assert CedarEngine(cedar(READS, whole)).looks == {("facts",)}


def test_a_rule_that_is_only_logged_has_no_effect() -> None:
    shadow = '@id("no") forbid (principal, action, resource);'
    bundle = cedar(READS, shadow, modes={"no": "log_only"})
    assert ask(bundle, given()) == PolicyAnswer(
        permit=("read",),
        log_only=("no",),
        would_have="deny",
        bundle=bundle.digest,
        engine=engine_name("cedar"),
    )
    active = cedar(READS, shadow, modes={"no": "active"})
    assert ask(active, given()).deny == ("no",)


def test_a_permit_that_is_only_logged_permits_nothing() -> None:
    answer = ask(cedar(READS, modes={"read": "log_only"}), given())
    assert (answer.said, answer.log_only, answer.would_have) == ("deny", ("read",), "permit")


@pytest.mark.parametrize(
    "fact",
    [
        1.5,
        2**63,
        -(2**63) - 1,
        10**30,
        True,
        "1",
        "",
        [1],
        {},
        {"__entity": {"type": "Agent", "id": "x"}},
        {"__extn": {"fn": "decimal", "arg": "1.0"}},
        {"__extn": {"fn": "unknown", "arg": "x"}},
        {"__expr": "1"},
    ],
    ids=str,
)
def test_a_mistyped_fact_is_an_error_and_never_a_permit(fact: object) -> None:
    answer = ask(cedar(READS, SMALL), update(delta_bps=fact))
    assert (answer.permit, answer.said) == ((), "deny")
    assert answer.error == "the policy could not be evaluated (the request does not fit the schema)"


@pytest.mark.parametrize(
    "fact",
    [
        {"__entity": {"type": "Agent", "id": "x"}},
        {"__extn": {"fn": "unknown", "arg": "x"}},
        {"__extn": {"fn": "ip", "arg": "10.0.0.1"}},
        {"__expr": 'decimal("1.0")'},
        "1.0.0",
        1,
    ],
    ids=str,
)
def test_a_value_never_becomes_something_else_than_the_schema_says(fact: object) -> None:
    text = f"""@id("rate") permit (principal, {UPDATE}, resource)
    when {{ context.facts has rate && context.facts.rate.lessThan(decimal("2.0")) }};"""
    assert ask(cedar(text), update(rate="1.0")).permit == ("rate",)
    assert ask(cedar(text), update(rate=fact)).error is not None


def test_a_fact_may_be_a_set_of_records() -> None:
    schema = SCHEMA.replace("owner?: String", "owner?: String, lines?: Set<{id: Long}>")
    text = f"""@id("lines") permit (principal, {UPDATE}, resource)
    when {{ context.facts has lines && context.facts.lines.contains({{id: 1}}) }};"""
    bundle = cedar(text, schema=schema)
    assert ask(bundle, update(lines=[{"id": 1, "more": None}, {"id": 2}])).permit == ("lines",)
    assert ask(bundle, update(lines=[{"id": 2}])).said == "deny"
    for lines in ([{"id": "1"}], [1], {"id": 1}, [{"__entity": {"type": "Agent", "id": "x"}}]):
        assert ask(bundle, update(lines=lines)).error is not None


@pytest.mark.parametrize("labels", [None, "trusted", [], 1, {}, {"integrity": None}], ids=str)
def test_a_part_of_the_request_that_is_missing_is_an_error(labels: object) -> None:
    text = """@id("no") forbid (principal, action, resource)
    when { context.labels.integrity == "untrusted" };"""
    answer = ask(cedar(READS, text), given(labels=labels))
    assert answer.error == "the policy could not be evaluated (the request does not fit the schema)"


def test_entities_cannot_be_smuggled_into_what_rules_compare() -> None:
    text = f"""@id("owner") permit (principal, {UPDATE}, resource)
    when {{ context.facts has owner && context.facts.owner == "jane" }};
    @id("nested") permit (principal, {UPDATE}, resource)
    when {{ context.facts has nested && context.facts.nested.inner == 1 }};"""
    engine = CedarEngine(cedar(text))
    assert engine.evaluate(update(owner="jane", nested={"inner": 1, "x": 1.5}), 0).permit == (
        "nested",
        "owner",
    )
    entity = {"__entity": {"type": "Agent", "id": "jane"}}
    for facts in ({"owner": entity}, {"nested": entity}, {"nested": {"inner": entity}}):
        assert engine.evaluate(update(**facts), 0).error is not None


def test_what_is_null_is_not_there() -> None:
    answer = ask(cedar(READS, SMALL), update(delta_bps=None))
    assert (answer.permit, answer.error) == ((), None)
    null = json.dumps(GIVEN | {"agent": GIVEN["agent"] | {"tier": None}}).encode()
    tier = '@id("t") permit (principal, action, resource) when { principal.tier < 3 };'
    assert ask(cedar(tier), null).error is not None


def test_what_no_rule_can_see_is_not_looked_at() -> None:
    answer = ask(cedar(READS, SMALL), update(delta_bps=1, unknown={"__entity": 1}, owner=1.5))
    assert (answer.permit, answer.error) == (("small",), None)


def test_a_forbid_that_fails_is_an_error_and_no_permit() -> None:
    """The engine skips it, and says Allow."""
    text = f"""
    @id("over") forbid (principal, {UPDATE}, resource)
    when {{ context.facts has delta_bps && context.facts.delta_bps * 2 > 9 }};"""
    bundle = cedar(f'@id("all") permit (principal, {UPDATE}, resource);', text)
    assert ask(bundle, update(delta_bps=1)).permit == ("all",)
    answer = ask(bundle, update(delta_bps=2**62))
    assert answer == PolicyAnswer(
        error="the policy could not be evaluated (rules/1.cedar:2)",
        bundle=bundle.digest,
        engine=engine_name("cedar"),
    )


@pytest.mark.parametrize(
    ("change", "permit"),
    [
        ({}, ("crm", "read")),
        ({"effect": "write"}, ("crm", "write")),
        ({"effect": "execute"}, ("crm",)),
        ({"upstream": "other"}, ("read",)),
    ],
    ids=str,
)
def test_the_groups_of_a_tool_are_what_is_so_and_not_what_a_schema_said(
    change: dict[str, str], permit: tuple[str, ...]
) -> None:
    text = """
    @id("read") permit (principal, action in Action::"effect:read", resource);
    @id("write") permit (principal, action, resource) when { action in Action::"effect:write" };
    @id("crm") permit (principal, action in Action::"upstream:crm", resource);"""
    answer = ask(cedar(text), given(call=GIVEN["call"] | change))
    assert (answer.permit, answer.error) == (permit, None)


def test_slices_that_were_used_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_KEPT", 2)
    engine = CedarEngine(cedar(READS))
    for name in "abcab":
        call = GIVEN["call"] | {"upstream": name}
        assert engine.evaluate(given(call=call), 0).permit == ("read",)


def test_a_group_of_the_operators_own_says_nothing_about_the_tool() -> None:
    schema = SCHEMA + (
        'action "sensitive", "team:sales";\naction "crm.own" in ["sensitive", "team:sales"] '
        "appliesTo { principal: Agent, resource: Tool, context: {} };"
    )
    text = '@id("own") permit (principal, action in Action::"sensitive", resource);'
    call = GIVEN["call"] | {"tool": "crm.own", "effect": "pay"}
    assert ask(cedar(text, schema=schema), given(call=call)).permit == ("own",)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b"{",
        b'{"call":{"tool":["crm.get_case"]}}',
        b'{"call":{"tool":"crm.get_case"}}',
        b'{"call":null}',
        b'{"call":1}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b"[" * 100_000,
        json.dumps(GIVEN | {"agent": {"id": 1}}).encode(),
        json.dumps(GIVEN | {"agent": {}}).encode(),
        json.dumps(GIVEN | {"agent": None}).encode(),
        b" " * MAX_INPUT_BYTES + b"{}",
    ],
    ids=range(16),
)
def test_an_input_that_is_none_is_an_error(value: bytes) -> None:
    answer = ask(cedar(READS), value)
    assert (answer.said, answer.permit) == ("deny", ())
    assert answer.error is not None


def test_a_panic_of_the_engine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        pass

    def panics(*_: object) -> None:
        raise Panic("with what the caller said")

    engine = CedarEngine(cedar(READS))
    monkeypatch.setattr(slices, "is_authorized", panics)
    assert engine.evaluate(given(), 0).error == "the policy could not be evaluated (Panic)"


def test_the_process_may_still_be_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    engine = CedarEngine(cedar(READS))
    monkeypatch.setattr(slices, "is_authorized", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.evaluate(given(), 0)


def test_entities_that_were_seen_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_KEPT", 2)
    text = '@id("a") permit (principal, action, resource) when { principal.tier == 2 };'
    engine = CedarEngine(cedar(text))
    for number in range(5):
        agent = GIVEN["agent"] | {"id": f"agent-{number}", "tier": 2 + number % 2}
        assert engine.evaluate(given(agent=agent), 0).permit == (("a",), ())[number % 2]


def test_any_thread_may_ask() -> None:
    bundle = cedar(READS, SMALL)
    engine = CedarEngine(bundle)
    together = threading.Barrier(4)

    def work(_: int) -> set[PolicyAnswer]:
        together.wait()
        return {engine.evaluate(given(), 0) for _ in range(50)}

    with ThreadPoolExecutor(4) as pool:
        answers = set[PolicyAnswer]().union(*pool.map(work, range(4)))
    assert answers == {
        PolicyAnswer(permit=("read",), bundle=bundle.digest, engine=engine_name("cedar"))
    }


def test_a_bundle_is_loaded_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "policy.yaml").write_text("name: test\nengine: cedar\n", encoding="utf-8")
    (tmp_path / "rules" / "crm.cedar").write_text("// reading\n" + READS, encoding="utf-8")
    with pytest.raises(PolicyRefused, match="there is no such file") as caught:
        load(tmp_path)
    assert caught.value.file == str(tmp_path / "schema.cedarschema")
    (tmp_path / "schema.cedarschema").write_text(SCHEMA, encoding="utf-8")
    engine = load(tmp_path)
    assert engine.evaluate(given(), 0).permit == ("read",)
    assert engine.rules == (RuleAt("read", "permit", "rules/crm.cedar", 2),)
    assert engine.unsafe == ()
    (tmp_path / "rules" / "crm.cedar").write_text(READS + "permit(", encoding="utf-8")
    with pytest.raises(PolicyRefused, match="not Cedar"):
        load(tmp_path)
