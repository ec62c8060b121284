"""What the operator can ask about questions and elevations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app.answering import NO_SUCH_QUESTION, approvals
from safeconduct.approvals.answers import MAX_SAID
from safeconduct.entrypoints.operator import OperatorError
from safeconduct.ports import JSON
from tests.support.consoling import DEAL, KIM, URL, House
from tests.support.signing import People
from tests.support.worlds import USER

TWO: JSON = {
    "templates": {"scope": {"ask": ["user", "desk"], "offers": {"calls": 3, "minutes": 5}}}
}
WHO = "uid:0 root"


class Operator:
    """Asks the verbs of a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.verbs = approvals(house.rooms)

    async def ask(self, verb: str, **request: object) -> Mapping[str, Any]:
        return await self.verbs[verb](request, WHO)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, approvals=TWO)


@pytest.fixture
def operator(house: House) -> Operator:
    return Operator(house)


async def test_a_question_says_where_it_is_answered_and_by_whom(
    house: House, operator: Operator
) -> None:
    people = People(house)
    await people.key(USER)
    question = await house.asked()
    (told,) = (await operator.ask("approvals"))["pending"]
    assert told["page"] == f"{URL}/approvals/{question.id}"
    assert told["missing"] == [{"who": "desk", "count": 1}, {"who": "user", "count": 1}]
    await people.say(USER, "granted")
    became = await operator.ask("approval", approval=question.id)
    assert (became["state"], became["missing"]) == ("pending", [{"who": "desk", "count": 1}])
    assert became["agreed"] == [{"by": USER, "for": "user"}]


async def test_what_became_of_it_is_told(house: House, operator: Operator) -> None:
    denied, lapsed = await house.asked(), await house.asked({**DEAL, "next_step": "x"})
    said = {"approval": denied.id, "granted": False, "said": "ring her up"}
    assert await operator.ask("answer", **said) == {"approval": denied.id, "granted": False}
    assert await operator.ask("approval", approval=denied.id) == {
        "approval": denied.id,
        "state": "denied",
        "said": "ring her up",
    }
    assert (await house.call()).reason == "approval-denied"
    house.now_ms = lapsed.expires_ms
    assert (await operator.ask("approval", approval=lapsed.id))["state"] == "lapsed"


async def test_an_elevation_is_listed_as_far_as_it_can_be_used_and_ended_at_once(
    house: House, operator: Operator
) -> None:
    people = People(house)
    for user in (USER, KIM):
        await people.key(user)
    await house.asked()
    for user in (USER, KIM):
        await people.say(user, "elevated")
    assert (await house.call()).verdict == "done"
    (given,) = (await operator.ask("elevations"))["elevations"]
    assert given["left"] == 2
    assert given["by"] == [USER, KIM]
    assert (given["user"], given["tool"]) == (USER, "crm.update_deal")
    ended = await operator.ask("end-elevation", elevation=given["elevation"])
    assert ended == {"ended": given["elevation"]}
    assert (await operator.ask("elevations"))["elevations"] == []
    assert (await house.call()).reason == "approval-required"
    with pytest.raises(OperatorError, match="no such elevation"):
        await operator.ask("end-elevation", elevation=given["elevation"])


@pytest.mark.parametrize(
    "request_",
    [
        {"approval": 5, "granted": False},
        {"approval": "a_0", "granted": "no"},
        {"approval": "a_0", "granted": False, "said": 5},
        {"approval": "a_0", "granted": False, "said": "x" * (MAX_SAID + 1)},
        {"approval": "a_0", "granted": False},
    ],
)
async def test_what_is_no_answer_is_refused(operator: Operator, request_: JSON) -> None:
    with pytest.raises(OperatorError):
        await operator.ask("answer", **request_)
    with pytest.raises(OperatorError, match=NO_SUCH_QUESTION):
        await operator.ask("approval", approval="a_0")


async def test_who_opens_the_socket_is_nobody_s_approver(house: House, operator: Operator) -> None:
    question = await house.asked()
    house.rooms.desk.terminal = False
    assert (await operator.ask("approvals"))["terminal"] is False
    with pytest.raises(OperatorError, match="passkey"):
        await operator.ask("answer", approval=question.id, granted=True)
    assert (await house.call()).reason == "approval-required"
