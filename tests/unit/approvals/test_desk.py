"""The desk: who may answer what, by which means, and what then stands on record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from safeconduct.approvals.answers import Answer, Approver, NotProven, NotYours, Proof, challenge
from safeconduct.approvals.desk import (
    CHALLENGE_MS,
    Desk,
    NoSuchElevation,
    NoSuchQuestion,
)
from safeconduct.approvals.members import groups
from safeconduct.approvals.questions import Question
from safeconduct.core.approvers import Offer, Party
from safeconduct.core.canonical import canonical, digest, sha256
from safeconduct.core.verdict import Requirement
from safeconduct.ports import JSON, LedgerConflict
from tests.support.approving import Signs, say
from tests.support.facts import NOW_MS, call, facts

USER: Final = "jane@crm.example"
TENANT: Final = "crm.example"
KIM: Final = Approver(user="kim", tenant=TENANT)
LEE: Final = Approver(user="lee", tenant=TENANT, groups=frozenset({"refunds"}))
JANE: Final = Approver(user=USER, tenant=TENANT, groups=frozenset({"refunds"}))
YES: Final = Answer(choice="granted", means="passkey")
NO: Final = Answer(choice="denied", means="sign-in", said="too much")
DESK: Final = (Party("desk", 2),)
CALL: Final = call({"id": "D-7", "amount_minor": 500, "to": ["a@x", "b@x"]}, covered=b"[1]")


class Ledger:
    """Keeps what is appended, or refuses it."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.conflict: str | None = None

    async def append(self, *records: Mapping[str, Any]) -> int:
        if self.conflict is not None:
            raise LedgerConflict(self.conflict)
        await asyncio.sleep(0)
        self.records += records
        return len(self.records)


class Hall:
    """A desk with a clock that stands still."""

    def __init__(self, *parties: Party, **changed: Any) -> None:
        self.now_ms = NOW_MS
        self.ledger = Ledger()
        self.ids = iter(range(1, 99))
        self.desk = Desk(
            self.ledger,
            lambda: self.now_ms,
            lambda kind: f"{kind}_{next(self.ids)}",
            members=groups({"desk": (("kim",), ("refunds",)), "law": (("kim",), ())}),
        )
        self.signs = Signs()
        self.desk.verifiers = {"passkey": self.signs}
        wanted: dict[str, Any] = {
            "templates": ("refund",),
            "sources": ("policy:refund",),
            "ttl_s": 300,
            "parties": parties or (Party(),),
            **changed,
        }
        shown = self.desk.hold("a_0", CALL, facts(), Requirement(**wanted))
        assert shown is not None
        self.shown = shown

    async def say(self, who: Approver, answer: Answer = YES) -> Question:
        return await say(self.desk, "a_0", who, answer)

    @property
    def phases(self) -> list[str]:
        return [one["phase"] for one in self.ledger.records]


class TestWho:
    async def test_the_user_says_yes_to_what_is_done_for_them(self) -> None:
        hall = Hall()
        await hall.say(JANE)
        (record,) = hall.ledger.records
        assert record == {
            "kind": "approval",
            "phase": "granted",
            "approval": "a_0",
            "digest": CALL.digest,
            "task": "t_1",
            "tenant": TENANT,
            "by": USER,
            "means": "passkey",
            "shown": digest(hall.shown),
            "at_ms": NOW_MS,
            "proof": {"by": USER, "nonce": record["proof"]["nonce"]},
            "choice": "granted",
            "to": CALL.digest,
            "for": "user",
        }
        with pytest.raises(NoSuchQuestion):
            hall.desk.question("a_0")

    @pytest.mark.parametrize("who", [KIM, LEE, replace(JANE, tenant="other.example")])
    async def test_nobody_else_does(self, who: Approver) -> None:
        hall = Hall()
        with pytest.raises(NotYours):
            await hall.say(who)
        with pytest.raises(NotYours):
            await hall.desk.answer("a_0", who, NO)
        assert hall.ledger.records == []

    async def test_who_is_in_a_group_answers_for_others_and_never_for_themselves(self) -> None:
        hall = Hall(Party("desk"))
        with pytest.raises(NotYours, match="done for you"):
            await hall.say(JANE)
        assert not hall.desk.sees(JANE, hall.desk.question("a_0"))
        await hall.say(LEE)
        assert hall.phases == ["granted"]

    async def test_two_persons_are_two(self) -> None:
        hall = Hall(*DESK)
        question = await hall.say(KIM)
        assert [one.count for one in question.missing()] == [1]
        with pytest.raises(NotYours, match="already"):
            await hall.say(KIM)
        await hall.say(LEE)
        assert hall.phases == ["agreed", "granted"]
        assert [one["for"] for one in hall.ledger.records] == ["desk", "desk"]

    async def test_one_yes_is_one_party_s(self) -> None:
        hall = Hall(Party("desk"), Party("law"), Party())
        await hall.say(KIM)
        with pytest.raises(NotYours):
            await hall.say(KIM)
        assert hall.phases == ["agreed"]
        assert [one.who for one in hall.desk.question("a_0").missing()] == ["law", "user"]


