import pytest

from safeconduct.entrypoints.wire import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Message,
    Rejected,
    Reply,
    error,
    parse,
    result,
    unsupported,
)

LIMIT = 1000


def rejected(body: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse(body, LIMIT)
    return caught.value


def test_a_request_is_read() -> None:
    body = b'{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":1,"_meta":{"k":2}}}'
    assert parse(body, LIMIT) == Message(method="m", id=7, params={"a": 1}, meta={"k": 2})


def test_a_notification_is_a_message_without_an_id() -> None:
    message = parse(b'{"jsonrpc":"2.0","method":"m"}', LIMIT)
    assert message == Message(method="m", id=None, params={}, meta={})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b'{"jsonrpc":"2.0","id":1,"method":"m"} {}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"\\u0061":2}}',
        b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
        b'{"jsonrpc":"2.0","id":9007199254740992,"method":"m"}',
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        b"[" * 100_000,
        b" " * (LIMIT + 1),
    ],
)
def test_what_parsers_read_differently_is_no_message(body: bytes) -> None:
    assert rejected(body).code == PARSE_ERROR


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"m"}]',
        b'"m"',
        b"null",
        b"{}",
        b'{"id":1,"method":"m"}',
        b'{"jsonrpc":"1.0","id":1,"method":"m"}',
        b'{"jsonrpc":2.0,"id":1,"method":"m"}',
        b'{"jsonrpc":"2.0","id":null,"method":"m"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"m"}',
        b'{"jsonrpc":"2.0","id":true,"method":"m"}',
        b'{"jsonrpc":"2.0","id":[],"method":"m"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":["m"]}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","extra":1}',
        b'{"jsonrpc":"2.0","id":null,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":[]}',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}',
        b'{"jsonrpc":"2.0","id":1,"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1.0,"message":"no"}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":null}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"extra":1}',
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","result":{}}',
    ],
)
def test_json_that_is_not_one_request_or_notification_is_refused(body: bytes) -> None:
    assert rejected(body).code == INVALID_REQUEST


def test_a_reply_is_a_result_or_an_error() -> None:
    result = b'{"jsonrpc":"2.0","id":1,"result":{"action":"cancel"}}'
    assert parse(result, 1000) == Reply(1, {"action": "cancel"})
    error = b'{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"Hear me"}}'
    assert parse(error, 1000) == Reply("a", None)


def test_a_refusal_goes_to_the_id_where_one_could_be_read() -> None:
    assert rejected(b'{"jsonrpc":"2.0","id":"x","method":1}').request_id == "x"
    assert (
        rejected(b'{"jsonrpc":"2.0","id":"x","method":"m","params":{"_meta":1}}').request_id == "x"
    )


def test_meta_is_an_object() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":[]}}'
    assert rejected(body).code == INVALID_PARAMS


@pytest.mark.parametrize("code", [PARSE_ERROR, INVALID_REQUEST])
def test_what_is_no_message_is_a_bad_request_in_either_era(code: int) -> None:
    fault = Rejected(code, "No.", request_id=1)
    assert fault.response(modern=True).status == fault.response(modern=False).status == 400


@pytest.mark.parametrize(("code", "status"), [(METHOD_NOT_FOUND, 404), (INVALID_PARAMS, 400)])
def test_only_the_modern_era_has_statuses_of_its_own(code: int, status: int) -> None:
    assert Rejected(code, "No.", request_id=1).response(modern=True).status == status
    assert Rejected(code, "No.", request_id=1).response(modern=False).status == 200
    assert Rejected(code, "No.").response(modern=False).status == status


def test_an_unsupported_revision_is_told_which_are() -> None:
    response = unsupported("1999-01-01", 3).response(modern=True)
    assert response.status == 400
    assert response.body == (
        b'{"jsonrpc":"2.0","id":3,"error":{"code":-32022,"message":"Unsupported protocol version",'
        b'"data":{"supported":["2026-07-28","2025-11-25"],"requested":"1999-01-01"}}}'
    )


def test_answers_are_json_rpc() -> None:
    assert result("a", {"k": 1}).body == b'{"jsonrpc":"2.0","id":"a","result":{"k":1}}'
    assert error(None, -1, "No.").body == (
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"No."}}'
    )
