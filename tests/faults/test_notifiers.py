"""Whoever tells people of questions may be slow, down or talk nonsense: no call waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from threading import Event
from typing import Final

import orjson
import pytest

from safeconduct.app.notifying import approver, notifiers
from safeconduct.approvals.answers import Answer
from safeconduct.approvals.notifying import notifier
from tests.support.approving import Signs, say
from tests.support.consoling import BOT, KIM, LEE, URL, House
from tests.support.web import Answer as Page
from tests.support.web import Asked, Web, serving

TEMPLATES: Final = {"scope": {"title": "Change a deal", "ask": "desk"}}


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def house(tmp_path: Path, web: Web) -> House:
    notify = {"ops": {"wire": "webhook", "url": f"{web.url}/hook"}}
    return House(tmp_path, approvals={"notify": notify, "templates": TEMPLATES})


async def test_a_service_that_does_not_answer_holds_up_nobody(house: House, web: Web) -> None:
    came, go = Event(), Event()

    def hook(_: Asked) -> Page:
        came.set()
        assert go.wait(30)
        return Page(204)

    web.pages["/hook"] = hook
    house.rooms.desk.verifiers = {"passkey": Signs()}
    (telling,) = notifiers(house.rooms, None).values()
    running = asyncio.create_task(telling.run())
    question = await house.asked()
    await asyncio.to_thread(came.wait, 30)
    # The notice is still on its way, and the question can be answered.
    kim = approver(house.rooms, KIM)
    assert kim is not None
    await say(house.rooms.desk, question.id, kim, Answer(choice="granted", means="passkey"))
    assert (await house.call()).reason is None
    go.set()
    await telling.idle()
    running.cancel()
    events = [orjson.loads(one.body) for one in web.asked]
    assert [one["type"].rpartition(".")[2] for one in events] == ["requested", "settled"]
    assert events[0]["data"]["link"] == f"{URL}/approvals/{question.id}"
    assert events[1]["data"] == {"approval": question.id, "choice": "granted", "by": KIM}


async def test_a_service_that_is_down_is_in_the_counts_and_the_question_stands(
    house: House, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "PAUSES_S", (0.0, 0.0))
    web.pages["/hook"] = lambda _: Page(503)
    (telling,) = notifiers(house.rooms, None).values()
    running = asyncio.create_task(telling.run())
    question = await house.asked()
    await telling.idle()
    running.cancel()
    assert telling.counts == notifier.Counts(failed=1, fault="HTTP 503")
    names = {one.headers.get("webhook-id") or orjson.loads(one.body)["id"] for one in web.asked}
    assert (len(web.asked), names) == (3, {f"{question.id}.requested"})
    assert house.rooms.desk.holds(question.id)


async def test_who_is_no_person_or_not_believed_is_told_of_nothing(house: House) -> None:
    assert approver(house.rooms, LEE) is not None
    assert approver(house.rooms, BOT) is None
    assert approver(house.rooms, "nobody") is None
    await house.rooms.revoke("user", LEE, "op")
    assert approver(house.rooms, LEE) is None
