import pytest
from cedarpy import Schema as Compiled
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.policy.cedar.schema import (
    Action,
    Field,
    NotUnderstood,
    Record,
    Scalar,
    SetOf,
    only,
    quoted,
    understand,
    unquoted,
    write,
)

LONG = Field(Scalar("Long"), True)


def canonical(text: str) -> str:
    return str(Compiled.from_str(text))


def test_types_are_resolved_wherever_they_are_declared() -> None:
    schema = understand(
        canonical(
            """
            entity Agent = { "a b"?: Inner };
            entity Tool;
            type Inner = { set: Set<Leaf> };
            type Leaf = { "if": decimal };
            action "group";
            @doc("x;y") action plain, "t.\\"q\\"" in ["group"]
              appliesTo {
                principal: Agent, resource: Tool, context: { n: Long, @doc("z") i: Inner }
              };
            """
        )
    )
    inner = Record({"set": Field(SetOf(Record({"if": Field(Scalar("decimal"), True)})), True)})
    assert schema.entities == {"Agent": Record({"a b": Field(inner, False)}), "Tool": Record({})}
    action = Action(
        frozenset({"group"}),
        (("Agent",), ("Tool",)),
        Record({"n": LONG, "i": Field(inner, True)}),
    )
    assert schema.actions == {
        "group": Action(frozenset(), None, Record({})),
        "plain": action,
        't."q"': action,
    }


def test_an_action_is_a_member_of_the_groups_of_its_groups() -> None:
    schema = understand(canonical("action a; action b in [a]; action c in [b]; action d in [a];"))
    assert schema.above("c") == {"a", "b"}
    assert schema.above("a") == frozenset()


def test_what_the_gateway_knows_of_a_call_replaces_what_the_schema_says_of_it() -> None:
    schema = understand(
        canonical(
            """
            action "effect:read" in ["quiet"]; action "effect:write"; action quiet; action own;
            action "t.a" in ["effect:read", "upstream:x", own]; action "upstream:x";
            """
        )
    )
    assert schema.above("t.a") == {"effect:read", "upstream:x", "own", "quiet"}
    assert schema.groups("t.a", ["effect:write"]) == {"effect:write", "own"}
    assert schema.groups("t.a", ["effect:read", "upstream:y"]) == {
        "effect:read",
        "quiet",
        "upstream:y",
        "own",
    }


def test_entities_that_are_more_than_attributes_are_marked() -> None:
    text = 'entity A in [A] = {}; entity B enum ["x"]; entity C tags Long;'
    schema = understand(canonical(text))
    assert schema.entities == {"A": None, "B": None, "C": None}


@pytest.mark.parametrize(
    "text",
    ["namespace N { entity A; }", "entity A = {;", "entity A = Long;", "entity A = { a Long };"],
    ids=["namespace", "early", "scalar", "colon"],
)
def test_what_ours_never_need_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        understand(text)


def test_what_is_written_is_read_as_it_was() -> None:
    entities = {"Agent": Record({'a\n"é': Field(Scalar("Bool"), False)}), "Tool": Record({})}
    context = Record({"x": Field(SetOf(Scalar("String")), True), "r": Field(Record({}), False)})
    actions = {
        "t.a": Action(frozenset({"g"}), (("Agent",), ("Tool",)), context),
        "t.b": Action(frozenset(), (("Agent",), ("Tool",)), Record({})),
    }
    schema = understand(canonical(write(entities, actions, ["g"])))
    assert schema.entities == entities
    assert {name: schema.actions[name] for name in actions} == actions


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_comes_back_from_the_engine(name: str) -> None:
    text = f"entity Agent = {{ {quoted(name)}: Long }};"
    assert understand(canonical(text)).entities == {"Agent": Record({name: LONG})}
    assert unquoted(quoted(name)) == name


def test_only_what_is_looked_at_is_left() -> None:
    inner = Record({"b": LONG, "c": LONG})
    whole = Record({"a": Field(inner, False), "d": LONG, "e": Field(inner, True)})
    assert only(whole, [("a", "b"), ("e",), ("unknown",), ("d", "deeper")]) == Record(
        {"a": Field(Record({"b": LONG}), False), "d": LONG, "e": Field(inner, True)}
    )
    assert only(whole, [()]) == whole
    assert only(whole, []) == Record({})
