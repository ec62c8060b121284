"""Who may have a question not asked for a time, and what it never lifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from safeconduct.app.notifying import approver
from safeconduct.approvals.answers import Approver, NotProven, NotYours
from safeconduct.approvals.bypassing import NoSuchBypass, Wanted, challenge
from safeconduct.approvals.desk import CHALLENGE_MS
from tests.support.approving import Signs
from tests.support.consoling import DEAL, KIM, LEE, TENANT, House
from tests.support.recorded import recorded
from tests.support.worlds import USER

WANTED: Final = Wanted(template="scope", minutes=10, why="the desk is on fire")
DESK: Final = {"ask": "desk"}


class Hall(House):
    """A company in an emergency."""

    def __init__(self, directory: Path, template: Any = DESK, **more: Any) -> None:
        said = {"templates": {"scope": template}, "bypass_minutes": 10, **more}
        super().__init__(directory, approvals=said)
        self.rooms.desk.verifiers = {"passkey": Signs()}

    def person(self, user: str) -> Approver:
        found = approver(self.rooms, user)
        assert found is not None
        return found

    async def give(self, user: str = KIM, wanted: Wanted = WANTED) -> str:
        who = self.person(user)
        signed = self.rooms.bypasses.challenge(who, wanted)
        return await self.rooms.bypasses.give(who, wanted, {"signed": signed.hex()})


async def test_nobody_is_asked_until_it_ends_and_every_call_says_so(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    bypass = await hall.give()
    assert (await hall.call()).reason is None
    assert (await hall.call({**DEAL, "amount_minor": 901})).reason is None
    await hall.rooms.bypasses.end(bypass, LEE)
    assert (await hall.call({**DEAL, "amount_minor": 902})).reason == "approval-required"
    with pytest.raises(NoSuchBypass):
        await hall.rooms.bypasses.end(bypass, LEE)
    given, ended = recorded(tmp_path / "audit", "bypass")
    assert (given["phase"], given["templates"], given["why"]) == ("granted", ["scope"], WANTED.why)
    assert given["until_ms"] - given["at_ms"] == 600_000
    assert ended["phase"] == "ended"
    decisions = recorded(tmp_path / "audit", "decision")
    assert [one.get("bypass") for one in decisions] == [bypass, bypass, None]


async def test_it_ends_by_itself(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    await hall.give()
    hall.now_ms += 600_000
    assert (await hall.call()).reason == "approval-required"


async def test_it_never_holds_for_what_is_done_for_who_gave_it(tmp_path: Path) -> None:
    hall = Hall(tmp_path, groups={"desk": {"users": [USER]}})
    await hall.give(USER)
    assert (await hall.call()).reason == "approval-required"


async def test_it_ends_with_the_revocation_of_who_gave_it(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    await hall.give()
    await hall.rooms.revoke("user", KIM, "op")
    assert (await hall.call()).reason == "approval-required"


@pytest.mark.parametrize(
    ("template", "changed", "user", "why"),
    [
        (DESK, {}, USER, "not one of those"),
        ({"ask": "user"}, {}, USER, "not one of those"),
        ({"ask": "desk", "count": 2}, {}, KIM, "Several"),
        ({"ask": ["user", "desk"]}, {}, KIM, "Several"),
        ({"ask": "desk", "means": ["ciba"]}, {}, KIM, "needs a passkey"),
        (DESK, {"template": "other"}, KIM, "of this here"),
        (DESK, {"minutes": 11}, KIM, "10 minutes"),
        (DESK, {"minutes": 0}, KIM, "10 minutes"),
        (DESK, {"why": " "}, KIM, "Say why"),
        (DESK, {"why": "x" * 301}, KIM, "Say why"),
    ],
)
async def test_who_may_not_give_one(
    tmp_path: Path, template: Any, changed: dict[str, Any], user: str, why: str
) -> None:
    hall = Hall(tmp_path, template)
    wanted = replace(WANTED, **changed)
    with pytest.raises(NotYours, match=why):
        hall.rooms.bypasses.challenge(hall.person(user), wanted)
    with pytest.raises(NotYours, match=why):
        await hall.rooms.bypasses.give(hall.person(user), wanted, {})


async def test_without_a_bound_or_in_another_tenant_there_is_none(tmp_path: Path) -> None:
    hall = Hall(tmp_path, bypass_minutes=None)
    with pytest.raises(NotYours):
        hall.rooms.bypasses.challenge(hall.person(KIM), WANTED)
    (tmp_path / "b").mkdir()
    hall = Hall(tmp_path / "b")
    with pytest.raises(NotYours):
        hall.rooms.bypasses.challenge(replace(hall.person(KIM), tenant="other.example"), WANTED)


async def test_what_is_signed_is_this_bypass_once_and_in_time(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    kim, bypasses = hall.person(KIM), hall.rooms.bypasses
    with pytest.raises(NotProven):
        await bypasses.give(kim, WANTED, {"signed": ""})
    signed = bypasses.challenge(kim, WANTED)
    longer = replace(WANTED, why="another reason")
    with pytest.raises(NotProven):
        await bypasses.give(kim, longer, {"signed": signed.hex()})
    # The challenge is spent, even by what failed.
    with pytest.raises(NotProven):
        await bypasses.give(kim, WANTED, {"signed": signed.hex()})
    signed = bypasses.challenge(kim, WANTED)
    hall.now_ms += CHALLENGE_MS
    with pytest.raises(NotProven):
        await bypasses.give(kim, WANTED, {"signed": signed.hex()})
    assert recorded(tmp_path / "audit", "bypass") == []


async def test_a_key_that_can_leave_its_device_is_not_enough_where_the_template_says_so(
    tmp_path: Path,
) -> None:
    hall = Hall(tmp_path, {"ask": "desk", "keys": "device-bound"})
    with pytest.raises(NotProven, match="cannot leave"):
        await hall.give()
    hall.rooms.desk.verifiers = {"passkey": Signs(device_bound=True)}
    assert await hall.give()


def test_a_bypass_is_signed_as_nothing_else() -> None:
    kim = Approver(user=KIM, tenant=TENANT)
    made = {
        challenge(wanted, tenant, who, nonce)
        for wanted, tenant, who, nonce in (
            (WANTED, TENANT, kim, "n"),
            (replace(WANTED, template="x"), TENANT, kim, "n"),
            (replace(WANTED, minutes=9), TENANT, kim, "n"),
            (replace(WANTED, why="x"), TENANT, kim, "n"),
            (WANTED, "x", kim, "n"),
            (WANTED, TENANT, replace(kim, user=LEE), "n"),
            (WANTED, TENANT, kim, "m"),
        )
    }
    assert len(made) == 7
