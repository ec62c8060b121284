"""The two wires that models are asked over: what is sent, and where an answer stands in what comes.

OpenAI's chat completions with structured outputs (`response_format`, a strict JSON Schema), and
Anthropic's messages with one tool that must be used (`tool_choice`). Members of an answer that the
wires have besides are not looked at; anything else where the answer should stand is no answer.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Protocol

import msgspec

from safeconduct.core.review import Review
from safeconduct.inspectors.reviewing.question import NoReview, Question

MAX_TOKENS: Final = 2048
"""How much a model may say: the answer takes about thirty, what some think before it takes more."""

NAME: Final = "review"
VERSION: Final = "2023-06-01"
"""The version of Anthropic's wire."""


class Wire(Protocol):
    """How a question is put, and an answer read."""

    def headers(self, credential: str | None) -> dict[str, str]:
        """The header fields of a request, with what proves who asks."""
        ...

    def body(self, model: str, asked: Question) -> dict[str, Any]:
        """The request."""
        ...

    def read(self, answer: object, asked: Question) -> Review:
        """The answer. Raises NoReview, msgspec.ValidationError."""
        ...


class _Message(msgspec.Struct, frozen=True):
    content: str
    role: Literal["assistant"]
    refusal: str | None = None
    tool_calls: tuple[Any, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: Literal["stop"]


class _Completion(msgspec.Struct, frozen=True):
    choices: Annotated[tuple[_Choice, ...], msgspec.Meta(min_length=1, max_length=1)]


class OpenAI:
    """`POST …/chat/completions`."""

    def headers(self, credential: str | None) -> dict[str, str]:
        """As `Wire`."""
        return {} if credential is None else {"authorization": f"Bearer {credential}"}

    def body(self, model: str, asked: Question) -> dict[str, Any]:
        """As `Wire`."""
        schema = {"name": NAME, "strict": True, "schema": asked.schema}
        return {
            "model": model,
            "messages": [
                {"role": "system", "content": asked.system},
                {"role": "user", "content": asked.document},
            ],
            "response_format": {"type": "json_schema", "json_schema": schema},
            "max_completion_tokens": MAX_TOKENS,
            "n": 1,
            "stream": False,
        }

    def read(self, answer: object, asked: Question) -> Review:
        """As `Wire`."""
        message = msgspec.convert(answer, _Completion).choices[0].message
        if message.refusal is not None or message.tool_calls:
            raise NoReview("the model did not answer")
        return asked.read_text(message.content)


class _Use(msgspec.Struct, frozen=True):
    type: Literal["tool_use"]
    name: Literal["review"]
    input: dict[str, Any]


class _Said(msgspec.Struct, frozen=True):
    role: Literal["assistant"]
    content: Annotated[tuple[_Use, ...], msgspec.Meta(min_length=1, max_length=1)]
    stop_reason: Literal["tool_use"]


class Anthropic:
    """`POST …/v1/messages`."""

    def headers(self, credential: str | None) -> dict[str, str]:
        """As `Wire`."""
        fields = {"anthropic-version": VERSION}
        return fields if credential is None else {**fields, "x-api-key": credential}

    def body(self, model: str, asked: Question) -> dict[str, Any]:
        """As `Wire`."""
        tool = {"name": NAME, "description": "Gives the answer.", "input_schema": asked.schema}
        return {
            "model": model,
            "system": asked.system,
            "messages": [{"role": "user", "content": asked.document}],
            "tools": [tool],
            "tool_choice": {"type": "tool", "name": NAME, "disable_parallel_tool_use": True},
            "max_tokens": MAX_TOKENS,
            "stream": False,
        }

    def read(self, answer: object, asked: Question) -> Review:
        """As `Wire`."""
        return asked.read(msgspec.convert(answer, _Said).content[0].input)


WIRES: Final[dict[str, Wire]] = {"openai": OpenAI(), "anthropic": Anthropic()}
