"""The inbox and the page of a question, over a real desk and a real log."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.consoling import DEAL, KIM, LEE, Browser, House, no, yes
from tests.support.worlds import USER


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


async def test_the_user_approves_once_with_a_passkey_and_the_call_runs_once(house: House) -> None:
    jane = await house.signed_in(USER, "/keys")
    key = await house.key(jane)
    question = await house.asked()
    assert question.id in (await jane.get("/")).text
    done = await yes(jane, question.id, key)
    assert (done.status, done.to) == (303, "/"), done.text
    assert "Approved once: Change a deal." in (await jane.get("/")).text
    assert (await house.call()).verdict == "done"
    assert (await house.call()).reason == "approval-required"


async def test_without_a_sign_in_everything_leads_to_it(house: House) -> None:
    question = await house.asked()
    browser = house.browser()
    for path in ("/", f"/approvals/{question.id}", "/keys"):
        page = await browser.get(path)
        assert (page.status, page.to) == (303, f"/sign-in?to={path}")
    assert (await browser.post(f"/approvals/{question.id}", {"choice": "denied"})).status == 401
    assert (await browser.post("/keys", {})).status == 401
    assert (await browser.post("/sign-out")).to == "/sign-in"
    registered = "just registered a passkey"
    assert registered not in (await browser.get("/sign-in")).text
    assert registered in (await browser.get("/sign-in?registered=1")).text
    assert (await browser.get("/keys?x=1")).to == "/sign-in?to=/keys%3Fx%3D1"


async def test_an_empty_inbox_says_what_would_be_there(house: House) -> None:
    jane = await house.signed_in(USER)
    assert "Nothing waits for you" in (await jane.get("/")).text


async def test_the_oldest_question_is_first_and_kinds_stay_together(tmp_path: Path) -> None:
    approvals = {"groups": {"desk": {"users": [LEE]}}, "templates": {"scope": {"ask": "desk"}}}
    house = House(tmp_path, approvals=approvals)
    async with house.task:
        jane, lee = await house.signed_in(USER), await house.signed_in(LEE)
        asked = [await house.asked({**DEAL, "amount_minor": amount}) for amount in (3, 1, 2)]
        asked[1].shown["templates"] = ["another"]
        text = (await lee.get("/")).text
        order = [text.index(asked[at].id) for at in (0, 2, 1)]
        assert order == sorted(order)
        assert '<span class="count">2</span>' in text
        assert (await lee.get("/waiting")).json == {"waiting": 3}
        # Whom it is done for can look, and others decide.
        mine = (await jane.get("/")).text
        assert "Done for you, and waiting for others" in mine
        assert (await jane.get("/waiting")).json == {"waiting": 0}
        assert (await jane.get(f"/approvals/{asked[0].id}")).status == 200


async def test_all_that_is_known_of_a_question_is_shown(house: House) -> None:
    jane = await house.signed_in(USER)
    await house.rooms.desk.operate((await house.asked()).id, granted=False, by="uid:0")
    question = await house.asked({**DEAL, "amount_minor": 1250})
    text = (await jane.get(f"/approvals/{question.id}")).text
    shown = question.shown
    said = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", " ", text)))
    for one in (
        "Change a deal",
        "crm.update_deal changes something, and it can be undone",
        "amount_minor 1000 1250 +25.00 %",
        shown["arguments"],
        shown["agent"],
        f"you, {USER}",
        "Close deal D-7.",
        "said by the application that the user asked",
        "the scope deal:update needs a yes each time",
        "integrity trusted , secrecy public",
        "the user whom this is done for",
        shown["digest"],
        question.digest,
        "5 min 0 s left , until 2026-09-21 14:18:20 UTC",
        "for 300 seconds",
    ):
        assert one in said, one


async def test_what_was_answered_lately_is_shown_to_who_could_see_it(house: House) -> None:
    jane = await house.signed_in(USER, "/keys")
    await house.key(jane)
    first = await house.asked()
    assert (await no(jane, first.id, "not today")).status == 303
    assert "Denied: Change a deal." in (await jane.get("/")).text
    assert "Denied" not in (await jane.get("/")).text
    question = await house.asked({**DEAL, "amount_minor": 5})
    text = (await jane.get(f"/approvals/{question.id}")).text
    assert "Answered lately" in text
    assert f"denied by {USER}" in text


async def test_less_is_less_or_it_is_said(house: House) -> None:
    jane = await house.signed_in(USER, "/keys")
    key = await house.key(jane)
    question = await house.asked()
    for amount in ("900", "901", "-1", "x"):
        page = await yes(jane, question.id, key, "narrowed", **{"less.amount_minor": amount})
        assert page.status in {400, 403}, amount
        assert page.json["wrong"]
    page = await yes(jane, question.id, key, "narrowed", **{"less.amount_minor": "899"})
    assert page.status == 303
    assert (await house.call()).reason == "approval-narrowed"
    assert (await house.call({**DEAL, "amount_minor": 899})).verdict == "done"


async def test_more_calls_are_allowed_where_that_is_offered(tmp_path: Path, house: House) -> None:
    jane = await house.signed_in(USER, "/keys")
    key = await house.key(jane)
    question = await house.asked()
    assert "Allow" not in (await jane.get(f"/approvals/{question.id}")).text
    assert (await yes(jane, question.id, key, "elevated")).status == 403
    offers = {"calls": 3, "minutes": 5, "objects": "any"}
    other = House(tmp_path / "other", approvals={"templates": {"scope": {"offers": offers}}})
    async with other.task:
        jane = await other.signed_in(USER, "/keys")
        key = await other.key(jane)
        question = await other.asked()
        text = (await jane.get(f"/approvals/{question.id}")).text
        assert "Allow 3 calls in 5 minutes" in text
        assert "To whom or what is open" in text
        assert (await yes(jane, question.id, key, "elevated")).status == 303
        (record,) = other.records("elevation")
        assert (record["calls"], record["open"]) == (3, True)


async def test_two_persons_say_yes_to_the_same(tmp_path: Path) -> None:
    approvals = {
        "groups": {"desk": {"users": [LEE], "groups": ["refunds"]}},
        "templates": {"scope": {"ask": "desk", "count": 2, "offers": {"calls": 2, "minutes": 5}}},
    }
    house = House(tmp_path, approvals=approvals)
    async with house.task:
        kim, lee = await house.signed_in(KIM, "/keys"), await house.signed_in(LEE, "/keys")
        keys = [await house.key(kim), await house.key(lee)]
        question = await house.asked()
        assert "2 persons of desk" in (await lee.get(f"/approvals/{question.id}")).text
        assert (await yes(kim, question.id, keys[0])).status == 303
        assert "Others have to say yes, too." in (await kim.get("/")).text
        assert "You have said yes already" in (await kim.get(f"/approvals/{question.id}")).text
        text = (await lee.get(f"/approvals/{question.id}")).text
        assert f"{KIM} for desk" in text
        assert "Allow 2 calls" not in text
        assert (await house.call()).reason == "approval-required"
        assert (await yes(lee, question.id, keys[1], "elevated")).status == 403
        assert (await yes(lee, question.id, keys[1])).status == 303
        assert (await house.call()).verdict == "done"


async def test_the_second_person_agrees_to_the_same_less(tmp_path: Path) -> None:
    approvals = {"templates": {"scope": {"ask": "desk", "count": 2}}}
    house = House(tmp_path, approvals=approvals)
    async with house.task:
        kim, lee = await house.signed_in(KIM, "/keys"), await house.signed_in(LEE, "/keys")
        keys = [await house.key(kim), await house.key(lee)]
        question = await house.asked()
        less = {"less.amount_minor": "5"}
        assert (await yes(kim, question.id, keys[0], "narrowed", **less)).status == 303
        text = (await lee.get(f"/approvals/{question.id}")).text
        assert f"{KIM} has approved less: your yes has to be to the same." in text
        assert 'name="less.amount_minor" value="5"' in text
        assert "Approve once" not in text
        other = {"less.amount_minor": "4"}
        assert (await yes(lee, question.id, keys[1], "narrowed", **other)).status == 403
        assert (await yes(lee, question.id, keys[1], "narrowed", **less)).status == 303
        assert (await house.call({**DEAL, "amount_minor": 5})).verdict == "done"


async def test_a_synced_key_is_not_enough_where_it_may_not_leave_its_device(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, approvals={"templates": {"scope": {"keys": "device-bound"}}})
    async with house.task:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        assert "with a device-bound passkey" in (await jane.get(f"/approvals/{question.id}")).text
        key.synced = True
        page = await yes(jane, question.id, key)
        assert (page.status, "cannot leave the device" in page.said) == (403, True)
        key.synced = False
        assert (await yes(jane, question.id, key)).status == 303


async def test_who_has_no_passkey_is_told_and_may_deny(house: House) -> None:
    jane = await house.signed_in(USER)
    question = await house.asked()
    assert "You have no passkey here yet" in (await jane.get("/")).text
    text = (await jane.get(f"/approvals/{question.id}")).text
    assert "You have no passkey here yet" in text
    assert 'class="yes"' not in text
    csrf = (await jane.get("/keys")).csrf
    form = {"csrf": csrf, "choice": "granted", "means": "passkey"}
    page = await jane.post(f"/approvals/{question.id}", form)
    assert (page.status, page.said) == (
        400,
        "A yes needs your passkey, and that needs the script of this page.",
    )
    assert (await no(jane, question.id, "x" * 301)).status == 400
    assert (await no(jane, question.id, "x" * 300)).status == 303
    assert house.phases == ["requested", "denied"]
    assert house.records("approval")[-1]["means"] == "sign-in"


STEP_UP = {
    "templates": {"scope": {"means": ["passkey", "sign-in"]}},
    "step_up": {"acr": ["mfa"], "max_age_s": 60},
}


class TestSigningInAgain:
    @pytest.fixture
    async def house(self, tmp_path: Path) -> AsyncGenerator[House]:
        house = House(tmp_path, approvals=STEP_UP)
        house.issuer.says = {"acr": "mfa"}
        async with house.task:
            yield house

    async def left(self, house: House, jane: Browser) -> tuple[str, str]:
        """Somebody goes to sign in again; the question, and where they come back."""
        question = await house.asked()
        csrf = (await jane.get(f"/approvals/{question.id}")).csrf
        form = {"csrf": csrf, "choice": "granted", "means": "sign-in"}
        page = await jane.post(f"/approvals/{question.id}", form)
        state = house.issuer.asked[-1]["state"]
        leads = f'http-equiv="refresh" content="0;url=https://login.example/?state={state}"'
        assert leads in page.text
        return question.id, f"/signed-in?code=c&state={state}"

    async def test_is_a_yes_where_that_is_enough(self, house: House) -> None:
        jane = await house.signed_in(USER)
        _, back = await self.left(house, jane)
        asked = house.issuer.asked[-1]
        assert (asked["acr"], asked["max_age_s"]) == (("mfa",), 60)
        assert (await jane.get(back)).to == "/"
        (record,) = [one for one in house.records("approval") if one["phase"] == "granted"]
        assert record["means"] == "sign-in"
        assert (await jane.get(back)).status == 400
        assert (await house.call()).verdict == "done"

    async def test_is_none_in_another_session(self, house: House) -> None:
        jane, again = await house.signed_in(USER), await house.signed_in(USER)
        _, back = await self.left(house, jane)
        assert (await again.get(back)).status == 400
        assert house.phases == ["requested"]

    @pytest.mark.parametrize(
        "says",
        [{"acr": "pwd"}, {"acr": "mfa", "nonce": "chance"}, {"acr": "mfa", "id": LEE}],
    )
    async def test_otherwise_than_was_asked_is_none(
        self, house: House, says: dict[str, str]
    ) -> None:
        jane = await house.signed_in(USER)
        _, back = await self.left(house, jane)
        house.issuer.says = says
        assert (await jane.get(back)).status == 403
        assert house.phases == ["requested"]

    async def test_from_before_the_question_is_none(self, house: House) -> None:
        before_s = house.now_ms // 1000
        jane = await house.signed_in(USER)
        house.now_ms += 30_000
        _, back = await self.left(house, jane)
        house.issuer.says = {"acr": "mfa", "auth_time_s": before_s}
        assert (await jane.get(back)).status == 403
        assert house.phases == ["requested"]

    async def test_is_none_after_the_question_s_time(self, house: House) -> None:
        jane = await house.signed_in(USER)
        _, back = await self.left(house, jane)
        house.now_ms += 300_000
        assert (await jane.get(back)).status == 404
        assert house.phases == ["requested"]

    async def test_is_offered_nowhere_else(self, tmp_path: Path) -> None:
        house = House(tmp_path / "other")
        async with house.task:
            jane = await house.signed_in(USER)
            question = await house.asked()
            page = await jane.get(f"/approvals/{question.id}")
            assert "sign-in" not in page.text.replace("/sign-in", "")
            form = {"csrf": page.csrf, "choice": "granted", "means": "sign-in"}
            assert (await jane.post(f"/approvals/{question.id}", form)).status == 404
