from typing import Any

import pytest

from safeconduct.core.result import rebuilt
from safeconduct.core.shapes import Malformed

META = {"_meta": {"x": 1}, "annotations": {"audience": ["user"]}, "more": 1}
TEXT = {"type": "text", "text": "hello"}


def content(*blocks: object, **parts: Any) -> dict[str, Any]:
    return {"content": list(blocks), **parts}


@pytest.mark.parametrize(
    "block",
    [
        TEXT,
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "crm://1", "name": "one"},
        {
            "type": "resource_link",
            "uri": "crm://1",
            "name": "one",
            "title": "One",
            "description": "first",
            "mimeType": "text/plain",
        },
        {"type": "resource", "resource": {"uri": "crm://1", "mimeType": "a/b", "text": "x"}},
        {"type": "resource", "resource": {"uri": "crm://1", "blob": "AAAA"}},
    ],
    ids=lambda block: block["type"],
)
def test_a_block_keeps_what_is_known_and_nothing_more(block: dict[str, Any]) -> None:
    sent: dict[str, Any] = {**block, **META}
    if "resource" in block:
        sent["resource"] = {**block["resource"], **META}
    assert rebuilt("tools/call", {**content(sent), **META}) == content(block)


def test_extras_are_the_link_s_alone() -> None:
    assert rebuilt("tools/call", content({**TEXT, "title": "x"})) == content(TEXT)


def test_an_extra_of_a_wrong_type_is_left_out() -> None:
    kept = {"uri": "crm://1", "text": "x"}
    sent = {**kept, "mimeType": 1, "blob": None}
    assert rebuilt("resources/read", {"contents": [sent]}) == {"contents": [kept]}


@pytest.mark.parametrize("both", [{}, {"text": "x", "blob": "AAAA"}, {"text": 1}])
def test_a_resource_is_text_or_bytes_and_never_both(both: dict[str, Any]) -> None:
    contents = {"uri": "crm://1", **both}
    for method, result in (
        ("resources/read", {"contents": [contents]}),
        ("tools/call", content({"type": "resource", "resource": contents})),
    ):
        with pytest.raises(Malformed):
            rebuilt(method, result)


def test_structured_content_is_kept_without_meta_however_deep() -> None:
    sent = {"id": 1, "_meta": 2, "rows": [{"_meta": 3, "a": [[{"_meta": 4}]]}, 5]}
    kept = {"id": 1, "rows": [{"a": [[{}]]}, 5]}
    result = rebuilt("tools/call", content(structuredContent=sent))
    assert result == content(structuredContent=kept)


def test_structured_content_of_null_is_none() -> None:
    assert rebuilt("tools/call", content(TEXT, structuredContent=None)) == content(TEXT)


@pytest.mark.parametrize("flag", [True, False])
def test_a_tool_may_say_that_it_failed(*, flag: bool) -> None:
    assert rebuilt("tools/call", content(isError=flag)) == content(isError=flag)


def test_a_read_resource_keeps_its_contents() -> None:
    kept = {"contents": [{"uri": "crm://1", "mimeType": "text/plain", "text": "x"}]}
    sent = {"contents": [{**kept["contents"][0], **META}], **META, "resultType": "complete"}
    assert rebuilt("resources/read", sent) == kept


def test_a_prompt_keeps_its_messages_and_description() -> None:
    messages = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": TEXT}]
    sent = {"messages": [{**one, **META} for one in messages], "description": "d", **META}
    assert rebuilt("prompts/get", sent) == {"messages": messages, "description": "d"}
    assert rebuilt("prompts/get", {"messages": []}) == {"messages": []}


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("tools/list", {"tools": []}),
        ("tools/call", {}),
        ("tools/call", {"content": {}}),
        ("tools/call", content(resultType="input_required")),
        ("tools/call", content(resultType=None)),
        ("tools/call", content("hello")),
        ("tools/call", content({"text": "x"})),
        ("tools/call", content({"type": "video"})),
        ("tools/call", content({"type": ["text"], "text": "x"})),
        ("tools/call", content({"type": "text"})),
        ("tools/call", content({"type": "text", "text": 1})),
        ("tools/call", content({"type": "image", "data": "AAAA"})),
        ("tools/call", content({"type": "resource_link", "uri": "crm://1"})),
        ("tools/call", content({"type": "resource"})),
        ("tools/call", content({"type": "resource", "resource": {"text": "x"}})),
        ("tools/call", content(structuredContent=[1])),
        ("tools/call", content(structuredContent=False)),
        ("tools/call", content(isError=1)),
        ("tools/call", content(isError=None)),
        ("resources/read", {"contents": [{"text": "x"}]}),
        ("resources/read", {"contents": None}),
        ("prompts/get", {"messages": ["hello"]}),
        ("prompts/get", {"messages": [{"role": "system", "content": TEXT}]}),
        ("prompts/get", {"messages": [{"role": "user"}]}),
        ("prompts/get", {"messages": [{"role": "user", "content": [TEXT]}]}),
    ],
)
def test_an_answer_that_the_protocol_does_not_know_is_malformed(
    method: str, result: dict[str, Any]
) -> None:
    with pytest.raises(Malformed):
        rebuilt(method, result)


def test_a_completion_is_rebuilt() -> None:
    given = {"values": ["a", "b"], "total": 3, "hasMore": True}
    assert rebuilt("completion/complete", {"completion": {**given, "x": 1}}) == {
        "completion": given
    }
    odd = {"values": [], "total": True, "hasMore": 1}
    assert rebuilt("completion/complete", {"completion": odd}) == {"completion": {"values": []}}


@pytest.mark.parametrize("wrong", [None, {}, {"values": [1]}, {"values": ["a"] * 101}])
def test_other_completions_are_malformed(wrong: object) -> None:
    with pytest.raises(Malformed):
        rebuilt("completion/complete", {"completion": wrong})
