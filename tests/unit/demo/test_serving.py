import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from safeconduct.demo.serving import require_bearer


def hello(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def get(headers: dict[str, str]) -> httpx2.Response:
    app = require_bearer(Starlette(routes=[Route("/", hello)]), "secret")
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        return await client.get("/", headers=headers)


async def test_the_token_opens() -> None:
    assert (await get({"Authorization": "Bearer secret"})).text == "hello"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer other", "Basic secret", "secret"])
async def test_anything_else_is_turned_away_with_a_challenge(value: str) -> None:
    response = await get({"Authorization": value} if value else {})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
