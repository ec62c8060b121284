"""Somebody else's authorization server, and everything that is no token of it."""

from __future__ import annotations

import socket

import pytest

from safeconduct.ports import CredentialUnavailable
from safeconduct.secrets.authorization import (
    MAX_LIFE_S,
    METADATA_S,
    AuthorizationServer,
    Issued,
    Turned,
    basic,
)
from tests.support.credentials import authorization_server, issued
from tests.support.web import Answer, Web, document

READ = frozenset({"read"})
WELL_KNOWN = "/.well-known/oauth-authorization-server"


async def token(server: AuthorizationServer, asked: frozenset[str] = READ) -> Issued:
    return await server.issue({"grant_type": "client_credentials"}, {}, asked=asked)


async def fault(server: AuthorizationServer) -> str:
    with pytest.raises(CredentialUnavailable) as caught:
        await token(server)
    said = str(caught.value)
    assert said.startswith(f"{server.issuer}: ")
    assert "secret" not in said
    return said.removeprefix(f"{server.issuer}: ")


async def test_a_token_comes_from_the_endpoint_that_the_metadata_names(web: Web) -> None:
    found = await token(AuthorizationServer(web.url))
    assert (found.access_token, found.expires_in) == ("issued-1", 300)
    assert [one.path for one in web.asked] == [WELL_KNOWN, "/token"]
    assert web.asked[1].form == {"grant_type": "client_credentials"}
    assert repr(found) == "Issued()"


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("", [WELL_KNOWN, "/.well-known/openid-configuration"]),
        ("/", [WELL_KNOWN, "/.well-known/openid-configuration"]),
        ("/a/b", [f"{WELL_KNOWN}/a/b", "/a/b/.well-known/openid-configuration"]),
    ],
)
async def test_metadata_is_where_the_two_standards_say(
    web: Web, path: str, places: list[str]
) -> None:
    issuer = web.url + path
    said = {"issuer": issuer, "token_endpoint": f"{web.url}/token"}
    for place in places:
        web.pages.pop(WELL_KNOWN, None)
        web.asked.clear()
        web.publish({place: said})
        await token(AuthorizationServer(issuer))
        del web.pages[place]
        assert [one.path for one in web.asked] == [*places[: places.index(place) + 1], "/token"]


async def test_metadata_is_asked_for_again_after_a_while(web: Web) -> None:
    now = [0.0]
    server = AuthorizationServer(web.url, lambda: now[0])
    for at, times in ((0.0, 1), (METADATA_S, 1), (METADATA_S + 1, 2)):
        now[0] = at
        await server.metadata()
        assert web.count(WELL_KNOWN) == times


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(500), "metadata with HTTP 500"),
        (Answer(302, headers={"Location": "/elsewhere"}), "metadata with HTTP 302"),
        (Answer(200, b"<html>"), "not metadata"),
        (Answer(200, b'{"issuer": 1}'), "not metadata"),
        (document({"issuer": "https://as.example", "token_endpoint": "https://as.example/t"}),
         "the metadata of another issuer"),
    ],
)  # fmt: skip
async def test_what_is_no_metadata_is_refused(web: Web, answer: Answer, said: str) -> None:
    web.pages[WELL_KNOWN] = lambda _: answer
    assert await fault(AuthorizationServer(web.url)) == said


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://as.example/token",
        "http://127.0.0.1/a\r\nb",
        "http://127.0.0.1/a b",
        "file:///etc/passwd",
        "https://127.0.0.1/token",
        "token",
    ],
)
@pytest.mark.parametrize("member", ["token_endpoint", "authorization_endpoint"])
async def test_metadata_leads_nowhere_else(web: Web, member: str, endpoint: str) -> None:
    authorization_server(web, **{member: endpoint})
    assert await fault(AuthorizationServer(web.url)) == "an endpoint that is not asked"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (issued("secret", expires_in=None), "not a token that says when it ends"),
        (issued("secret", expires_in="300"), "not a token that says when it ends"),
        (issued("secret", expires_in=0), "a token that has ended"),
        (issued("secret", expires_in=-1), "a token that has ended"),
        (issued("secret", token_type=None), "not a token that says when it ends"),
        (issued("secret", token_type="DPoP"), "not a bearer token"),
        (issued("secret secret"), "not a bearer token"),
        (issued("secret\r\nX: y"), "not a bearer token"),
        (issued(""), "not a bearer token"),
        (issued("secret", scope="read write"), "a token for more than was asked for"),
        (issued("secret", issued_token_type="urn:ietf:params:oauth:token-type:id-jag"),
         "not an access token"),
        (Answer(200, b"secret"), "not a token that says when it ends"),
        (Answer(200, b"[]"), "not a token that says when it ends"),
        (Answer(200, b'{"access_token":"secret","access_token":"b"}'),
         "not a token that says when it ends"),
        (Answer(200, b" " * 300_000), "127.0.0.1: ValueError"),
        (Answer(307, headers={"Location": "/elsewhere"}), "HTTP 307"),
        (Answer(302, headers={"Location": "http://127.0.0.1/"}), "HTTP 302"),
        (Answer(500, b'{"error":"invalid_grant"}'), "HTTP 500"),
        (Answer(400, b'{"error":"the secret is wrong"}'), "HTTP 400"),
        (Answer(400, b"secret"), "HTTP 400"),
        (Answer(204), "HTTP 204"),
    ],
)  # fmt: skip
async def test_what_is_no_token_that_ends_is_refused(web: Web, answer: Answer, said: str) -> None:
    web.pages["/token"] = lambda _: answer
    assert await fault(AuthorizationServer(web.url)) == said
    assert web.count("/elsewhere") == 0


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_an_error_of_the_standard_is_told(web: Web, status: int) -> None:
    web.pages["/token"] = lambda _: document({"error": "invalid_grant"}, status)
    with pytest.raises(Turned) as caught:
        await token(AuthorizationServer(web.url))
    assert caught.value.error == "invalid_grant"
    assert str(caught.value) == f"{web.url} says invalid_grant"


async def test_a_server_that_is_not_there_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unheard:
        port = unheard.getsockname()[1]
    assert await fault(AuthorizationServer(f"http://127.0.0.1:{port}")) == (
        "127.0.0.1: ConnectionRefusedError"
    )


async def test_a_server_that_is_slow_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.secrets.authorization.TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        said = await fault(AuthorizationServer(f"http://127.0.0.1:{port}"))
    assert said == "127.0.0.1: TimeoutError"


async def test_narrower_is_fine_and_very_long_is_cut(web: Web) -> None:
    web.pages["/token"] = lambda _: issued("t", scope="", expires_in=1e9)
    assert (await token(AuthorizationServer(web.url))).expires_in == MAX_LIFE_S
    web.pages["/token"] = lambda _: issued("t", scope="whatever", token_type="bearer")
    assert (await token(AuthorizationServer(web.url), frozenset())).access_token == "t"


def test_a_client_is_named_as_in_a_form() -> None:
    # RFC 6749 section 2.3.1: both are encoded before they are joined.
    assert basic("a b", "c:d") == {"Authorization": "Basic YSUyMGI6YyUzQWQ="}
