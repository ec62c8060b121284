from safeconduct.core.subjects import REPLIES, given, target_of, with_replies
from tests.support.facts import tool


def test_replies_to_what_nobody_knows_stay_undeclared() -> None:
    unknown = tool(manifest=None)
    replies = {"q": {"action": "accept"}}
    assert with_replies(unknown, {"a": 1}, replies) == (unknown, {"a": 1, REPLIES: replies})


def test_arguments_that_are_no_object_are_none() -> None:
    assert given({"arguments": {"a": 1}}) == {"a": 1}
    assert given({"arguments": [1]}) == given({}) == {}


def test_a_target_is_a_tool_unless_the_method_is_about_something_else() -> None:
    assert target_of("tools/call", "crm", "get") == "crm.get"
    assert target_of("resources/read", "crm", "file:///a") == "crm#resource:file:///a"
    assert target_of("prompts/get", "crm", "p") == "crm#prompt:p"
