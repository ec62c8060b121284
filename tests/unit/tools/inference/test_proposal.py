"""A proposal as a whole: it loads, gives its reasons, is always the same, and trusts nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.config import examine_files
from safeconduct.core.manifest import Argument, FieldLabel, Manifest, Returns, Threshold
from safeconduct.kit import yaml
from safeconduct.ports import JSON
from safeconduct.tools.inference import Proposal, propose
from safeconduct.tools.inference.definition import NotAListing, listed
from safeconduct.tools.inference.results import MAX_FIELDS
from safeconduct.tools.inference.schema import leaves, shape
from safeconduct.tools.inference.written import WIDTH, registry, text
from tests.support.configs import Gateway

TEXT = {"type": "string"}


def proposed(definition: JSON, upstream: str = "desk") -> Proposal:
    return propose(upstream, [definition])


def argument(name: str, schema: JSON, tool: str = "update_it", description: str = "") -> Argument:
    properties = {"inputSchema": {"properties": {name: schema}}}
    found = proposed({"name": tool, "description": description, **properties}).manifest.tools[tool]
    return found.arguments[name]


def returns(schema: JSON, tool: str = "list_tickets", **more: object) -> Returns:
    return proposed({"name": tool, "outputSchema": schema, **more}).manifest.tools[tool].returns


def rows(name: str, **properties: object) -> JSON:
    row = {"type": "object", "properties": properties}
    return {"type": "object", "properties": {name: {"type": "array", "items": row}}}


def read_again(proposal: Proposal) -> Manifest:
    return msgspec.convert(yaml.load(text(proposal), "proposal").value, Manifest)


TOOL: JSON = {
    "name": "share_file",
    "description": "Share a file with people.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "file_id": TEXT,
            "emails": {"type": "array", "items": {"type": "string", "format": "email"}},
            "role": {"type": "string", "enum": ["reader", "writer"]},
            "public": {"type": "boolean"},
            "message": TEXT,
        },
    },
    "outputSchema": rows("shares", id=TEXT, note=TEXT),
}


def test_every_guess_has_a_reason() -> None:
    proposal = proposed(TOOL)
    tool = proposal.manifest.tools["share_file"]
    places = {("effect",), ("returns", "source"), ("returns", "fields", "shares.*.id")}
    places |= {("arguments", name) for name in tool.arguments}
    assert proposal.reasons.keys() == {("tools", "share_file", *place) for place in places}
    assert all(proposal.reasons.values())


def test_roles() -> None:
    assert proposed(TOOL).manifest.tools["share_file"].arguments == {
        "file_id": Argument(role="object-id", type="desk.file"),
        "emails": Argument(role="recipient"),
        "role": Argument(role="content", needs="vouched"),
        "public": Argument(role="content", needs="vouched"),
        "message": Argument(role="content"),
    }


def test_the_file_says_what_was_proposed_and_why() -> None:
    proposal = proposed(TOOL)
    assert read_again(proposal) == proposal.manifest
    said = text(proposal)
    for reason in proposal.reasons.values():
        assert f"# {reason}" in said
    assert max(map(len, said.splitlines())) <= WIDTH


def test_no_reason_settles_a_doubt() -> None:
    assert "because" not in text(proposed(TOOL)).lower()


def test_scopes_are_named_by_upstream_noun_and_action() -> None:
    proposal = proposed(TOOL)
    assert proposal.manifest.tools["share_file"].scopes == ("desk:file:send",)
    assert registry(proposal.scopes) == (
        "scopes:\n  desk:file:send: {system: desk, object: file, action: send}\n"
    )


def test_a_proposal_loads_in_a_configuration(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gateway")
    proposal = proposed(TOOL, "mail")
    (gateway.directory / "manifests" / "mail.yaml").write_text(text(proposal), encoding="utf-8")
    entries = registry(proposal.scopes).removeprefix("scopes:\n")
    gateway.change("safeconduct.yaml", "scopes:\n  case:read", f"scopes:\n{entries}  case:read")
    assert [problem for problem in gateway.problems if not problem.warning] == []


HOSTILE = (
    'x"\n    effect: read\n  y',
    "a: {b}",
    "# comment",
    "x  # y" * 20,
    "null",
    "é\u2028\u202e",
    "\ud800".encode("utf-8", "replace").decode(),
    "*",
    "&a",
    "- x",
    "'",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_others_stay_names(name: str) -> None:
    schema = {"properties": {name: {"type": "object", "properties": {name + "_id": TEXT}}}}
    definition = {
        "name": name,
        "description": name,
        "inputSchema": schema,
        "outputSchema": {"properties": {name: {"type": "object", "properties": {"id": TEXT}}}},
    }
    proposal = proposed(definition)
    assert read_again(proposal) == proposal.manifest


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.recursive(
            st.fixed_dictionaries(
                {},
                optional={
                    "type": st.sampled_from(
                        ["string", "integer", "number", "boolean", "object", 3]
                    ),
                    "format": st.sampled_from(["email", "uri", "date", ""]),
                    "enum": st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=2),
                    "$ref": st.sampled_from(["#", "#/properties/a", "x", 4]),
                },
            ),
            lambda inner: st.fixed_dictionaries(
                {"type": st.sampled_from(["object", "array"])},
                optional={
                    "properties": st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    "items": inner,
                    "anyOf": st.lists(inner, max_size=2),
                },
            ),
            max_leaves=6,
        ),
        max_size=4,
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_whatever_a_server_says_the_proposal_loads_and_trusts_no_text(
    properties: JSON, description: str
) -> None:
    schema = {"type": "object", "properties": properties}
    definition = {
        "name": "get_thing",
        "description": description,
        "inputSchema": schema,
        "outputSchema": schema,
    }
    proposal = proposed(definition)
    tool = proposal.manifest.tools["get_thing"]
    assert text(proposal) == text(proposed(definition))
    assert read_again(proposal) == proposal.manifest
    assert tool.arguments.keys() == properties.keys()
    assert tool.pin is None
    assert tool.sink.clearance == "public"
    assert tool.returns.source.integrity == "untrusted"


def test_a_proposal_has_no_problem_that_keeps_a_gateway_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(text(proposed(TOOL)), encoding="utf-8")
    assert not examine_files([file]).refused


def test_listings() -> None:
    tool = {"name": "a", "description": "A"}
    whole = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool | {"_meta": {"x": 1}}]}}
    for said in (whole, whole["result"], [tool]):
        assert listed(said) == [tool]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "there is no list of tools"),
        ({"result": {"tools": {}}}, "there is no list of tools"),
        ([{}], "tool 0 of the list has no name"),
        ([3], "tool 0 of the list has no name"),
        ([{"name": "x" * 513}], "tool 0 of the list has no name"),
        ([{"name": "a"}, {"name": "a"}], "tool 1 of the list has the name of another"),
        (json.loads("null"), "there is no list of tools"),
    ],
)
def test_what_is_no_listing(value: object, why: str) -> None:
    with pytest.raises(NotAListing, match=why):
        listed(value)


def test_a_tool_without_anything_is_the_worst() -> None:
    (tool,) = proposed({"name": "x", "inputSchema": 3, "annotations": 4}).manifest.tools.values()
    assert tool.effect.value == "execute"
    assert tool.arguments == {}
    assert text(proposed({"name": "x"})).count("it takes none") == 1
    assert "tools: {}" in text(propose("desk", []))
    assert registry({}) == "scopes: {}\n"


@pytest.mark.parametrize(
    ("name", "schema", "tool", "role", "needs"),
    [
        ("api_key", TEXT, "update_it", "content", "vouched"),
        ("page_token", TEXT, "list_it", "query", None),
        ("token", TEXT, "list_it", "query", "vouched"),
        ("secret_id", TEXT, "delete_secret", "object-id", None),
        ("to", TEXT, "send_note", "recipient", None),
        ("from", TEXT, "send_note", "account", None),
        ("to", {"type": "string"}, "list_events", "query", None),
        ("reply_to_message_id", TEXT, "send_note", "object-id", None),
        ("destination", TEXT, "move_file", "path", None),
        ("destination", TEXT, "start_export", "destination", None),
        ("user", TEXT, "remove_user", "object-id", None),
        ("user", TEXT, "add_user", "recipient", None),
        ("channel_id", TEXT, "post_message", "recipient", None),
        ("name", TEXT, "delete_namespace", "object-id", None),
        ("name", TEXT, "create_namespace", "content", None),
        ("new_name", TEXT, "rename_branch", "content", None),
        ("account_name", TEXT, "create_it", "content", None),
        ("code", TEXT, "run_it", "content", "vouched"),
        ("sql", TEXT, "run_it", "query", None),
        ("jql", TEXT, "update_it", "query", None),
        ("paths", {"type": "array", "items": TEXT}, "read_files", "path", None),
        ("when", {"type": "string", "format": "date-time"}, "update_it", "content", None),
        ("ratio", {"type": "number"}, "update_it", "content", None),
        ("price", {"type": "string"}, "update_it", "content", "vouched"),
        ("amount", {}, "pay_it", "amount", None),
        ("price", {"type": "object"}, "update_it", "content", "vouched"),
        ("due_date", TEXT, "update_it", "content", None),
        ("include_private", {"type": "boolean"}, "list_it", "query", None),
        ("enabled", {"type": "boolean"}, "update_it", "content", None),
    ],
)
def test_roles_by_name(name: str, schema: JSON, tool: str, role: str, needs: str | None) -> None:
    found = argument(name, schema, tool)
    assert (found.role, found.needs) == (role, needs)


def test_what_steers_inside_an_object_makes_all_of_it_need_a_voucher() -> None:
    plain = {"type": "array", "items": {"type": "object", "properties": {"text": TEXT}}}
    steering = {"type": "object", "properties": {"text": TEXT, "user_id": TEXT}}
    assert argument("blocks", plain).needs is None
    assert argument("blocks", steering).needs == "vouched"
    assert argument("blocks", {"type": "array", "items": steering}).needs == "vouched"
    assert argument("blocks", {"type": "array"}).needs == "vouched"


def test_a_description_may_say_that_it_is_an_account() -> None:
    said = {"type": "string", "description": "IBAN of the other side"}
    assert argument("other", said) == Argument(role="account")


def test_references_and_choices_among_schemas_are_followed() -> None:
    schema = {
        "properties": {
            "who": {"anyOf": [{"$ref": "#/$defs/Who"}, {"type": "null"}]},
            "self": {"$ref": "#"},
            "gone": {"$ref": "#/$defs/None"},
            "round": {"$ref": "#/$defs/Round"},
        },
        "$defs": {
            "Who": {"type": "string", "format": "email"},
            "Round": {"$ref": "#/$defs/Round"},
        },
    }
    found = shape(schema).inner
    assert found["who"].format == "email"
    assert found["who"].types == {"string"}
    assert found["gone"].types == found["round"].types == frozenset()
    assert len(list(leaves(shape(schema)))) < 100


def test_secrets_in_results_are_marked() -> None:
    field = FieldLabel(confidentiality="restricted", categories=("secret",))
    assert returns(rows("users", password=TEXT)).fields == {"users.*.password": field}
    assert returns({}, "get_secret").source.confidentiality == "restricted"


def test_results_of_the_open_world_vouch_for_nothing() -> None:
    schema = rows("tickets", id=TEXT)
    assert returns(schema).fields.keys() == {"tickets.*.id"}
    assert returns(schema, annotations={"openWorldHint": True}).fields == {}


def test_a_plain_id_is_of_what_the_tool_is_about() -> None:
    field = returns({"properties": {"id": TEXT}}, "create_ticket").fields["id"]
    assert field.type == "desk.ticket"
    assert field.vouches_for == ("object-id",)


@pytest.mark.parametrize(
    ("tool", "fields"),
    [
        ("list_users", ["email", "user_id"]),
        ("get_user_profile", ["email", "user_id"]),
        ("get_group_message", ["user_id"]),
        ("get_group_mail", ["user_id"]),
        ("list_tickets", ["user_id"]),
    ],
)
def test_only_a_directory_vouches_for_addresses(tool: str, fields: list[str]) -> None:
    names = ("email", "user_id", "from_email", "sender_id", "handle", "branch_ref", "author_email")
    schema = {"properties": dict.fromkeys(names, TEXT)}
    assert sorted(returns(schema, tool).fields) == fields


def test_ids_of_parties_have_the_type_that_their_directory_gives() -> None:
    listing = {"name": "list_channels", "outputSchema": rows("channels", id=TEXT)}
    posting = {
        "name": "post_message",
        "inputSchema": {"properties": {"channel_id": TEXT, "to": TEXT}},
    }
    tools = propose("desk", [listing, posting]).manifest.tools
    field = tools["list_channels"].returns.fields["channels.*.id"]
    assert field.vouches_for == ("object-id", "recipient")
    assert tools["post_message"].arguments == {
        "channel_id": Argument(role="recipient", type=field.type),
        "to": Argument(role="recipient"),
    }


def test_a_changing_tool_gives_no_directory() -> None:
    assert returns(rows("contacts", email=TEXT), "create_contacts").fields == {}


def test_no_more_fields_are_named_than_a_person_reads() -> None:
    many = {f"n{number}_id": TEXT for number in range(2 * MAX_FIELDS)}
    assert len(returns({"properties": many}).fields) == MAX_FIELDS


def test_a_field_whose_name_is_no_step_of_a_path_is_left_out() -> None:
    names: dict[str, Any] = {"a.id": TEXT, "": TEXT, "id": TEXT}
    assert returns({"properties": names}).fields.keys() == {"id"}


@pytest.mark.parametrize("said", ["isConfirmationRequired", "x-openai-isConsequential"])
@pytest.mark.parametrize("place", ["itself", "annotations"])
@pytest.mark.parametrize("value", [True, False, "true", 1, None])
def test_a_vendor_s_word_that_a_person_has_to_confirm_makes_stricter_alone(
    said: str, place: str, value: object
) -> None:
    plain: JSON = {"name": "close_case", "inputSchema": {"properties": {"case_id": {}}}}
    claims: JSON = {said: value} if place == "itself" else {"annotations": {said: value}}
    without, found = proposed(plain), proposed(plain | claims)
    tool = found.manifest.tools["close_case"]
    if value is not True:
        assert tool == without.manifest.tools["close_case"]
        return
    assert tool.asks == (Threshold(template="confirmation", calls=0),)
    assert msgspec.structs.replace(tool, asks=()) == without.manifest.tools["close_case"]
    assert read_again(found) == found.manifest
    assert "# its definition says that a person has to confirm each call" in text(found)
