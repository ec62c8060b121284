"""Answers of second models and of external inspections: what ours accepts has the form that was
asked for, and says nothing but words of closed lists and places in texts that were shown.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator

from safeconduct.core.model import Finding
from safeconduct.inspectors.external import purview, shield, webhook
from safeconduct.inspectors.external.texts import Nonsense, Text
from safeconduct.inspectors.reviewing.question import NoReview, Question
from safeconduct.inspectors.reviewing.wires import WIRES
from safeconduct.kit import strictjson

QUESTION: Final = Question("0123456789abcdef", "", "")
NAME: Final = "question-1"
SHOWN: Final = (Text(("to",), "dana@quay.example"), Text(("body",), "\U0001f4b3 4532667785213500"))

_ASKED_FOR: Final = Draft202012Validator(
    {
        **QUESTION.schema,
        "properties": {**QUESTION.schema["properties"], "mark": {"const": QUESTION.mark}},
    }
)
_KIND: Final = re.compile(r"external\.[a-z][a-z0-9-]{0,39}", re.ASCII)


def reviews(data: bytes) -> None:
    """Raises where a wire takes something for an answer that is not the object asked for."""
    value = _json(data)
    for name, wire in WIRES.items():
        try:
            said = wire.read(value, QUESTION)
        except (NoReview, msgspec.ValidationError):
            continue
        # A decoder of the standard library, which shares nothing with ours.
        answer = _openai(json.loads(data)) if name == "openai" else _anthropic(json.loads(data))
        _ASKED_FOR.validate(answer)
        assert (said.answer, said.why_code) == (answer["answer"], answer["why"])


def _openai(value: Any) -> Any:
    (choice,) = value["choices"]
    assert not choice["message"].get("refusal")
    return json.loads(choice["message"]["content"])


def _anthropic(value: Any) -> Any:
    (block,) = value["content"]
    return block["input"]


def inspections(data: bytes) -> None:
    """Raises where a finding is somewhere else than in what was shown, or its kind is no name."""
    value = _json(data)
    found: list[Finding] = []
    for read in (
        partial(webhook.read, value, NAME, SHOWN),
        partial(purview.read, value, SHOWN),
        partial(shield.read, value, SHOWN),
    ):
        try:
            found += read()
        except Nonsense:
            continue
    texts = {one.where: one.text for one in SHOWN}
    for one in found:
        assert _KIND.fullmatch(one.kind)
        assert texts[one.where][one.start : one.end]
        assert one.end <= len(texts[one.where])


def _json(data: bytes) -> Any:
    try:
        return strictjson.loads(data)
    except strictjson.StrictJSONError:
        return None
