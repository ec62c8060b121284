import pytest

from safeconduct.policy.cedar.contracted import CONTRACT, read_schema
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import SCHEMA


def refused(text: str | None) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        read_schema(text)
    assert (caught.value.file, bool(caught.value.fix)) == ("schema.cedarschema", True)
    return caught.value


def test_a_schema_may_declare_all_that_requests_have_or_less() -> None:
    assert list(read_schema(CONTRACT).actions) == ["any"]
    assert read_schema(SCHEMA).above("crm.update") == {"effect:write", "upstream:crm"}
    assert read_schema("entity Agent; entity Tool;").actions == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tier: Long", "tier: String", "`Agent.tier` has another type"),
        ("tier: Long", "name: String", "`Agent.name` is not in any request"),
        ("entity Agent =", "entity Agent in [Agent] =", "`Agent` is no Agent or Tool"),
        ("entity Agent", "entity User;\nentity Agent", "`User` is no Agent or Tool"),
        ("digest: String, fields", "digest: Long, fields", "`context.call.digest` has another"),
        ("digest: String, fields", "tool: String, fields", "`context.call.tool` is not in any"),
        ("readers?:", "readers:", "`context.labels.readers` is not in every request"),
        ("approval?:", "approval:", "`context.approval` is not in every request"),
        ("  now_ms: Long", "  agent: Long", "`context.agent` is not in any request"),
        ("delta_bps?: Long", "delta_bps: Long", "`context.facts.delta_bps` is not in every"),
        ("owner?: String", "owner?: Agent", "`context.facts.owner` is an entity"),
        ("owner?: String", "owner?: Set<Tool>", "`context.facts.owner` is an entity"),
        ("inner: Long", "inner: Agent", "`context.facts.nested` is an entity"),
        ("facts: {", "facts: Long, unused: {", "`context.facts` is no record"),
        ("now_ms: Long", "provenance: {to?: String}", "`context.provenance.to` has another type"),
        ("now_ms: Long", "task: {counts: {x?: Bool}}", "`context.task.counts.x` has another type"),
        ("{ principal: Agent, r", "{ principal: [Agent, Tool], r", "applies to something else"),
        ("resource: Tool,", "resource: Agent,", "applies to something else"),
    ],
)
def test_what_no_request_has_is_refused_at_its_line(old: str, new: str, words: str) -> None:
    text = SCHEMA.replace(old, new)
    found = refused(text)
    assert words in found.sentence
    name = found.sentence.split("`")[1].rpartition(".")[2]
    assert name in text.splitlines()[found.line - 1] or "applies" in words


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ('action "own" in ["effect:read"]', "own"),
        ('action "crm.get" in ["own"]; action "own" in ["upstream:crm", "other"]', "own"),
        ('action "effect:execute" in ["effect:read"]', "effect:execute"),
        ('action "crm.peek" in ["crm.update"]', "crm.update"),
    ],
)
def test_a_group_that_follows_from_the_call_is_reached_through_no_other(
    action: str, name: str
) -> None:
    """What the schema says of an effect would otherwise outlive a change of it."""
    found = refused(f'{SCHEMA}action "other"; {action};')
    assert f"`{name}` is no single tool" in found.sentence
    assert name in f"{SCHEMA} {action}".splitlines()[found.line - 1]


def doubled(times: int) -> str:
    """Types of `2 ** (times + 1) - 1` members, each written with two of the one before."""
    types = [f"type T{n + 1} = {{ a: T{n}, b: T{n} }};" for n in range(times)]
    return "\n".join(
        ["type T0 = Long;", *types, SCHEMA.replace("owner?: String", "o?: T" + str(times))]
    )


def test_a_context_that_grows_as_its_types_are_written_out_is_limited() -> None:
    assert len(list(read_schema(doubled(9)).actions)) == 5
    found = refused(doubled(10))
    assert "`crm.get_case` has more than 2048 members" in found.sentence
    assert "crm.get_case" in doubled(10).splitlines()[found.line - 1]


@pytest.mark.parametrize("depth", [40, 400])
def test_sets_of_sets_are_not_nested_deep(depth: int) -> None:
    nested = "Set<" * depth + "Long" + ">" * depth
    assert "deeper than 32" in refused(SCHEMA.replace("owner?: String", f"o?: {nested}")).sentence


def test_types_are_not_named_into_the_deep_either() -> None:
    types = "".join(f"type T{n + 1} = Set<T{n}>;" for n in range(1200))
    text = f"type T0 = Long; {types} {SCHEMA.replace('owner?: String', 'o?: T1200')}"
    assert "types deeper than 32" in refused(text).sentence


def test_groups_of_ones_own_may_hold_tools_and_groups_that_follow_from_the_call() -> None:
    own = 'action "own"; action "more" in ["own"]; action "effect:send" in ["more"];'
    assert read_schema(SCHEMA + own).above("effect:send") == {"more", "own"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "without it no rule could be checked"),
        ("", "`Agent` is missing"),
        ("entity Agent;", "`Tool` is missing"),
        ("entity", "not a schema: "),
        ("namespace N { entity Agent; entity Tool; }", "not a schema for this gateway"),
        ("entity Agent; type T = " + "Set<" * 5000, "nested deeper"),
        ("type T = " + "{" * 5000, "nested deeper"),
        ("entity Agent; // \u202e", "invisible"),
    ],
    ids=["none", "empty", "half", "broken", "namespace", "deep", "braces", "hidden"],
)
def test_what_is_no_schema_is_refused(text: str | None, words: str) -> None:
    assert words in refused(text).sentence
