"""What may be asked of a client, and what comes back."""

from typing import Any

import pytest

from safeconduct.core.asks import (
    EVERYTHING,
    INPUT_REQUIRED,
    MAX_ASKS,
    MAX_STATE_BYTES,
    Asks,
    Capability,
    ask,
    capabilities,
    declared,
    input_required,
    only_pages,
    pages_first,
    reply,
)
from safeconduct.core.shapes import Malformed, NotAllowed

JSON = dict[str, Any]


OPEN = Asks(form=True, url_origins=("https://login.example",), sampling=True, roots=True)

FORM: JSON = {"message": "How many?", "requestedSchema": {"type": "object", "properties": {}}}
PAGE: JSON = {"mode": "url", "message": "Log in.", "url": "https://login.example/"}
SAMPLE: JSON = {
    "messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}],
    "maxTokens": 10,
}

ASKED: list[tuple[str, JSON, Capability]] = [
    ("elicitation/create", FORM, "elicitation.form"),
    ("elicitation/create", {"mode": "form", **FORM}, "elicitation.form"),
    ("elicitation/create", PAGE, "elicitation.url"),
    ("sampling/createMessage", SAMPLE, "sampling"),
    ("roots/list", {}, "roots"),
]


class TestDeclarations:
    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            (None, set[str]()),
            ([], set[str]()),
            ({}, set[str]()),
            ({"elicitation": {}}, {"elicitation.form"}),
            ({"elicitation": {"form": {}}}, {"elicitation.form"}),
            ({"elicitation": {"url": {}}}, {"elicitation.url"}),
            ({"elicitation": {"form": {}, "url": {}}}, {"elicitation.form", "elicitation.url"}),
            ({"elicitation": True}, set[str]()),
            ({"sampling": {"tools": {}}, "roots": {"listChanged": True}}, {"sampling", "roots"}),
            ({"sampling": True, "roots": None}, set[str]()),
            ({"experimental": {}}, set[str]()),
        ],
    )
    def test_what_a_client_declares(self, said: object, meant: set[str]) -> None:
        assert capabilities(said) == meant

    @pytest.mark.parametrize(
        "names", [frozenset[Capability](), *(frozenset({c}) for c in EVERYTHING)]
    )
    def test_what_is_declared_is_understood_again(self, names: frozenset[Capability]) -> None:
        assert capabilities(declared(names)) == names

    def test_both_modes_are_declared_together(self) -> None:
        assert declared(EVERYTHING) == {
            "elicitation": {"form": {}, "url": {}},
            "sampling": {},
            "roots": {},
        }


class TestAsking:
    @pytest.mark.parametrize(("method", "params", "needs"), ASKED)
    def test_it_takes_the_operator_and_the_client(
        self, method: str, params: JSON, needs: Capability
    ) -> None:
        ask(method, params, OPEN, frozenset({needs}))
        for client in (frozenset[Capability](), EVERYTHING - {needs}):
            with pytest.raises(NotAllowed):
                ask(method, params, OPEN, client)
        with pytest.raises(NotAllowed):
            ask(method, params, Asks(), EVERYTHING)

    @pytest.mark.parametrize(
        ("asks", "left"),
        [
            (Asks(), set[str]()),
            (Asks(form=True), {"elicitation.form"}),
            (Asks(url_origins=("https://login.example",)), {"elicitation.url"}),
            (Asks(sampling=True), {"sampling"}),
            (Asks(roots=True), {"roots"}),
            (OPEN, set(EVERYTHING)),
        ],
    )
    def test_an_upstream_learns_only_of_what_it_may_use(self, asks: Asks, left: set[str]) -> None:
        assert asks.allowed(EVERYTHING) == left
        assert asks.allowed(frozenset()) == frozenset()

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("elicitation/create", {**FORM, "mode": "other"}),
            ("elicitation/create", {**FORM, "mode": ["form"]}),
            ("tools/call", {}),
            ("", {}),
        ],
    )
    def test_there_is_no_other_ask(self, method: str, params: JSON) -> None:
        with pytest.raises(Malformed):
            ask(method, params, OPEN, EVERYTHING)

    def test_roots_take_nothing_along(self) -> None:
        assert ask("roots/list", {"_meta": {"a": 1}, "x": 1}, OPEN, EVERYTHING) == {}


REPLIES: list[tuple[str, JSON]] = [
    ("elicitation/create", {"action": "accept", "content": {"n": 3}}),
    (
        "sampling/createMessage",
        {"role": "assistant", "content": {"type": "text", "text": "Hi"}, "model": "m"},
    ),
    ("roots/list", {"roots": [{"uri": "file:///home"}]}),
]