class TestHow:
    async def test_a_yes_that_is_not_signed_is_none(self) -> None:
        hall = Hall()
        for evidence in (None, {"signed": "00"}):
            hall.desk.challenge("a_0", JANE, YES)
            with pytest.raises(NotProven):
                await hall.desk.answer("a_0", JANE, YES, evidence)
        with pytest.raises(NotProven):
            await hall.desk.answer("a_0", JANE, YES, {"signed": "00"})
        assert hall.ledger.records == []

    async def test_what_is_signed_is_this_answer_of_this_person_to_what_was_shown(self) -> None:
        hall = Hall()
        nonce, signed = hall.desk.challenge("a_0", JANE, YES)

        def said(shown: JSON) -> bytes:
            return challenge(shown, digest(hall.shown), "granted", CALL.digest, JANE, nonce)

        assert signed == said(hall.shown) != said({**hall.shown, "task": "t_2"})
        again = hall.desk.challenge("a_0", JANE, YES)
        assert again[0] != nonce
        with pytest.raises(NotProven):
            await hall.desk.answer("a_0", JANE, YES, {"signed": signed.hex()})

    async def test_a_challenge_is_used_once_and_ends(self) -> None:
        hall = Hall(*DESK)
        _, signed = hall.desk.challenge("a_0", KIM, YES)
        hall.now_ms += CHALLENGE_MS
        with pytest.raises(NotProven, match="too long"):
            await hall.desk.answer("a_0", KIM, YES, {"signed": signed.hex()})
        with pytest.raises(NotProven):
            await hall.desk.answer("a_0", KIM, YES, {"signed": signed.hex()})

    async def test_a_signature_for_one_answer_is_none_for_another(self) -> None:
        hall = Hall(offers=Offer(calls=5, minutes=5))
        _, signed = hall.desk.challenge("a_0", JANE, YES)
        more = replace(YES, choice="elevated")
        with pytest.raises(NotProven):
            await hall.desk.answer("a_0", JANE, more, {"signed": signed.hex()})

    async def test_only_the_means_that_a_party_accepts_count(self) -> None:
        hall = Hall()
        with pytest.raises(NotYours, match="another way"):
            hall.desk.challenge("a_0", JANE, replace(YES, means="chat"))
        hall.desk.challenge("a_0", JANE, YES)
        with pytest.raises(NotProven):
            await hall.desk.answer("a_0", JANE, replace(YES, means="unsafe-terminal"), {})

    async def test_high_value_needs_a_passkey_that_stays_where_it_is(self) -> None:
        hall = Hall(Party(keys="device-bound"))
        with pytest.raises(NotProven, match="cannot leave"):
            await hall.say(JANE)
        hall.signs.device_bound = True
        await hall.say(JANE)

    async def test_a_terminal_says_no_and_yes_only_where_that_is_let(self) -> None:
        hall = Hall(*DESK)
        with pytest.raises(NotYours, match="passkey"):
            await hall.desk.operate("a_0", granted=True, by="uid:0")
        hall.desk.terminal = True
        await hall.desk.operate("a_0", granted=True, by="uid:0")
        assert hall.ledger.records[0]["means"] == "unsafe-terminal"
        refused = Hall()
        await refused.desk.operate("a_0", granted=False, by="uid:0")
        assert refused.phases == ["denied"]


