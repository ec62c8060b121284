"""JSON-RPC messages from and to an upstream."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.calls import LOG_LINE, PROGRESS
from safeconduct.ports import JSON, UpstreamFault
from safeconduct.upstreams import messages
from safeconduct.upstreams.messages import Answer, Ask, Malformed, Notice
from tests.support.listeners import Hears

_BOUND = 10_000


def _read(message: object) -> messages.Message:
    return messages.read(json.dumps(message).encode(), _BOUND)


def test_reads_the_three_kinds() -> None:
    assert _read({"jsonrpc": "2.0", "id": 1, "result": {"a": 1}}) == Answer(1, {"a": 1})
    assert _read({"jsonrpc": "2.0", "id": "q", "method": "ping"}) == Ask("q", "ping")
    assert _read({"jsonrpc": "2.0", "method": "n"}) == Notice("n", {})


def test_reads_an_error() -> None:
    message = {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "m", "data": [2]}}
    answer = _read(message)
    assert isinstance(answer, Answer)
    assert answer.error is not None
    assert (answer.error.code, answer.error.message, answer.error.data) == (-1, "m", [2])


@pytest.mark.parametrize(
    "message",
    [
        [],
        1,
        {},
        {"jsonrpc": "2.0"},
        {"jsonrpc": 2.0, "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": True, "result": {}},
        {"jsonrpc": "2.0", "id": 1.5, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": None, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1.0, "message": ""}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1}},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": {}, "method": "ping"},
        {"jsonrpc": "2.0", "method": 1},
        {"jsonrpc": "2.0", "method": "n", "params": []},
        {"jsonrpc": "2.0", "id": 1, "method": "roots/list", "params": []},
        {"jsonrpc": "2.0", "method": "n", "error": {}},
    ],
)
def test_refuses_what_is_no_message(message: object) -> None:
    with pytest.raises(Malformed):
        _read(message)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        messages.read(data, 5)
    with suppress(Malformed):
        messages.read(data, _BOUND)


def test_arguments_leave_in_canonical_form() -> None:
    params: dict[str, Any] = {"arguments": {"b": 1.0, "a": 1e21, "ä": "\u2028"}}
    sent = messages.request(1, "tools/call", params)
    assert b'"arguments":{"a":1e+21,"b":1,"\xc3\xa4":"\xe2\x80\xa8"}' in sent


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", b"bytes"])
def test_parameters_without_a_canonical_form_do_not_leave(value: object) -> None:
    with pytest.raises(UpstreamFault) as caught:
        messages.request(1, "tools/call", {"x": value})
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)


def test_where_nobody_can_be_asked_pings_are_answered_and_the_rest_is_refused() -> None:
    pong = json.loads(messages.unheard(Ask("q", "ping")))
    assert pong == {"jsonrpc": "2.0", "id": "q", "result": {}}
    refusal = json.loads(messages.unheard(Ask(3, "sampling/createMessage")))
    assert refusal["id"] == 3
    assert refusal["error"]["code"] == messages.METHOD_NOT_FOUND


def test_a_cancellation_names_the_request_and_expects_no_answer() -> None:
    message = json.loads(messages.cancellation(7))
    assert message["method"] == "notifications/cancelled"
    assert message["params"]["requestId"] == 7
    assert "id" not in message


@pytest.mark.parametrize(
    ("params", "progress"),
    [
        ({"progressToken": 7, "progress": 1, "x": 1}, {"progress": 1}),
        ({"progressToken": 7, "progress": 0.5, "total": 1}, {"progress": 0.5, "total": 1}),
        ({"progressToken": 7, "progress": 1, "message": ""}, {"progress": 1, "message": ""}),
        ({"progressToken": 7, "progress": True}, None),
        ({"progressToken": 7.0, "progress": 1}, None),
        ({"progressToken": "7", "progress": 1}, None),
        ({"progressToken": 8, "progress": 1}, None),
        ({"progressToken": 7}, None),
        ({}, None),
    ],
)
def test_progress_is_rebuilt_from_its_known_members(
    params: dict[str, Any], progress: dict[str, Any] | None
) -> None:
    assert messages.progress_of(Notice(PROGRESS, params), 7) == progress
    assert messages.progress_of(Notice("notifications/message", params), 7) is None


@pytest.mark.parametrize(
    ("level", "wanted", "passes"),
    [
        ("error", "error", True),
        ("emergency", "error", True),
        ("warning", "error", False),
        ("debug", "debug", True),
        ("error", None, False),
        ("error", "loud", False),
        ("loud", "error", False),
        ([], "debug", False),
        (None, "debug", False),
    ],
)
def test_log_lines_pass_that_are_serious_enough(
    level: object, wanted: str | None, *, passes: bool
) -> None:
    notice = Notice(LOG_LINE, {"level": level, "data": "x"})
    heard = messages.wanted(notice, 7, Hears(log_level=wanted))
    assert heard == (notice.params if passes else None)


def test_a_notice_passes_where_it_is_wanted() -> None:
    async def hear(_: JSON) -> None: ...

    progress = Notice(PROGRESS, {"progressToken": 7, "progress": 1})
    assert messages.wanted(progress, 7, Hears(hear)) == {"progress": 1}
    assert messages.wanted(progress, 8, Hears(hear)) is None
    assert messages.wanted(progress, 7, Hears(log_level="debug")) is None
    assert messages.wanted(Notice("notifications/other", {}), 7, Hears(hear)) is None


def test_that_a_page_was_visited_is_wanted_by_who_can_be_sent_to_one() -> None:
    able = Hears(able=frozenset({"elicitation.url"}))
    for params, kept in (
        ({"elicitationId": "e-1", "_meta": {}}, {"elicitationId": "e-1"}),
        ({"elicitationId": 1}, None),
        ({}, None),
    ):
        notice = Notice("notifications/elicitation/complete", params)
        assert messages.wanted(notice, 1, able) == kept
        assert messages.wanted(notice, 1, Hears()) is None
