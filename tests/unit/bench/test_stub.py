"""The server behind every subject speaks both revisions, or the rivals could not be compared."""

from bench.stub import answer
from bench.subjects import READ, message
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.kit import strictjson


def asked(revision: str) -> dict[str, object]:
    tool, arguments, _ = READ
    call = strictjson.loads(message(tool, arguments, revision), max_depth=9, max_bytes=9999)
    assert isinstance(call, dict)
    found = answer(call)
    assert found is not None
    result = found["result"]
    assert isinstance(result, dict)
    return result


def test_a_call_is_answered_alike_in_both_revisions() -> None:
    assert asked(MODERN) == asked(HANDSHAKE) | {"resultType": "complete"}


def test_the_older_handshake_is_answered_and_a_notification_is_not() -> None:
    found = answer({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    assert found is not None
    assert isinstance(found["result"], dict)
    assert found["result"]["protocolVersion"] == HANDSHAKE
    assert answer({"jsonrpc": "2.0", "method": "notifications/initialized"}) is None


def test_an_unknown_method_is_an_error() -> None:
    found = answer({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"})
    assert found is not None
    assert "result" not in found
