"""A yes on a device: which pushes go out, and what comes back that is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from msgspec.structs import replace

from safeconduct.app.notifying import approver
from safeconduct.approvals.answers import NotProven
from safeconduct.approvals.ciba import (
    AUTH_REQ_ID,
    INTERVAL_S,
    YES,
    Pushes,
    Wanted,
    binding,
    code_of,
)
from safeconduct.approvals.desk import NoSuchQuestion
from safeconduct.approvals.questions import Question
from safeconduct.ports import CredentialUnavailable
from tests.support.consoling import DEAL, KIM, LEE, House
from tests.support.pushing import Device
from tests.support.worlds import USER

TEMPLATES: Final = {"scope": {"title": "Change a deal", "ask": "desk", "means": ["ciba"]}}


class Home(House):
    """People with devices."""

    def __init__(self, directory: Path, wanted: Wanted | None = None, **template: Any) -> None:
        templates = {"scope": {**TEMPLATES["scope"], **template}}
        super().__init__(directory, approvals={"templates": templates})
        self.device = Device(lambda: self.now_ms)
        self.pauses: list[float] = []
        self.go = asyncio.Event()
        self.go.set()
        self.pushes = Pushes(
            self.rooms.desk,
            self.device,
            persons=lambda user: approver(self.rooms, user),
            subjects={KIM: "kim", USER: "jane"},
            authenticate=self.authenticate,
            person=self.person,
            wanted=wanted or Wanted(acr=("mfa",)),
            clock_ms=lambda: self.now_ms,
            pause=self.pause,
        )

    async def authenticate(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {"client_id": "gate"}, {"Authorization": "Basic x"}

    async def person(self, token: str, now_ms: int) -> Any:
        person = await self.device.person(token, now_ms)
        return replace(person, id={"kim": KIM, "jane": USER}.get(person.id, person.id))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_ms += int(seconds * 1000)
        await asyncio.sleep(0)
        await self.go.wait()

    async def pushed(self) -> Question:
        """A call is stopped, and every push has come to its end."""
        question = await self.asked()
        await self.done()
        return question

    async def done(self) -> None:
        await asyncio.gather(*self.pushes.tasks)

    @property
    def stands(self) -> bool:
        return bool(self.rooms.desk.pending())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def test_a_yes_on_a_device_is_a_yes_to_this_call(home: Home) -> None:
    question = await home.asked()
    while not home.device.pushed:  # noqa: ASYNC110  every round is one turn of the loop
        await asyncio.sleep(0)
    code = home.rooms.desk.codes[question.id, KIM]
    browser = await home.signed_in(KIM)
    assert f"<code>{code}</code>" in (await browser.get(f"/approvals/{question.id}")).text
    await home.done()
    (form,) = home.device.pushed
    assert form == {
        "scope": "openid",
        "login_hint": "kim",
        "binding_message": f"{code}/crm.update",
        "requested_expiry": form["requested_expiry"],
        "claims": form["claims"],
        "acr_values": "mfa",
        "client_id": "gate",
        "Authorization": "Basic x",
    }
    assert 60 <= int(form["requested_expiry"]) <= 120
    wanted = orjson.loads(form["claims"])["id_token"]["acr"]
    assert wanted == {"essential": True, "values": ["mfa"]}
    assert home.device.polled == [
        {
            "grant_type": "urn:openid:params:grant-type:ciba",
            "auth_req_id": "r-1",
            "client_id": "gate",
        }
    ]
    assert not home.stands
    # The token that proves it stands in the log, so it is good for nothing else.
    assert home.records("approval")[-1]["consumes"] == [(await home.person("t", 0)).once]
    assert home.rooms.desk.codes == {}
    assert (await home.call()).reason is None
    # Once, and no other call.
    assert (await home.call()).reason != ""
    assert (await home.call({**DEAL, "amount_minor": 901})).reason == "approval-required"


async def test_the_issuer_says_how_often_it_wants_to_be_asked(home: Home) -> None:
    pending = "authorization_pending"
    home.device.answers = [pending, "slow_down", pending, "yes"]
    home.device.said.interval = 2
    await home.pushed()
    assert home.pauses == [2, 2, 2 + INTERVAL_S, 2 + INTERVAL_S]
    assert not home.stands


async def test_a_no_on_a_device_is_a_no(home: Home) -> None:
    home.device.answers = ["authorization_pending", "access_denied"]
    await home.pushed()
    assert not home.stands
    assert (await home.call()).reason == "approval-denied"


@pytest.mark.parametrize(
    "answers",
    [
        ["expired_token"],
        ["invalid_grant"],
        [""],
        [RuntimeError("of another kind")],
        ["authorization_pending"] * 100,
    ],
)
async def test_what_is_no_answer_leaves_the_question_where_it_was(
    home: Home, answers: list[str | Exception]
) -> None:
    home.device.answers = answers
    await home.pushed()
    assert home.stands
    assert home.now_ms - home.rooms.desk.pending()[0].shown["asked_ms"] <= 120_000


@pytest.mark.parametrize(
    ("says", "claims"),
    [
        ({"id": USER}, {}),
        ({"acr": "pwd"}, {}),
        ({"acr": None}, {}),
        ({"auth_time_s": 0}, {}),
        ({"auth_time_s": 2**33}, {}),
        ({"issued_ms": 0}, {}),
        ({}, {AUTH_REQ_ID: "r-2"}),
    ],
)
async def test_a_token_that_says_something_else_is_no_yes(
    home: Home, says: dict[str, Any], claims: dict[str, Any]
) -> None:
    home.device.says, home.device.claims = says, claims
    await home.pushed()
    assert home.stands
    assert (await home.call()).reason == "approval-required"


@pytest.mark.parametrize("ask", ["desk", "user"])
async def test_nobody_is_pushed_to_who_could_not_say_yes_so(tmp_path: Path, ask: str) -> None:
    home = Home(tmp_path, ask=ask, means=["passkey"])
    await home.pushed()
    assert home.device.pushed == []


async def test_what_is_done_for_a_user_is_pushed_to_that_user(tmp_path: Path) -> None:
    home = Home(tmp_path, ask="user")
    await home.pushed()
    assert [one["login_hint"] for one in home.device.pushed] == ["jane"]
    assert not home.stands


async def test_an_answer_is_good_for_its_own_push_alone(home: Home) -> None:
    """Replayed, made up, or of somebody else: the desk never gets to hear of a yes."""
    home.device.answers = ["authorization_pending"] * 100
    question = await home.asked()
    while not home.device.polled:  # noqa: ASYNC110  every round is one turn of the loop
        await asyncio.sleep(0)
    kim, lee = approver(home.rooms, KIM), approver(home.rooms, LEE)
    assert kim is not None
    assert lee is not None
    desk = home.rooms.desk
    for who, request in ((lee, "r-1"), (kim, "r-0"), (kim, "r-1"), (kim, "r-1")):
        # A new challenge: its code is not the one that the device shows.
        desk.challenge(question.id, who, YES)
        with pytest.raises(NotProven, match="no answer to a push"):
            await desk.answer(
                question.id, who, YES, {"auth_req_id": request, "id_token": "e30.e30.eA"}
            )
    await home.pushes.close()
    assert home.stands


async def test_an_issuer_that_is_down_costs_a_push(
    home: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(form: object, headers: object) -> Any:
        raise CredentialUnavailable("https://login.example: HTTP 503")

    monkeypatch.setattr(home.device, "push", down)
    question = await home.pushed()
    assert home.stands
    assert caplog.messages == [
        f"a push for {question.id} came to nothing: https://login.example: HTTP 503"
    ]


async def test_a_question_that_was_answered_elsewhere_is_not_polled_for(home: Home) -> None:
    home.device.answers = ["authorization_pending"] * 100
    question = await home.asked()
    home.go.clear()
    await home.rooms.desk.operate(question.id, granted=False, by="op")
    polled = len(home.device.polled)
    home.go.set()
    await home.done()
    assert len(home.device.polled) <= polled + 1
    with pytest.raises(NoSuchQuestion):
        home.rooms.desk.question(question.id)


def test_a_code_is_short_and_of_the_challenge() -> None:
    assert code_of(bytes(32)) == "AAAA-AAAA"
    assert code_of(b"\xff" * 32) == "7777-7777"
    assert code_of(bytes(31) + b"\x01") == "AAAA-AAAA"
    assert binding("AAAA-AAAA", "crm.pay\n" + "x" * 99) == "AAAA-AAAA/crm.pay_xx"


async def test_a_device_shows_one_question_at_a_time(home: Home) -> None:
    home.go.clear()
    first = await home.asked()
    second = await home.asked({**DEAL, "amount_minor": 901})
    assert len(home.pushes.tasks) == 1
    home.go.set()
    await home.done()
    assert (len(home.device.pushed), home.rooms.desk.holds(first.id)) == (1, False)
    assert home.rooms.desk.holds(second.id)
    # The next one is shown again.
    await home.asked({**DEAL, "amount_minor": 902})
    await home.done()
    assert len(home.device.pushed) == 2