class TestWhat:
    async def test_a_no_comes_with_words_for_the_agent(self) -> None:
        hall = Hall()
        await hall.desk.answer("a_0", JANE, NO)
        assert hall.ledger.records[0]["said"] == "too much"
        assert hall.desk.replied("a_0").said == "too much"
        assert hall.desk.replied("a_9").said == ""

    async def test_less_is_a_yes_to_the_smaller_call(self) -> None:
        hall = Hall()
        less = {"id": "D-7", "amount_minor": 300, "to": ["a@x"]}
        await hall.say(JANE, replace(YES, choice="narrowed", arguments=less))
        (record,) = hall.ledger.records
        assert record["narrowed"] == record["to"] == sha256(b"[1]" + canonical(less))
        assert (record["phase"], record["as"]) == ("narrowed", "a_1")
        assert hall.desk.replied("a_0").arguments == less

    @pytest.mark.parametrize("arguments", [None, {}, {**CALL.arguments, "amount_minor": 501}])
    async def test_more_is_nobody_s_to_give(self, arguments: JSON | None) -> None:
        hall = Hall()
        with pytest.raises(NotYours):
            await hall.say(JANE, replace(YES, choice="narrowed", arguments=arguments))

    async def test_an_elevation_is_what_is_offered(self) -> None:
        hall = Hall(offers=Offer(calls=14, minutes=5))
        await hall.say(JANE, replace(YES, choice="elevated"))
        answer, given = hall.ledger.records
        assert (answer["phase"], given["kind"]) == ("elevated", "elevation")
        assert (given["calls"], given["until_ms"], given["open"]) == (14, NOW_MS + 300_000, False)
        assert given["most"] == {"amount_minor": "500"}
        assert sorted(given["steers"]) == ["id", "to"]

    async def test_nothing_more_is_given_where_nothing_is_offered(self) -> None:
        with pytest.raises(NotYours):
            await Hall().say(JANE, replace(YES, choice="elevated"))

    async def test_all_say_yes_to_the_same(self) -> None:
        hall = Hall(*DESK)
        less = {**CALL.arguments, "amount_minor": 300}
        await hall.say(KIM, replace(YES, choice="narrowed", arguments=less))
        with pytest.raises(NotYours, match="something else"):
            await hall.say(LEE)
        await hall.say(LEE, replace(YES, choice="narrowed", arguments=less))
        assert hall.phases == ["agreed", "narrowed"]

    async def test_two_who_say_yes_at_once_are_both_heard(self) -> None:
        hall = Hall(*DESK)
        await asyncio.gather(hall.say(KIM), hall.say(LEE))
        assert hall.phases == ["agreed", "granted"]

    async def test_what_was_proven_for_one_party_is_not_counted_for_another(self) -> None:
        """Kim's yes was on its way for the desk when Lee took its last place."""
        law = Party("law", keys="device-bound")
        hall = Hall(Party("desk"), law)
        held = asyncio.Event()

        class Waits(Signs):
            async def verify(
                self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
            ) -> Proof:
                await held.wait()
                return await super().verify(approver, challenge, evidence, now_ms)

        hall.desk.verifiers = {"passkey": Waits()}
        kim = asyncio.create_task(hall.say(KIM))
        await asyncio.sleep(0)
        hall.desk.verifiers = {"passkey": hall.signs}
        await hall.say(LEE)
        held.set()
        with pytest.raises(NotYours, match="meanwhile"):
            await kim
        assert hall.phases == ["agreed"]
        assert hall.desk.question("a_0").missing() == (law,)

    async def test_a_no_stands_whatever_was_on_its_way(self) -> None:
        hall = Hall(*DESK)
        yes = asyncio.create_task(hall.say(KIM))
        for _ in range(2):
            await asyncio.sleep(0)
        await hall.desk.answer("a_0", LEE, NO)
        await yes
        assert hall.desk.pending() == []

    async def test_anybody_who_is_asked_can_stop_it(self) -> None:
        hall = Hall(*DESK)
        await hall.say(KIM)
        await hall.desk.answer("a_0", LEE, NO)
        assert hall.phases == ["agreed", "denied"]


