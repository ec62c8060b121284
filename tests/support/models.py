"""A local endpoint that speaks as models do: OpenAI's chat completions, Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.web import Answer, Asked, Web, document

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"

JSON = dict[str, Any]


class Put(msgspec.Struct, frozen=True):
    """A question as a model gets it, whichever way it came."""

    system: str
    document: JSON
    schema: JSON

    @property
    def mark(self) -> str:
        """The letters that all that is trusted has in its name."""
        (request,) = [name for name in self.document if name.startswith("request-")]
        return request.removeprefix("request-")

    @property
    def call(self) -> JSON:
        """What stands in it as data."""
        call: JSON = self.document[f"call-{self.mark}"]
        return call


Answering = Callable[[Put], JSON]
"""What a model says to a question: the object that is asked for, or another."""


def consistent(put: Put) -> JSON:
    """A model that finds nothing wrong."""
    return {"answer": "consistent", "why": "as-asked", "mark": put.mark}


def inconsistent(put: Put) -> JSON:
    """A model that finds another recipient."""
    return {"answer": "inconsistent", "why": "other-recipient", "mark": put.mark}


def put(asked: Asked) -> Put:
    """The question in a request, which is as the wire demands; AssertionError otherwise."""
    body = json.loads(asked.body)
    if asked.path == OPENAI:
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        wanted = body["response_format"]
        assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)
        assert set(wanted["json_schema"]) == {"name", "strict", "schema"}
        assert body["stream"] is False
        return Put(system["content"], json.loads(user["content"]), wanted["json_schema"]["schema"])
    assert asked.headers["anthropic-version"] == "2023-06-01"
    (user,), (tool,) = body["messages"], body["tools"]
    assert user["role"] == "user"
    assert body["tool_choice"]["type"] == "tool"
    assert body["tool_choice"]["name"] == tool["name"]
    assert body["max_tokens"] > 0
    return Put(body["system"], json.loads(user["content"]), tool["input_schema"])


def completion(content: object, *, finish: str = "stop", **message: Any) -> JSON:
    """A chat completion with this text."""
    said = {"role": "assistant", "content": content, "refusal": None, **message}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "small",
        "choices": [choice],
        "usage": usage,
    }


def used(value: object, name: str = "review") -> JSON:
    """The use of a tool, as it stands in a message."""
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": value}


def message(*content: JSON, stop: str = "tool_use") -> JSON:
    """A message of Anthropic's with these blocks."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "small",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 12},
    }


def speaking(web: Web, answering: Answering) -> list[Put]:
    """Has a web server answer on both wires, and returns what it will have been asked."""
    asked: list[Put] = []

    def openai(one: Asked) -> Answer:
        asked.append(put(one))
        return document(completion(json.dumps(answering(asked[-1]))))

    def anthropic(one: Asked) -> Answer:
        asked.append(put(one))
        return document(message(used(answering(asked[-1]))))

    web.pages |= {OPENAI: openai, ANTHROPIC: anthropic}
    return asked
