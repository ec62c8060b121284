from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.admit import spotlight
from safeconduct.core.canonical import sha256
from safeconduct.core.evidence import (
    MAX_DOCUMENTS,
    MAX_OBJECTS,
    NEEDLE,
    SAMPLING,
    documents,
    found_in,
    needles,
    objects,
    prompted,
    sampled,
    texts,
)
from safeconduct.core.manifest import Argument
from tests.support.facts import call, gathered, manifest

LONG = "The customer wants ten per cent off, and wants it by Friday."
REPLY = {"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m-1"}


def about(**arguments: Any) -> dict[str, list[str]]:
    declared = {name: Argument(role="object-id") for name in ("id", "ids")}
    declared["x"] = Argument(role="content")
    tool = replace(gathered().tool, manifest=manifest(arguments=declared))
    return objects(call(arguments=arguments), tool)


class TestObjects:
    def test_ids_are_named_as_they_are_and_nothing_else_is(self) -> None:
        assert about(id="D-7", x="D-8") == {"id": ["D-7"]}
        assert about(ids=["crm:deal/7", 12]) == {"ids": ["crm:deal/7", "12"]}

    @pytest.mark.parametrize(
        "value", ["dana@customer.example", "two words", "", "x" * 65, "-x", True, 1.5, {"a": 1}]
    )
    def test_what_does_not_look_like_an_id_is_named_by_its_digest(self, value: object) -> None:
        (said,) = about(id=value)["id"]
        assert said.startswith("sha256:")
        assert len(said) == 71

    def test_only_so_many_are_named(self) -> None:
        found = about(id="D-7", ids=[str(number) for number in range(99)])
        assert found == {"id": ["D-7"], "ids": [str(number) for number in range(MAX_OBJECTS - 1)]}

    def test_without_a_manifest_nobody_knows_which_they_are(self) -> None:
        assert objects(call(), replace(gathered().tool, manifest=None)) == {}


class TestDocuments:
    def test_a_resource_is_named_with_the_digest_of_what_was_read(self) -> None:
        contents = [{"uri": "crm://a", "text": LONG}, {"uri": "crm://b", "blob": "AAAA"}]
        link = {"type": "resource_link", "uri": "crm://c", "name": "c"}
        inside = {"type": "resource", "resource": contents[0]}
        read = {"uri": "crm://a", "digest": sha256(LONG.encode())}
        assert documents({"contents": contents}) == {
            "documents": [read, {"uri": "crm://b", "digest": sha256(b"AAAA")}]
        }
        assert documents({"content": [{"type": "text", "text": "x"}, link, inside]}) == {
            "documents": [{"uri": "crm://c"}, read]
        }
        message = {"role": "user", "content": inside}
        assert documents({"messages": [message]}) == {"documents": [read]}
        assert documents({"content": []}) == documents({"content": "loose"}) == {}

    def test_the_marks_of_the_gateway_are_no_part_of_a_document(self) -> None:
        marked = spotlight({"contents": [{"uri": "crm://a", "text": LONG}]}, "crm", "1" * 16)
        assert marked["contents"][0]["text"] != LONG
        (said,) = documents(marked)["documents"]
        assert said["digest"] == sha256(LONG.encode())

    def test_a_uri_that_is_long_or_not_plain_is_named_by_its_digest(self) -> None:
        for uri in ("crm://" + "x" * 300, "crm://ä", 'crm://"', "crm://a b", "crm://a\\"):
            (said,) = documents({"contents": [{"uri": uri, "text": ""}]})["documents"]
            assert said["uri"] == sha256(uri.encode())

    def test_of_many_it_is_said_how_many_more_there_are(self) -> None:
        contents = [{"uri": f"crm://{number}", "text": ""} for number in range(MAX_DOCUMENTS + 3)]
        found = documents({"contents": contents})["documents"]
        assert len(found) == MAX_DOCUMENTS + 1
        assert found[-1] == {"more": 3}
        assert len(documents({"contents": contents[:MAX_DOCUMENTS]})["documents"]) == MAX_DOCUMENTS


class TestModels:
    def test_a_reply_says_the_model_the_prompt_and_the_completion(self) -> None:
        asked = {"messages": [{"role": "user", "content": {"type": "text", "text": LONG}}]}
        made = call(method=SAMPLING, arguments={"inputResponses": {"reply": REPLY}}, asked=asked)
        assert sampled(made) == ("m-1", {"prompt": asked, "completion": {"reply": REPLY}})

    def test_of_replies_that_come_with_a_call_anew_the_prompt_is_not_at_hand(self) -> None:
        replies = {"a": {"action": "accept"}, "b": REPLY}
        made = call(arguments={"inputResponses": replies}, resumed=True)
        assert sampled(made) == ("m-1", {"completion": {"b": REPLY}})

    @pytest.mark.parametrize(
        ("arguments", "more"),
        [
            ({"inputResponses": {"reply": REPLY}}, {}),
            ({"inputResponses": {"reply": {"roots": []}}}, {"asked": {"x": 1}}),
            ({"inputResponses": [REPLY]}, {"resumed": True}),
            ({}, {"resumed": True}),
        ],
    )
    def test_other_calls_say_nothing_of_models(self, arguments: Any, more: Any) -> None:
        assert sampled(call(arguments=arguments, **more)) == (None, {})

    def test_a_model_that_is_no_text_is_not_named(self) -> None:
        reply = {**REPLY, "model": 7}
        made = call(arguments={"inputResponses": {"b": reply}}, resumed=True)
        assert sampled(made) == (None, {"completion": {"b": reply}})

    def test_a_result_brings_prompts_and_completions(self) -> None:
        request = {"method": SAMPLING, "params": {"messages": []}}
        other = {"method": "roots/list", "params": {}}
        assert prompted({"messages": [1]}) == {"prompt": [1]}
        assert prompted({"completion": {"values": ["a"]}}) == {"completion": {"values": ["a"]}}
        assert prompted({"inputRequests": {"a": other, "b": request}}) == {
            "prompt": [{"messages": []}]
        }
        assert prompted({"inputRequests": {"a": other}}) == {}
        assert prompted({"content": []}) == {}


class TestTexts:
    def test_a_prompt_is_linked_to_the_results_that_stand_in_it(self) -> None:
        result = {"content": [{"type": "text", "text": LONG}, {"type": "text", "text": "short"}]}
        marked = spotlight(result, "crm", "1" * 16)
        for one in (result, marked):
            assert list(needles(one)) == [LONG]
        known = [(LONG, "d_2"), (LONG[:30], "d_1"), ("something else entirely", "d_3")]
        prompt = {"messages": [{"content": {"type": "text", "text": f"Read this: {LONG} Now?"}}]}
        assert found_in(prompt, known) == ["d_1", "d_2"]
        assert found_in({"messages": []}, known) == []

    def test_a_long_text_is_found_by_how_it_begins(self) -> None:
        (needle,) = needles({"contents": [{"uri": "a", "text": LONG * 10}]})
        assert needle == (LONG * 10)[:NEEDLE]

    def test_what_only_looks_like_a_mark_stays(self) -> None:
        text = "<data source=evil key=1>\nand no end of it"
        assert list(needles({"content": [{"type": "text", "text": text}]})) == [text]

    def test_texts_come_in_their_order(self) -> None:
        message = {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "image"}]}
        inside = {"type": "resource", "resource": {"uri": "x", "text": "c"}}
        assert list(texts({"text": "a", "content": [message, inside]})) == ["a", "b", "c"]
        assert list(texts([1, None, "loose"])) == []
