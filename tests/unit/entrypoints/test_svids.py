"""The two routes, over a page that is asked nothing."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from safeconduct.entrypoints.http import Problem, Request, Response, Wire
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.svids import MAX_BYTES, NONCE_PATH, SVID_PATH, routes
from safeconduct.ports import JSON, Caller, TokenRefused

ISSUER = "https://gateway.example"
NOBODY = cast("Wire", None)
REFUSALS = Refusals(lambda: 0)


class Page:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, Caller]] = []
        self.fault: TokenRefused | None = None

    async def issue(self, asked: object, caller: Caller) -> JSON:
        self.asked.append((asked, caller))
        if self.fault is not None:
            raise self.fault
        return {"spiffe_id": "spiffe://crm.example/agents/copilot"}

    def nonce(self) -> str:
        return "fresh"


async def answered(page: Page, body: bytes, *fields: tuple[bytes, bytes]) -> Response:
    given = [(b"content-type", b"application/json"), *fields]
    request = Request("POST", SVID_PATH, given, NOBODY)
    request.body = body
    response = await routes(page, ISSUER, REFUSALS)[SVID_PATH]["POST"].handler(request)
    assert response is not None
    assert (b"cache-control", b"no-store") in response.headers
    return response


def told(response: Response) -> Any:
    return orjson.loads(response.body)


async def test_evidence_and_proof_reach_the_page() -> None:
    page = Page()
    response = await answered(page, b'{"attestor":"unix"}', (b"dpop", b"one"))
    assert (response.status, told(response)["spiffe_id"][:6]) == (200, "spiffe")
    ((asked, caller),) = page.asked
    assert asked == {"attestor": "unix"}
    assert caller == Caller(
        http_method="POST",
        url="https://gateway.example/identity/svid",
        authorization=None,
        dpop=("one",),
        body=b'{"attestor":"unix"}',
    )


async def test_two_proofs_reach_it_as_two() -> None:
    page = Page()
    await answered(page, b"{}", (b"dpop", b"one"), (b"dpop", b"two"))
    assert page.asked[0][1].dpop == ("one", "two")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a":1,"a":2}', b"[" * 9 + b"]" * 9, b'"' + b"x" * MAX_BYTES + b'"']
)
async def test_what_is_no_json(body: bytes) -> None:
    page = Page()
    response = await answered(page, body)
    assert (response.status, told(response)["error"]) == (400, "invalid_request")
    assert page.asked == []


async def test_a_refusal() -> None:
    page = Page()
    page.fault = TokenRefused("temporarily_unavailable", "Later.", status=503)
    response = await answered(page, b"{}")
    assert response.status == 503
    assert told(response) == {
        "error": "temporarily_unavailable",
        "error_description": "Later.",
    }


async def test_the_operator_reads_why() -> None:
    page = Page()
    page.fault = TokenRefused("invalid_grant", "No.", why="another audience")
    for body in (b'{"evidence":"x"}', b'{"evidence":{"nonce":"x"}}', b"[]", b"{"):
        await answered(page, body)
    kept = REFUSALS.last()[-4:]
    assert [(one.path, one.why) for one in kept] == [
        (SVID_PATH, "another audience"),
        (SVID_PATH, "another audience"),
        (SVID_PATH, "another audience"),
        (SVID_PATH, "The body is not JSON at character 1."),
    ]
    assert [one.claims for one in kept] == [{"evidence": "not a token"}, {}, {}, {}]


async def test_a_nonce_for_the_proof_comes_in_its_header() -> None:
    page = Page()
    page.fault = TokenRefused("use_dpop_nonce", "Again.", nonce="abc")
    response = await answered(page, b"{}")
    assert (b"dpop-nonce", b"abc") in response.headers


async def test_another_type_of_body() -> None:
    request = Request("POST", SVID_PATH, [(b"content-type", b"text/plain")], NOBODY)
    with pytest.raises(Problem) as raised:
        await routes(Page(), ISSUER, REFUSALS)[SVID_PATH]["POST"].handler(request)
    assert raised.value.status == 415


async def test_a_nonce() -> None:
    request = Request("GET", NONCE_PATH, [], NOBODY)
    response = await routes(Page(), ISSUER, REFUSALS)[NONCE_PATH]["GET"].handler(request)
    assert response is not None
    assert (response.status, told(response)) == (200, {"nonce": "fresh"})
    assert (b"cache-control", b"no-store") in response.headers
