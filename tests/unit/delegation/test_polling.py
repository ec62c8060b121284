from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safeconduct.delegation import polling
from safeconduct.delegation.polling import MAX_EVENTS, Polling
from safeconduct.kit.fetch import FetchError
from safeconduct.ports import CredentialUnavailable, LedgerFault, SignalRefused, SignalUnjudged

Asked = tuple[str, dict[str, Any]]
Take = Callable[[str], Awaitable[None]]


class Transmitter:
    """Answers polls in turn, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(fields["Content-Length"])))
        self.asked.append((fields.get("Authorization", ""), body))
        answer = self.answers.pop(0) if self.answers else {"sets": {}}
        status = answer if isinstance(answer, int) else 200
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def transmits(*answers: Any) -> AsyncGenerator[Transmitter]:
    made = Transmitter(*answers)
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/poll"
        yield made


class Taker:
    def __init__(self, **faults: Exception) -> None:
        self.tokens: list[str] = []
        self.faults = faults

    async def __call__(self, token: str) -> None:
        self.tokens.append(token)
        if token in self.faults:
            raise self.faults[token]


def polls(url: str, take: Take, *, authorization: str | None = "Bearer x") -> Polling:
    return Polling(url, take, authorization=lambda: authorization, every_s=0)


async def test_what_was_taken_is_acknowledged_once() -> None:
    take = Taker(bad=SignalRefused("invalid_key", "The token is not valid here."))
    first = {"sets": {"1": "good", "2": "bad"}, "moreAvailable": True}
    async with transmits(first) as idp:
        poll = polls(idp.url, take)
        assert await poll.once()
        assert not await poll.once()
        assert not await poll.once()
    asks = {"maxEvents": MAX_EVENTS, "returnImmediately": True}
    told = {"2": {"err": "invalid_key", "description": "The token is not valid here."}}
    assert idp.asked == [
        ("Bearer x", asks),
        ("Bearer x", {**asks, "ack": ["1"], "setErrs": told}),
        ("Bearer x", asks),
    ]
    assert take.tokens == ["good", "bad"]


@pytest.mark.parametrize("fault", [LedgerFault("full"), SignalUnjudged("no keys")])
async def test_what_could_not_be_taken_is_not_acknowledged(fault: Exception) -> None:
    take = Taker(lost=fault)
    async with transmits({"sets": {"1": "good", "2": "lost", "3": "late"}}) as idp:
        poll = polls(idp.url, take, authorization=None)
        with pytest.raises(type(fault)):
            await poll.once()
        await poll.once()
    assert idp.asked[1] == ("", {"maxEvents": MAX_EVENTS, "returnImmediately": True, "ack": ["1"]})
    assert take.tokens == ["good", "lost"]


async def test_an_acknowledgement_that_nobody_heard_is_said_again() -> None:
    async with transmits({"sets": {"1": "good"}}, 500) as idp:
        poll = polls(idp.url, Taker())
        await poll.once()
        with pytest.raises(FetchError):
            await poll.once()
        await poll.once()
    assert [body.get("ack") for _, body in idp.asked] == [None, ["1"], ["1"]]


@pytest.mark.parametrize(
    "answer",
    [
        401,
        b"",
        b"garbage",
        [],
        {},
        {"sets": []},
        {"sets": {"1": 2}},
        {"sets": {}, "moreAvailable": 1},
    ],
)
async def test_an_answer_that_is_none(answer: Any) -> None:
    async with transmits(answer) as idp:
        with pytest.raises((FetchError, ValueError)):
            await polls(idp.url, Taker()).once()


async def test_a_flood_is_taken_in_part() -> None:
    take = Taker()
    async with transmits({"sets": {str(n): str(n) for n in range(MAX_EVENTS + 9)}}) as idp:
        await polls(idp.url, take).once()
    assert len(take.tokens) == MAX_EVENTS


async def test_goes_on_after_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_PAUSE_S", 0)
    good = asyncio.Event()

    async def take(token: str) -> None:
        if token == "lost":
            raise LedgerFault("full")
        good.set()

    async with transmits(500, b"x", {"sets": {"1": "lost"}}, {"sets": {"2": "good"}}) as idp:
        running = asyncio.create_task(polls(idp.url, take).run())
        async with asyncio.timeout(5):
            await good.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_without_its_credential_nothing_is_asked() -> None:
    def missing() -> str:
        raise CredentialUnavailable("no such file")

    async with transmits() as idp:
        with pytest.raises(CredentialUnavailable, match="no such file"):
            await Polling(idp.url, Taker(), authorization=missing, every_s=0).once()
    assert idp.asked == []