class TestReplies:
    @pytest.mark.parametrize(("method", "result"), REPLIES)
    def test_are_rebuilt(self, method: str, result: JSON) -> None:
        assert reply(method, {**result, "_meta": {"a": 1}, "other": 1}) == result

    @pytest.mark.parametrize(("method", "_result"), REPLIES)
    def test_of_another_shape_are_malformed(self, method: str, _result: JSON) -> None:
        with pytest.raises(Malformed):
            reply(method, {"anything": "else"})

    def test_to_anything_else_are_malformed(self) -> None:
        with pytest.raises(Malformed):
            reply("tools/call", {})


class TestRounds:
    def asked(self, **members: object) -> JSON:
        return input_required({"resultType": INPUT_REQUIRED, **members}, OPEN, EVERYTHING)

    def test_every_question_is_rebuilt(self) -> None:
        requests: dict[str, JSON] = {
            f"q{n}": {"method": method, "params": params, "_meta": {}}
            for n, (method, params, _) in enumerate(ASKED)
        }
        kept = self.asked(inputRequests=requests, requestState="s", content=[], _meta={})
        assert kept == {
            "resultType": INPUT_REQUIRED,
            "inputRequests": {
                key: {
                    "method": one["method"],
                    "params": ask(one["method"], one["params"], OPEN, EVERYTHING),
                }
                for key, one in requests.items()
            },
            "requestState": "s",
        }

    def test_a_state_alone_is_enough(self) -> None:
        for state in ("", "x" * (MAX_STATE_BYTES - 2)):
            kept = {"resultType": INPUT_REQUIRED, "requestState": state}
            assert self.asked(requestState=state) == kept

    def test_questions_alone_are_enough(self) -> None:
        one = {"q": {"method": "roots/list"}}
        assert self.asked(inputRequests=one)["inputRequests"] == {
            "q": {"method": "roots/list", "params": {}}
        }

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"inputRequests": []},
            {"inputRequests": {"q": "roots/list"}},
            {"inputRequests": {"q": {"method": "tools/call"}}},
            {"inputRequests": {"": {"method": "roots/list"}}},
            {"inputRequests": {"a b": {"method": "roots/list"}}},
            {"inputRequests": {str(n): {"method": "roots/list"} for n in range(MAX_ASKS + 1)}},
            {"requestState": {}},
            {"requestState": "x" * (MAX_STATE_BYTES - 1)},
            {"requestState": '"' * (MAX_STATE_BYTES // 2)},
        ],
    )
    def test_anything_else_is_malformed(self, members: JSON) -> None:
        with pytest.raises(Malformed):
            self.asked(**members)

    def test_pages_that_come_first_are_questions_like_any_other(self) -> None:
        page = {"mode": "url", "url": "https://login.example/x", "message": "m"}
        result = pages_first({"elicitations": [{**page, "elicitationId": "e-1", "_meta": {}}]})
        asks = Asks(url_origins=("https://login.example",))
        kept = input_required(result, asks, EVERYTHING)
        params = {**page, "message": "[https://login.example] m", "elicitationId": "e-1"}
        one = {"method": "elicitation/create", "params": params}
        assert kept == {"resultType": INPUT_REQUIRED, "inputRequests": {"page-1": one}}
        assert only_pages(kept)
        assert not only_pages({**kept, "requestState": "s"})
        anew = {"inputRequests": {"q": {"method": "elicitation/create", "params": page}}}
        assert not only_pages(input_required(anew, asks, EVERYTHING))
        assert not only_pages({"requestState": "s"})
        with pytest.raises(NotAllowed):
            input_required(result, Asks(form=True), EVERYTHING)
        with pytest.raises(NotAllowed):
            input_required(result, asks, frozenset())

    @pytest.mark.parametrize(
        "data",
        [
            *(None, [], {}, {"elicitations": {}}, {"elicitations": []}, {"elicitations": [1]}),
            {"elicitations": [PAGE]},
            {"elicitations": [{**FORM, "elicitationId": "e"}]},
            {"elicitations": [{**PAGE, "elicitationId": "e"}, FORM]},
        ],
    )
    def test_pages_that_are_none_are_malformed(self, data: object) -> None:
        with pytest.raises(Malformed):
            input_required(pages_first(data), OPEN, EVERYTHING)

    def test_one_that_may_not_be_asked_refuses_all(self) -> None:
        both = {"a": {"method": "roots/list"}, "b": {"method": "sampling/createMessage"}}
        with pytest.raises(NotAllowed):
            input_required({"inputRequests": both}, Asks(roots=True), EVERYTHING)
