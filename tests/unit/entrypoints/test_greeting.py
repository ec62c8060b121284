import pytest

from safeconduct import __version__
from safeconduct.entrypoints.greeting import discovered, initialized
from safeconduct.entrypoints.wire import INVALID_PARAMS, Message, Rejected
from safeconduct.ports import JSON

CLIENT: JSON = {"capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


def asking(version: object) -> Message:
    params = {**CLIENT, "protocolVersion": version}
    return Message(method="initialize", id=1, params=params, meta={})


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("nonsense", "2025-11-25"),
    ],
)
def test_the_client_gets_its_revision_or_ours(asked: str, offered: str) -> None:
    assert initialized(asking(asked))["protocolVersion"] == offered


@pytest.mark.parametrize("missing", ["protocolVersion", "capabilities", "clientInfo"])
def test_what_the_schema_demands_is_demanded(missing: str) -> None:
    message = asking("2025-11-25")
    del message.params[missing]
    with pytest.raises(Rejected) as caught:
        initialized(message)
    assert caught.value.code == INVALID_PARAMS


def test_nothing_is_promised_that_is_not_kept() -> None:
    for told in (initialized(asking("2025-11-25")), discovered()):
        assert told["capabilities"] == {
            "completions": {},
            "logging": {},
            "tools": {"listChanged": True},
            "resources": {"listChanged": True, "subscribe": True},
            "prompts": {"listChanged": True},
        }
        assert "instructions" not in told


def test_both_eras_are_told_who_answers() -> None:
    server = {"name": "safeconduct", "version": __version__}
    assert initialized(asking("2025-11-25"))["serverInfo"] == server
    assert discovered()["_meta"] == {"io.modelcontextprotocol/serverInfo": server}
    assert discovered()["supportedVersions"] == ["2026-07-28", "2025-11-25"]
