import pytest

from safeconduct.core.calls import kind_of
from safeconduct.entrypoints.params import (
    called,
    completed,
    log_level,
    progress_token,
    request_id,
    require_no_cursor,
)
from safeconduct.entrypoints.wire import INVALID_PARAMS, Message, Rejected
from safeconduct.ports import JSON


def message(method: str, params: JSON, meta: JSON | None = None) -> Message:
    return Message(method=method, id=1, params=params, meta=meta or {})


def read(method: str, params: JSON) -> tuple[str, JSON]:
    kind = kind_of("from-client", method)
    assert kind is not None
    return called(message(method, params), kind)


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "t"}, "t"),
        ("tools/call", {"name": "t", "arguments": {"a": [1]}}, "t"),
        ("resources/read", {"uri": "file:///x"}, "file:///x"),
        ("prompts/get", {"name": "p", "arguments": {"a": "b"}}, "p"),
    ],
)
def test_the_name_is_taken_from_where_the_table_says(method: str, params: JSON, name: str) -> None:
    assert read(method, params) == (name, params)


def test_a_task_that_nobody_offers_is_ignored() -> None:
    assert read("tools/call", {"name": "t", "task": {"ttl": 1}}) == ("t", {"name": "t"})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": ""}),
        ("tools/call", {"name": 1}),
        ("tools/call", {"name": ["t"]}),
        ("tools/call", {"name": "t", "arguments": None}),
        ("tools/call", {"name": "t", "arguments": [1]}),
        ("tools/call", {"name": "t", "argument": {}}),
        ("tools/call", {"name": "t", "inputResponses": {}}),
        ("tools/call", {"name": "t", "requestState": "s"}),
        ("resources/read", {"name": "t"}),
        ("resources/read", {"uri": "u", "arguments": {}}),
        ("prompts/get", {"name": "p", "arguments": {"a": 1}}),
    ],
)
def test_what_the_page_does_not_judge_does_not_get_past(method: str, params: JSON) -> None:
    with pytest.raises(Rejected) as caught:
        read(method, params)
    assert (caught.value.code, caught.value.request_id) == (INVALID_PARAMS, 1)


def test_a_list_takes_no_cursor() -> None:
    require_no_cursor(message("tools/list", {}))
    with pytest.raises(Rejected, match="Invalid cursor"):
        require_no_cursor(message("tools/list", {"cursor": "x"}))


@pytest.mark.parametrize("token", [None, "t", 0, 3])
def test_a_progress_token_is_a_string_or_an_integer(token: object) -> None:
    assert progress_token(message("tools/call", {}, {"progressToken": token})) == token


@pytest.mark.parametrize("token", [True, 1.5, {}, ["t"]])
def test_another_progress_token_is_refused(token: object) -> None:
    with pytest.raises(Rejected, match="progressToken"):
        progress_token(message("tools/call", {}, {"progressToken": token}))


@pytest.mark.parametrize(("given", "meant"), [("a", "a"), (1, 1), (True, None), (None, None)])
def test_a_cancellation_means_an_id_or_nothing(given: object, meant: object) -> None:
    assert request_id(message("notifications/cancelled", {"requestId": given})) == meant


PROMPT: JSON = {"type": "ref/prompt", "name": "p"}
RESOURCE: JSON = {"type": "ref/resource", "uri": "file:///{a}"}
ARGUMENT: JSON = {"name": "a", "value": ""}


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"ref": PROMPT, "argument": ARGUMENT}, "p"),
        ({"ref": RESOURCE, "argument": {"name": "a", "value": "x"}}, "file:///{a}"),
        ({"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {"b": "c"}}}, "p"),
    ],
)
def test_a_completion_is_about_what_it_refers_to(params: JSON, name: str) -> None:
    assert completed(message("completion/complete", params)) == (name, params)


def test_the_title_of_a_prompt_is_no_part_of_its_completion() -> None:
    given = {"ref": {**PROMPT, "title": "Send this along"}, "argument": ARGUMENT}
    told = completed(message("completion/complete", given))[1]
    assert told == {"ref": PROMPT, "argument": ARGUMENT}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": PROMPT},
        {"argument": ARGUMENT},
        {"ref": {"type": "ref/tool", "name": "p"}, "argument": ARGUMENT},
        {"ref": {"name": "p"}, "argument": ARGUMENT},
        {"ref": {**PROMPT, "name": ""}, "argument": ARGUMENT},
        {"ref": {**PROMPT, "uri": "file:///x"}, "argument": ARGUMENT},
        {"ref": {**RESOURCE, "name": "p"}, "argument": ARGUMENT},
        {"ref": PROMPT, "argument": {**ARGUMENT, "value": 1}},
        {"ref": PROMPT, "argument": {**ARGUMENT, "more": "x"}},
        {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {"b": {"c": "d"}}}},
        {"ref": PROMPT, "argument": ARGUMENT, "context": {"secrets": {}}},
        {"ref": PROMPT, "argument": ARGUMENT, "arguments": {}},
    ],
)
def test_no_other_member_of_a_completion_gets_past(params: JSON) -> None:
    with pytest.raises(Rejected) as caught:
        completed(message("completion/complete", params))
    assert (caught.value.code, caught.value.request_id) == (INVALID_PARAMS, 1)


LEVEL = "io.modelcontextprotocol/logLevel"


@pytest.mark.parametrize("level", ["debug", "emergency"])
def test_log_lines_are_asked_for_by_their_level(level: str) -> None:
    assert log_level(message("tools/call", {}, {LEVEL: level})) == level
    assert log_level(message("tools/call", {})) is None


@pytest.mark.parametrize("level", ["", "DEBUG", "trace", 1, ["debug"], {}])
def test_another_level_is_refused(level: object) -> None:
    with pytest.raises(Rejected, match="logLevel"):
        log_level(message("tools/call", {}, {LEVEL: level}))
