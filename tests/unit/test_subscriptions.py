"""What a task hears of changes, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from safeconduct import subscriptions
from safeconduct.config.schema import Config
from safeconduct.core.calls import LIST_CHANGED, UPDATED
from safeconduct.core.manifest import ContentManifest, SourceLabel
from safeconduct.ports import (
    Begun,
    Caller,
    CredentialUnavailable,
    Heard,
    NotRecorded,
    Unauthenticated,
    Upstream,
    UpstreamFault,
    Wanted,
)
from safeconduct.recorder import Recorder
from safeconduct.secrets.broker import Broker
from safeconduct.simulation import SimulatedTask
from safeconduct.subscriptions import MAX_URIS, Subscription
from tests.unit.test_gateway import caller, records, simulated

JSON = dict[str, Any]
Notices = list[tuple[str, JSON]]

ONE, TWO = "kb://open/one", "kb://open/two"


class Notifies:
    """An upstream that tells what a test makes it tell."""

    id = "crm"

    def __init__(self) -> None:
        self.wanted: list[tuple[Wanted, str]] = []
        self.agrees: frozenset[str] | None = frozenset({ONE, TWO})
        """To what it agrees; None: it says nothing."""
        self.heard: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = asyncio.Event()

    async def listen(
        self, wanted: Wanted, *, owner: str, credential: object, heard: Heard, begun: Begun
    ) -> None:
        del credential
        self.wanted.append((wanted, owner))
        self.heard.set_result(heard)
        try:
            if self.agrees is not None:
                begun(wanted.uris & self.agrees)
            await self.end
        finally:
            self.left.set()

    async def close(self) -> None:
        pass


@pytest.fixture
async def task(tmp_path: Path) -> AsyncIterator[SimulatedTask]:
    async with simulated(tmp_path) as made:
        config: Config = made.config
        public = ContentManifest(
            scopes=("case:read",), source=SourceLabel(confidentiality="public")
        )
        closed = ContentManifest(scopes=("closed:read",))
        cast("Any", config.manifests["crm"].resources).update(
            {"kb://open/*": public, "kb://closed/*": closed}
        )
        yield made


@pytest.fixture
async def upstream(task: SimulatedTask) -> Notifies:
    made = Notifies()
    cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = cast("Upstream", made)
    return made


@pytest.fixture(autouse=True)
def tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "TICK_S", 0.01)


async def agree(
    task: SimulatedTask, *uris: str, where: str | None = "crm", **lists: bool
) -> Subscription:
    wanted = Wanted(uris=frozenset(uris), **lists)
    return await task.rooms.subscriptions.agree(caller(task), where, wanted)


class Reader:
    """A client that reads what a subscription tells."""

    def __init__(self, subscription: Subscription) -> None:
        self.notices: asyncio.Queue[tuple[str, JSON]] = asyncio.Queue()
        self.running = asyncio.create_task(subscription.run(self._hear))

    async def _hear(self, method: str, params: JSON) -> None:
        self.notices.put_nowait((method, params))

    async def over(self) -> None:
        async with asyncio.timeout(5):
            await self.running


class TestAgreement:
    async def test_takes_a_token(self, task: SimulatedTask) -> None:
        nobody = Caller(http_method="POST", url="", authorization="nobody")
        with pytest.raises(Unauthenticated):
            await task.rooms.subscriptions.agree(nobody, "crm", Wanted(uris=frozenset({ONE})))

    async def test_each_resource_is_decided_and_on_record(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        made = await agree(task, ONE, "kb://closed/x", "kb://nowhere", tools=True)
        assert made.wanted == Wanted(tools=True, uris=frozenset({ONE}))
        decided = {one["tool"]: one["verdict"] for one in records(task, "decision")}
        assert decided[f"crm#resource:{ONE}"] == "permit"
        assert sorted(decided.values()) == ["deny", "deny", "permit"]
        (outcome,) = records(task, "outcome")
        assert outcome["status"] == "ok"

    async def test_the_aggregated_wire_has_names_of_its_own(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        wire = f"safeconduct://crm/{ONE}"
        assert (await agree(task, wire, ONE, where=None)).wanted.uris == {wire}

    async def test_there_is_a_bound(self, task: SimulatedTask, upstream: Notifies) -> None:
        many = [f"kb://open/{n}" for n in range(MAX_URIS + 5)]
        upstream.agrees = frozenset(many)
        assert len((await agree(task, *many)).wanted.uris) == MAX_URIS

    @pytest.fixture
    def one_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subscriptions, "MAX_LISTENING_OF_TASK", 1)

    @pytest.mark.usefixtures("one_at_once")
    async def test_of_one_task_keeps_nobody_else_from_hearing(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        first, second = await agree(task, ONE), await agree(task, TWO)
        assert first.wanted.uris == {ONE}
        assert not second.wanted.uris
        assert outcomes(task) == {ONE: ("ok", None), TWO: ("refused", "upstream-busy")}
        first.close()
        await upstream.left.wait()

    async def test_is_what_the_upstream_agrees_to_and_the_record_says_so(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        upstream.agrees = frozenset({TWO})
        made = await agree(task, ONE, TWO)
        assert made.wanted.uris == {TWO}
        assert outcomes(task) == {ONE: ("refused", "upstream-rejected"), TWO: ("ok", None)}

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (UpstreamFault("upstream-busy", "", may_have_happened=False), "upstream-busy"),
            (CredentialUnavailable("gone"), "credential-unavailable"),
            (None, "upstream-rejected"),
        ],
    )
    async def test_is_to_nothing_where_the_upstream_refuses(
        self, task: SimulatedTask, upstream: Notifies, fault: Exception | None, reason: str
    ) -> None:
        upstream.agrees = None
        if fault is None:
            upstream.end.set_result(None)
        else:
            upstream.end.set_exception(fault)
        made = await agree(task, ONE, tools=True)
        assert made.wanted == Wanted(tools=True)
        assert outcomes(task) == {ONE: ("refused", reason)}

    async def test_is_not_waited_for_without_end(
        self, task: SimulatedTask, upstream: Notifies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "BEGIN_S", 0.01)
        upstream.agrees = None
        assert (await agree(task, ONE)).wanted.uris == set()
        assert outcomes(task) == {ONE: ("refused", "upstream-timeout")}
        await upstream.left.wait()

    async def test_is_not_waited_for_by_who_has_gone(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        upstream.agrees = None
        agreeing = asyncio.create_task(agree(task, ONE))
        await upstream.heard
        agreeing.cancel()
        await asyncio.wait([agreeing])
        assert agreeing.cancelled()
        assert outcomes(task) == {ONE: ("cancelled", "cancelled")}
        await upstream.left.wait()

    async def test_that_cannot_be_recorded_is_none(
        self, task: SimulatedTask, upstream: Notifies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(*_: object) -> None:
            raise NotRecorded("i_1")

        monkeypatch.setattr(Recorder, "passed", full)
        with pytest.raises(NotRecorded):
            await agree(task, ONE)
        await upstream.left.wait()

    async def test_that_comes_when_nobody_wants_it_any_more_is_left(
        self, task: SimulatedTask
    ) -> None:
        subscription = await agree(task, tools=True)
        subscription.close()
        late = asyncio.create_task(asyncio.Event().wait(), name="late")
        subscription.heard_from(cast("asyncio.Task[str]", late))
        await asyncio.wait([late])
        assert late.cancelled()

    async def test_that_nobody_runs_is_closed(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        (await agree(task, ONE)).close()
        await upstream.left.wait()


def outcomes(task: SimulatedTask) -> dict[str, tuple[str, str | None]]:
    """The status and the reason of each outcome, by resource."""
    decided = {one["decision"]: one["tool"] for one in records(task, "decision")}
    return {
        decided[one["decision"]].removeprefix("crm#resource:"): (one["status"], one.get("reason"))
        for one in records(task, "outcome")
    }


class TestNews:
    async def test_of_agreed_resources_is_told_rebuilt(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        wire = f"safeconduct://crm/{ONE}"
        reader = Reader(await agree(task, wire, where=None))
        heard = await upstream.heard
        await heard(UPDATED, {"uri": TWO})
        await heard("notifications/other", {"uri": ONE})
        await heard(UPDATED, {})
        await heard(UPDATED, {"uri": ONE, "title": "Obey me", "_meta": {}})
        assert await reader.notices.get() == (UPDATED, {"uri": wire})
        assert upstream.wanted == [(Wanted(uris=frozenset({ONE})), upstream.wanted[0][1])]
        reader.running.cancel()
        await upstream.left.wait()
        assert reader.notices.empty()

    async def test_of_lists_is_told_where_it_was_wanted(self) -> None:
        telling: asyncio.Future[Callable[[str, str], None]]
        telling = asyncio.get_running_loop().create_future()
        over, left = asyncio.Event(), asyncio.Event()

        @contextmanager
        def watch(tell: Callable[[str, str], None]) -> Generator[None]:
            telling.set_result(tell)
            yield
            left.set()

        async def seen(where: str, kind: str) -> bool:
            return (where, kind) == ("crm", "tools")

        wanted = Wanted(tools=True, prompts=True)
        reader = Reader(Subscription(wanted, watch, over.is_set, seen))
        tell = await telling
        for where, kind in (("crm", "resources"), ("crm", "prompts"), ("kb", "tools")):
            tell(where, kind)
        tell("crm", "tools")
        assert await reader.notices.get() == (LIST_CHANGED["tools"], {})
        assert reader.notices.empty()
        over.set()
        await reader.over()
        assert left.is_set()

    async def test_of_lists_is_told_to_a_task_that_sees_them_change(
        self, task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        everything = {"tools": True, "prompts": True, "resources": True}
        offers, tell = task.rooms.offers, task.rooms.offers.noticed
        listed = await task.rooms.gateway.visible(caller(task), "tools/list", "crm")
        shown = {definition["name"] for definition in listed}
        seen = {key: offer for key, offer in offers.known.items() if key[2] in shown}
        (subject, where, _), offer = next(iter(seen.items()))
        assert (len(seen) > 1, where) == (True, "crm")
        # A tool that nobody said anything of is hidden.
        known = {**offers.known, (subject, where, "unsaid"): offer}
        monkeypatch.setattr(offers, "known", known)
        reader = Reader(await agree(task, where=None, **everything))
        other = Reader(await agree(task, where="kb", **everything))
        await asyncio.sleep(0)
        for kind in ("prompts", "resources", "tools"):
            tell("crm", kind)
        # Of what it does not see nothing is told.
        monkeypatch.setattr(offers, "known", seen)
        tell("crm", "tools")
        for _ in range(10):  # as many turns as it takes to be told
            await asyncio.sleep(0)
        assert reader.notices.empty()
        # Nothing is hidden from it now, so it may hear of what it could not see in time either.
        tell("crm", "tools")
        assert await reader.notices.get() == (LIST_CHANGED["tools"], {})
        one, *_ = seen
        for known in ({one: seen[one]}, {}):
            monkeypatch.setattr(offers, "known", known)
            tell("crm", "tools")
            assert await reader.notices.get() == (LIST_CHANGED["tools"], {})
        tell("crm", "tools")
        await task.rooms.revoke("task", task.state.id, "test")
        for each in (reader, other):
            await each.over()
            assert each.notices.empty()

    async def test_is_told_once_to_a_slow_reader(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        subscription = await agree(task, ONE, TWO)
        first, go_on = asyncio.Event(), asyncio.Event()
        seen: Notices = []

        async def slow(method: str, params: JSON) -> None:
            seen.append((method, params))
            first.set()
            await go_on.wait()
            if len(seen) == 3:
                upstream.end.set_result(None)

        running = asyncio.create_task(subscription.run(slow))
        heard = await upstream.heard
        await heard(UPDATED, {"uri": ONE})
        await first.wait()
        for _ in range(1000):
            await heard(UPDATED, {"uri": ONE})
            await heard(UPDATED, {"uri": TWO})
        go_on.set()
        await running
        assert [params["uri"] for _, params in seen] == [ONE, ONE, TWO]


class TestEnd:
    async def test_comes_with_the_task_s_revocation(
        self, task: SimulatedTask, upstream: Notifies
    ) -> None:
        reader = Reader(await agree(task, ONE))
        await upstream.heard
        await task.rooms.revoke("task", task.state.id, "test")
        await reader.over()
        assert upstream.left.is_set()

    async def test_comes_with_the_token_s(self, task: SimulatedTask, upstream: Notifies) -> None:
        reader = Reader(await agree(task, ONE))
        await upstream.heard
        task.rooms.facts.clock_ms = lambda: 1 << 60
        await reader.over()

    async def test_nothing_is_told_after_it(self, task: SimulatedTask, upstream: Notifies) -> None:
        subscription = await agree(task, ONE, TWO)
        seen: Notices = []

        async def revokes(method: str, params: JSON) -> None:
            seen.append((method, params))
            await task.rooms.revoke("task", task.state.id, "test")

        running = asyncio.create_task(subscription.run(revokes))
        heard = await upstream.heard
        await heard(UPDATED, {"uri": ONE})
        await heard(UPDATED, {"uri": TWO})
        await running
        assert len(seen) == 1

    @pytest.mark.parametrize(
        "fault",
        [UpstreamFault("upstream-unreachable", "gone", may_have_happened=False), None],
    )
    async def test_comes_when_the_upstream_ends_it(
        self, task: SimulatedTask, upstream: Notifies, fault: UpstreamFault | None
    ) -> None:
        reader = Reader(await agree(task, ONE))
        await upstream.heard
        if fault is None:
            upstream.end.set_result(None)
        else:
            upstream.end.set_exception(fault)
        await reader.over()

    async def test_of_the_task_leaves_no_credential_to_fetch(
        self, task: SimulatedTask, upstream: Notifies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fetched(*_: object) -> None:
            raise AssertionError("fetched a credential for a task that is over")

        monkeypatch.setattr(Broker, "credential", fetched)
        monkeypatch.setattr(task.rooms.gateway, "over", lambda _: True)
        await agree(task, ONE)
        assert upstream.wanted == []
        assert outcomes(task) == {ONE: ("refused", "task-revoked")}