class TestWhen:
    async def test_no_answer_comes_too_late(self) -> None:
        hall = Hall(wait_s=600)
        hall.now_ms += 599_999
        assert [one.id for one in hall.desk.pending()] == ["a_0"]
        hall.now_ms += 1
        assert hall.desk.pending() == []
        for answer in (YES, NO):
            with pytest.raises(NoSuchQuestion):
                await hall.desk.answer("a_0", JANE, answer)

    async def test_what_could_not_be_recorded_does_not_count(self) -> None:
        hall = Hall(offers=Offer(calls=5, minutes=5))
        hall.ledger.conflict = "approval"
        with pytest.raises(NoSuchQuestion):
            await hall.say(JANE)
        hall.ledger.conflict = "elevation"
        with pytest.raises(NotYours, match="16"):
            await hall.say(JANE, replace(YES, choice="elevated"))
        for conflict, sentence in (("passkey", "was removed"), ("consumed", "was used")):
            hall.ledger.conflict = conflict
            with pytest.raises(NotProven, match=sentence):
                await hall.say(JANE)
        assert hall.desk.holds("a_0")

    async def test_what_proves_a_yes_and_is_good_once_is_used_up_with_it(self) -> None:
        hall = Hall()
        hall.desk.verifiers = {"passkey": Signs(once=True)}
        _, signed = hall.desk.challenge("a_0", JANE, YES)
        await hall.desk.answer("a_0", JANE, YES, {"signed": signed.hex()})
        assert hall.ledger.records[0]["consumes"] == [f"signed:{signed.hex()}"]

    def test_those_who_are_to_answer_are_told_once_it_is_on_record(self) -> None:
        hall = Hall()
        told: list[Question] = []
        hall.desk.heard.append(told.append)
        hall.desk.asked("a_0")
        assert [one.id for one in told] == ["a_0"]
        hall.desk.withdraw("a_0")
        hall.desk.withdraw(None)
        assert hall.desk.pending() == []


def test_everything_that_is_signed_is_told() -> None:
    hall = Hall(*DESK)
    told = hall.desk.question("a_0").told()
    missing = [{"who": "desk", "count": 2}]
    assert told == {**hall.shown, "agreed": [], "missing": missing, "shown": digest(hall.shown)}
    assert told["arguments"] == canonical(CALL.arguments).decode()
    assert told["parties"] == [
        {"who": "desk", "count": 2, "keys": "any", "means": ["passkey"]},
    ]


async def test_an_elevation_is_ended_before_its_time() -> None:
    hall = Hall()
    await hall.desk.end("e_1", "t_1", TENANT, "uid:0")
    (record,) = hall.ledger.records
    assert record == {
        "kind": "elevation",
        "phase": "ended",
        "elevation": "e_1",
        "task": "t_1",
        "tenant": TENANT,
        "by": "uid:0",
        "at_ms": NOW_MS,
    }
    hall.ledger.conflict = "elevation"
    with pytest.raises(NoSuchElevation):
        await hall.desk.end("e_1", "t_1", TENANT, "uid:0")


@pytest.mark.parametrize(("whose", "most"), [("agent", 50), ("user", 100)])
def test_nobody_s_questions_leave_no_room_for_others(whose: str, most: int) -> None:
    desk, kinds = Desk(Ledger(), lambda: NOW_MS, lambda kind: kind), ("task", "agent", "user")

    def held(name: str, **same: str) -> bool:
        gathered = facts().gathered
        known = {kind: replace(getattr(gathered, kind), id=same.get(kind, name)) for kind in kinds}
        about = replace(facts(), gathered=replace(gathered, **known))
        wanted = Requirement(templates=("x",), sources=("scope:x",), ttl_s=300, parties=(Party(),))
        return desk.hold(name, CALL, about, wanted) is not None

    assert all(held(f"a_{number}", **{whose: "greedy"}) for number in range(most))
    assert not held("a_more", **{whose: "greedy"})
    assert held("a_other")
