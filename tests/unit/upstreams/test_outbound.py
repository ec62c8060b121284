"""What is under way to an upstream: header fields, with a credential made for each message."""

from __future__ import annotations

from safeconduct.ports import Credential
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.outbound import Call, Head


def call(credential: Credential | None) -> Call:
    return Call(
        method="tools/list",
        params={},
        owner="a|b|c",
        credential=credential,
        deadline=Deadline(1),
    )


def bound(http_method: str, body: bytes) -> dict[str, str]:
    return {"Authorization": f"Bearer {http_method}-{body.decode()}"}


async def test_a_credential_stands_under_the_protocol_s_own_fields() -> None:
    fixed = {"Accept": "x", "CONTENT-TYPE": "x", "Mcp-Session-Id": "forged", "X-Api-Key": "k"}
    head = call(Credential("brokered", fixed)).head({"mcp-session-id": "s-1"}, {"a": "b"})
    assert head.of("POST", b"") == {"mcp-session-id": "s-1", "a": "b", "x-api-key": "k"}


async def test_without_a_credential_there_are_only_the_protocol_s() -> None:
    assert call(None).head({"a": "b"}).of("GET") == {"a": "b"}


async def test_a_bound_credential_is_made_for_each_message() -> None:
    head = call(Credential("tool-token", {"X-Kept": "k"}, bound=bound)).head({"a": "b"})
    assert head.of("POST", b"one")["authorization"] == "Bearer POST-one"
    more = head.also({"last-event-id": "7"})
    assert more.of("GET") == {
        "authorization": "Bearer GET-",
        "x-kept": "k",
        "a": "b",
        "last-event-id": "7",
    }
    assert head.of("GET").keys() == {"authorization", "x-kept", "a"}


async def test_who_gave_a_credential_learns_that_it_is_not_accepted() -> None:
    told: list[str] = []
    call(Credential("upstream-oauth", rejected=lambda: told.append("rejected"))).rejected()
    call(Credential("brokered")).rejected()
    call(None).rejected()
    assert told == ["rejected"]


async def test_a_head_is_a_value() -> None:
    assert Head({"a": "b"}) == Head({"a": "b"}, None)
