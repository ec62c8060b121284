"""Who is told of what, how often it is tried, and what a notice never says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import pytest

from safeconduct.approvals.answers import Answer, Approver
from safeconduct.approvals.desk import Desk
from safeconduct.approvals.members import groups
from safeconduct.approvals.notifying import notifier as notifying
from safeconduct.approvals.notifying.notice import Notice, Settled, plain
from safeconduct.approvals.notifying.notifier import Counts, Notifier, To, Undelivered
from safeconduct.approvals.notifying.telling import Telling, Way
from safeconduct.core.approvers import Party
from safeconduct.core.verdict import Requirement
from tests.support.approving import Signs, say
from tests.support.facts import NOW_MS, call, facts
from tests.support.notices import notice
from tests.unit.approvals.test_desk import Ledger

TENANT: Final = "crm.example"
PEOPLE: Final = {"kim": "K", "lee": "L", "jane@crm.example": "J", "gone": "G"}
APPROVAL: Final = "a_0123456789abcdef01234567"


class Messages:
    """A wire that keeps what it is given, once `faults` are used up."""

    def __init__(self, *faults: Exception, named: bool = True) -> None:
        self.faults = list(faults)
        self.named = named
        self.told: list[tuple[Notice, To]] = []
        self.settled: list[tuple[str, To, str]] = []
        self.did = asyncio.Event()

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        self._fail()
        self.told.append((notice, to))
        self.did.set()
        return f"m{len(self.told)}" if self.named else None

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        self._fail()
        self.settled.append((message, to, settled.sentence))
        self.did.set()

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


class Service:
    """A notifier whose pauses are counted and not waited for."""

    def __init__(self, wire: Messages, *, all_at_once: bool = False) -> None:
        self.wire = wire
        self.now_ms = NOW_MS
        self.standing = True
        self.pauses: list[float] = []
        self.notifier = Notifier(
            "n",
            wire,
            people=PEOPLE,
            all_at_once=all_at_once,
            stands=lambda _: self.standing,
            clock_ms=lambda: self.now_ms,
            pause=self.pause,
        )

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def idle(self) -> None:
        """Runs until nothing is left to do."""
        task = asyncio.create_task(self.notifier.run())
        await self.notifier.idle()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def running(service: Service) -> AsyncGenerator[None]:
    task = asyncio.create_task(service.notifier.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class TestNotifier:
    async def test_each_person_whom_it_concerns_is_told_once(self) -> None:
        service = Service(Messages(), all_at_once=True)
        service.notifier.tell(notice(), {"kim", "lee"}.__contains__)
        await service.idle()
        assert [to for _, to in service.wire.told] == [To("kim", "K"), To("lee", "L")]
        assert service.notifier.counts == Counts(told=2)

    async def test_all_are_told_at_once_where_none_of_these_is_asked(self) -> None:
        for all_at_once in (True, False):
            service = Service(Messages(), all_at_once=all_at_once)
            service.notifier.tell(notice(), lambda _: False)
            await service.idle()
            assert [to for _, to in service.wire.told] == [To()] * all_at_once

    async def test_what_may_pass_is_tried_again_and_then_given_up(self) -> None:
        service = Service(Messages(Undelivered("busy", again=True, after_s=7.0)))
        service.notifier.tell(notice(), {"kim"}.__contains__)
        await service.idle()
        assert service.pauses == [7.0]
        assert service.notifier.counts == Counts(told=1)

        service = Service(Messages(*[Undelivered("down", again=True)] * 4))
        service.notifier.tell(notice(), {"kim"}.__contains__)
        await service.idle()
        assert service.pauses == [*notifying.PAUSES_S]
        assert service.notifier.counts == Counts(failed=1, fault="down")

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            (Undelivered("no", again=False), "no"),
            (Undelivered("much later", again=True, after_s=3600), "much later"),
            (RuntimeError("secret words"), "RuntimeError"),
        ],
    )
    async def test_what_will_not_pass_is_not(
        self, fault: Exception, why: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        service = Service(Messages(fault))
        service.notifier.tell(notice(), {"kim", "lee"}.__contains__)
        await service.idle()
        assert service.notifier.counts == Counts(told=1, failed=1, fault=why)
        assert caplog.messages == [f"notifier n: somebody was not told: {why}"]

    async def test_nobody_is_told_of_what_does_not_stand_any_more(self) -> None:
        service = Service(Messages())
        service.standing = False
        service.notifier.tell(notice(), {"kim"}.__contains__)
        await service.idle()
        assert service.wire.told == []

        service = Service(Messages(Undelivered("busy", again=True)))

        async def answered(seconds: float) -> None:
            service.standing = False

        service.notifier = Notifier(
            "n",
            service.wire,
            people=PEOPLE,
            all_at_once=False,
            stands=lambda _: service.standing,
            clock_ms=lambda: NOW_MS,
            pause=answered,
        )
        service.notifier.tell(notice(), {"kim"}.__contains__)
        await service.idle()
        assert service.wire.told == []

    async def test_a_queue_that_is_full_costs_notices_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifying, "MAX_WAITING", 1)
        service = Service(Messages())
        service.notifier.tell(notice(), {"kim", "lee"}.__contains__)
        assert service.notifier.counts == Counts(failed=1, fault="too many messages wait")
        await service.idle()
        assert [to.user for _, to in service.wire.told] == ["kim"]

    async def test_a_message_says_who_answered(self) -> None:
        service = Service(Messages())
        service.notifier.tell(notice(), {"kim", "lee"}.__contains__)
        service.notifier.settle(notice(), Settled("granted", "kim\n@here"))
        service.notifier.settle(notice(approval="a_1"), Settled("denied", "kim"))
        await service.idle()
        assert service.wire.settled == [
            ("m1", To("kim", "K"), "Approved by kim @here"),
            ("m2", To("lee", "L"), "Approved by kim @here"),
        ]

    async def test_what_has_no_name_is_not_changed(self) -> None:
        service = Service(Messages(named=False))
        service.notifier.tell(notice(), {"kim"}.__contains__)
        service.notifier.settle(notice(), Settled("granted", "kim"))
        await service.idle()
        assert service.wire.settled == []

    async def test_a_message_says_that_nobody_answered(self) -> None:
        service = Service(Messages())
        later = notice(approval="a_1", expires_ms=NOW_MS + 900_000)
        for one in (later, notice(expires_ms=NOW_MS + 1)):
            service.notifier.tell(one, {"kim"}.__contains__)
        async with running(service):
            while len(service.wire.told) < 2:
                await service.wire.did.wait()
                service.wire.did.clear()
            service.now_ms = NOW_MS + 1
            await service.wire.did.wait()
        assert service.wire.settled == [("m2", To("kim", "K"), "Lapsed: nobody answered in time")]


class Hall:
    """A desk, and a notifier for its questions."""

    def __init__(self, *told: str, parties: tuple[Party, ...] = (Party("desk", 2),)) -> None:
        self.ledger = Ledger()
        self.desk = Desk(
            self.ledger,
            lambda: NOW_MS,
            lambda kind: f"{kind}_9",
            members=groups({"desk": (("kim", "lee"), ())}),
        )
        self.desk.verifiers = {"passkey": Signs()}
        self.wire = Messages()
        self.service = Service(self.wire)
        way = Way(self.service.notifier, told)
        Telling(self.desk, [way], self.person, "https://console.example/")
        self.parties = parties

    def person(self, user: str) -> Approver | None:
        return None if user == "gone" else Approver(user=user, tenant=TENANT)

    def ask(self, **changed: Any) -> None:
        wanted: dict[str, Any] = {
            "templates": ("refund",),
            "sources": ("policy:refund",),
            "ttl_s": 300,
            "parties": self.parties,
        }
        arguments = {"id": "a-secret-value", "amount_minor": 500}
        assert self.desk.hold(APPROVAL, call(arguments), facts(**changed), Requirement(**wanted))
        self.desk.asked(APPROVAL)


class TestTelling:
    async def test_those_who_are_asked_are_told_where_to_look(self) -> None:
        hall = Hall()
        hall.ask()
        await hall.service.idle()
        assert [to.user for _, to in hall.wire.told] == ["kim", "lee"]
        (told, *_) = (told for told, _ in hall.wire.told)
        assert told.link == f"https://console.example/approvals/{APPROVAL}"
        assert told.tool == "crm.update_deal"
        assert told.subject == "Approval needed: crm.update_deal"

    async def test_what_is_for_the_user_goes_to_the_user(self) -> None:
        hall = Hall(parties=(Party(),))
        hall.ask()
        await hall.service.idle()
        assert [to.user for _, to in hall.wire.told] == ["jane@crm.example"]

    async def test_groups_narrow_what_is_told(self) -> None:
        for told, count in ((("desk",), 2), (("law",), 0)):
            hall = Hall(*told)
            hall.ask()
            await hall.service.idle()
            assert len(hall.wire.told) == count

    async def test_the_last_yes_is_told_and_the_first_is_not(self) -> None:
        hall = Hall()
        hall.ask()
        yes = Answer(choice="granted", means="passkey")
        await say(hall.desk, APPROVAL, Approver(user="kim", tenant=TENANT), yes)
        await hall.service.idle()
        assert hall.wire.settled == []
        await say(hall.desk, APPROVAL, Approver(user="lee", tenant=TENANT), yes)
        await hall.service.idle()
        assert [said for _, _, said in hall.wire.settled] == ["Approved by lee"] * 2

    async def test_a_no_is_told(self) -> None:
        hall = Hall()
        hall.ask()
        no = Answer(choice="denied", means="passkey", said="do not say this")
        await hall.service.idle()
        await hall.desk.answer(APPROVAL, Approver(user="kim", tenant=TENANT), no)
        await hall.service.idle()
        assert {said for _, _, said in hall.wire.settled} == {"Denied by kim"}

    async def test_no_argument_and_nothing_that_the_agent_wrote_is_in_a_notice(self) -> None:
        hall = Hall()
        hall.ask()
        await hall.service.idle()
        told, _ = hall.wire.told[0]
        said = f"{told} {told.facts(NOW_MS)} {told.subject}"
        for word in ("a-secret-value", "500", facts().gathered.task.purpose):
            assert word not in said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: eve@x", "a Bcc: eve@x"),
        ("safe\u202egnp.exe", "safe gnp.exe"),
        ("tab\tand\x00nul", "tab and nul"),
        ("x" * 121, "x" * 119 + "…"),
        ("x" * 120, "x" * 120),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(text: str, line: str) -> None:
    assert plain(text) == line


def test_a_notice_says_how_long_there_is() -> None:
    for left_s, said in ((300, "5 min"), (119, "119 s"), (-1, "0 s")):
        facts = dict(notice(expires_ms=NOW_MS + left_s * 1000).facts(NOW_MS))
        assert facts["Answer within"].startswith(f"{said}, until ")
