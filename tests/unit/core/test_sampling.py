"""Requests for a completion, and roots."""

from typing import Any

import pytest

from safeconduct.core.sampling import MAX_MESSAGES, completed, roots, sampling
from safeconduct.core.shapes import Malformed, NotAllowed

JSON = dict[str, Any]

TEXT: JSON = {"type": "text", "text": "Hello"}
MESSAGE: JSON = {"role": "user", "content": TEXT}
LEAST: JSON = {"messages": [MESSAGE], "maxTokens": 10}


def test_the_least() -> None:
    assert sampling(LEAST) == {**LEAST, "includeContext": "none"}


def test_everything() -> None:
    given: JSON = {
        "messages": [MESSAGE, {"role": "assistant", "content": [TEXT, TEXT]}],
        "maxTokens": 10,
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "stopSequences": ["end"],
        "modelPreferences": {"hints": [{"name": "small"}], "costPriority": 1},
        "includeContext": "none",
    }
    assert sampling(given) == given


def test_nothing_of_other_servers_goes_along() -> None:
    given = {**LEAST, "includeContext": "allServers", "metadata": {"a": 1}, "_meta": {}}
    assert sampling(given) == {**LEAST, "includeContext": "none"}


def test_preferences_are_rebuilt() -> None:
    said = {
        "modelPreferences": {
            "speedPriority": True,
            "costPriority": 1.1,
            "hints": [{"name": "n", "x": 1}],
            "y": 1,
        }
    }
    assert sampling({**LEAST, **said})["modelPreferences"] == {"hints": [{"name": "n"}]}
    assert sampling({**LEAST, "modelPreferences": {}})["modelPreferences"] == {}


@pytest.mark.parametrize("name", ["tools", "toolChoice"])
def test_no_tools_behind_our_back(name: str) -> None:
    with pytest.raises(NotAllowed):
        sampling({**LEAST, name: []})


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "Hello"},
        {"messages": [MESSAGE] * (MAX_MESSAGES + 1)},
        {"messages": [{"role": "system", "content": TEXT}]},
        {"messages": [{"role": "user", "content": "Hello"}]},
        {"messages": [{"role": "user", "content": [{"type": "other"}]}]},
        {"maxTokens": True},
        {"maxTokens": None},
        {"systemPrompt": 1},
        {"stopSequences": [1]},
        {"modelPreferences": []},
        {"modelPreferences": {"hints": [{}]}},
    ],
)
def test_what_is_no_request_is_refused(wrong: JSON) -> None:
    with pytest.raises(Malformed):
        sampling({**LEAST, **wrong})


def test_an_answer_is_rebuilt() -> None:
    said = {"role": "assistant", "content": TEXT, "model": "m", "stopReason": "endTurn"}
    assert completed({**said, "_meta": {}, "other": 1}) == said


@pytest.mark.parametrize(
    "wrong", [{"role": "tool"}, {"content": None}, {"model": None}, {"stopReason": 1}]
)
def test_what_is_no_answer_is_refused(wrong: JSON) -> None:
    with pytest.raises(Malformed):
        completed({"role": "assistant", "content": TEXT, "model": "m", **wrong})


def test_roots_are_files() -> None:
    given = [{"uri": "file:///home/jane", "name": "Home"}, {"uri": "file:///srv"}]
    assert roots({"roots": [{**one, "_meta": {}} for one in given]}) == {"roots": given}


@pytest.mark.parametrize(
    "wrong", [None, [{}], [{"uri": "https://x.example"}], [{"uri": "file:///a", "name": 1}], ["/a"]]
)
def test_other_roots_are_refused(wrong: object) -> None:
    with pytest.raises(Malformed):
        roots({"roots": wrong})
