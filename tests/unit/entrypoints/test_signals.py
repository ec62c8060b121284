from __future__ import annotations

import logging
from typing import cast

import orjson
import pytest

from safeconduct.entrypoints.http import Problem, Request, Response, Wire
from safeconduct.entrypoints.signals import PATH, Pushes, routes
from safeconduct.ports import CredentialUnavailable, LedgerFault, SignalRefused, SignalUnjudged

ONE = b"a.b.c"


class Taker:
    def __init__(self, fault: Exception | None = None) -> None:
        self.tokens: list[str] = []
        self.fault = fault

    async def __call__(self, token: str) -> None:
        self.tokens.append(token)
        if self.fault is not None:
            raise self.fault


async def push(
    take: Taker,
    *,
    to: str = "idp",
    wanted: str | None = None,
    body: bytes = ONE,
    kind: str = "application/secevent+jwt",
    given: str | None = None,
) -> Response | None:
    fields = {"content-type": kind} | ({} if given is None else {"authorization": given})
    request = Request(
        "POST",
        f"{PATH}{to}",
        [(name.encode(), value.encode()) for name, value in fields.items()],
        cast("Wire", None),
    )
    request.tail, request.body = to, body
    handler = routes({"idp": Pushes(take, lambda: wanted)})[PATH]["POST"].handler
    return await handler(request)


async def test_a_signal_is_taken() -> None:
    take = Taker()
    assert await push(take) == Response(202)
    assert take.tokens == ["a.b.c"]


async def test_a_refusal_says_what_is_wrong_with_it() -> None:
    answer = await push(Taker(SignalRefused("invalid_issuer", "This issuer is not known here.")))
    assert answer is not None
    assert answer.status == 400
    told = {"err": "invalid_issuer", "description": "This issuer is not known here."}
    assert orjson.loads(answer.body) == told


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer other", "bearer x", "Bearer x "])
async def test_a_transmitter_has_to_be_authenticated(given: str | None) -> None:
    take = Taker()
    answer = await push(take, wanted="Bearer x", given=given)
    assert answer is not None
    assert orjson.loads(answer.body)["err"] == "authentication_failed"
    assert take.tokens == []
    assert await push(take, wanted="Bearer x", given="Bearer x") == Response(202)


async def test_without_what_it_must_carry_nothing_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def missing() -> str:
        raise CredentialUnavailable("no such file")

    take = Taker()
    request = Request(
        "POST",
        f"{PATH}idp",
        [(b"content-type", b"application/secevent+jwt"), (b"authorization", b"")],
        cast("Wire", None),
    )
    request.tail, request.body = "idp", ONE
    with caplog.at_level(logging.ERROR):
        answer = await routes({"idp": Pushes(take, missing)})[PATH]["POST"].handler(request)
    assert answer is not None
    assert answer.status == 400
    assert take.tokens == []
    assert "cannot be read" in caplog.text


async def test_what_is_no_token() -> None:
    answer = await push(Taker(), body="\N{SNOWMAN}".encode())
    assert answer is not None
    assert orjson.loads(answer.body)["err"] == "invalid_request"


async def test_somewhere_or_something_else() -> None:
    take = Taker()
    with pytest.raises(Problem) as problem:
        await push(take, to="other")
    assert problem.value.status == 404
    with pytest.raises(Problem) as problem:
        await push(take, kind="application/jwt")
    assert problem.value.status == 415
    assert take.tokens == []


@pytest.mark.parametrize("fault", [LedgerFault("full"), SignalUnjudged("no keys")])
async def test_what_cannot_be_taken_now_is_to_be_sent_again(fault: Exception) -> None:
    with pytest.raises(Problem) as problem:
        await push(Taker(fault))
    assert problem.value.status == 503
