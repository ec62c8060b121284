"""The token service over a real log: what is not on record has no token, and a restart forgets
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.log import Log
from safeconduct.config.schema import Window
from safeconduct.ports import JSON, LedgerFault, TokenRefused, Unauthenticated
from safeconduct.tasks.state import TaskState
from tests.support.parties import (
    NOW_MS,
    MemoryLedger,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.tasks import memory, permit


class Office(MemoryLedger):
    """A real log and the state that is derived from it, in a directory. `before` comes between what
    a request has read and what it writes.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.closing()
        self.before: Callable[[], Awaitable[object]] | None = None
        self._directory = directory
        self.state, self.log = self._opened()

    def _opened(self) -> tuple[TaskState, Log]:
        state = TaskState(self._directory / "state.sqlite3")
        return state, Log.open(self._directory / "audit", state, origin="crm.example/audit")

    def open(self) -> None:
        """As a start of the gateway does."""
        self.state, self.log = self._opened()

    def close(self) -> None:
        self.log.close()
        self.state.close()

    async def append(self, *records: Mapping[str, Any]) -> int:
        if self.fault is not None:
            raise self.fault
        before, self.before = self.before, None
        if before is not None:
            await before()
        seq = await self.log.append(*records)
        self.records += map(dict, records)
        return seq


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


@pytest.fixture
def parties(tmp_path: Path, office: Office) -> Parties:
    window = Window(seconds=3600, budgets={"calls": 2})
    config = profiled(with_helper(configuration(tmp_path)), window=window, reattest_every=2)
    return Parties(tmp_path, config, office)


Asked = Callable[[Parties, JSON], dict[str, str]]

REQUESTS: dict[str, Asked] = {
    "start": lambda parties, _: parties.form(),
    "renewal": lambda parties, started: parties.renewal(started["task"]),
    "amendment": lambda parties, started: parties.amendment(started, "Go on"),
    "child": lambda parties, started: parties.child(started),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_no_record_no_token_and_nothing_is_used_up(parties: Parties, what: str) -> None:
    started = await parties.started()
    form = REQUESTS[what](parties, started)
    parties.ledger.fault = LedgerFault("no space left on device")
    with pytest.raises(TokenRefused) as refused:
        await parties.asked(form)
    assert (refused.value.error, refused.value.status) == ("temporarily_unavailable", 503)
    parties.ledger.fault = None
    if what == "child":  # its proof is spent, as proofs are where they are looked at
        form["subject_token_proof"] = parties.handover(started["access_token"])
    assert (await parties.asked(form))["access_token"]


async def test_a_log_that_is_closed_issues_nothing(parties: Parties, office: Office) -> None:
    office.log.close()
    with pytest.raises(TokenRefused) as refused:
        await parties.started()
    assert refused.value.status == 503


@pytest.mark.parametrize("what", REQUESTS)
async def test_of_two_requests_with_one_svid_one_gets_a_token(parties: Parties, what: str) -> None:
    started = await parties.started()
    forms = [REQUESTS[what](parties, started) for _ in range(4)]
    for form in forms:
        form["actor_token"] = forms[0]["actor_token"]
    answers = await asyncio.gather(*(parties.asked(form) for form in forms), return_exceptions=True)
    tokens = [one for one in answers if isinstance(one, dict)]
    refusals = [one.error for one in answers if isinstance(one, TokenRefused)]
    assert (len(tokens), refusals) == (1, ["invalid_grant"] * 3)


@pytest.mark.parametrize("what", ["renewal", "amendment", "child"])
async def test_a_task_that_ends_before_the_record_has_no_further_token(
    parties: Parties, office: Office, what: str
) -> None:
    """The revocation comes between what was read and what is written."""
    started = await parties.started()
    form = REQUESTS[what](parties, started)
    office.before = lambda: parties.revoke("task", str(started["task"]), "uid:0")
    with pytest.raises(TokenRefused) as refused:
        await parties.asked(form)
    assert refused.value.error == "invalid_grant"


async def test_a_parent_that_narrows_before_the_record_has_no_wider_child(
    parties: Parties, office: Office
) -> None:
    started = await parties.started()
    form = parties.child(started)
    narrower = parties.renewal(started["task"], scope="case:read")
    office.before = lambda: parties.asked(narrower)
    with pytest.raises(TokenRefused) as refused:
        await parties.asked(form)
    assert refused.value.error == "invalid_grant"


async def test_a_restart_forgets_nothing(tmp_path: Path, parties: Parties, office: Office) -> None:
    used, started = parties.svid(), await parties.started(scope="case:read mail:send")
    child = await parties.asked(parties.child(started))
    await parties.asked(parties.renewal(started["task"], actor_token=used, scope="case:read"))
    task, below = str(started["task"]), str(child["task"])
    facts = office.state.task(below)
    assert facts is not None
    spent = permit("d_1", facts.version, task=below, at_ms=NOW_MS)
    await office.append(spent, memory(task=below))
    before = [office.state.task(one) for one in (task, below)]
    holders = [office.state.holder(one) for one in (task, below)]
    office.close()
    office.open()
    assert [office.state.task(one) for one in (task, below)] == before
    assert [office.state.holder(one) for one in (task, below)] == holders
    assert office.state.latest_ms() == NOW_MS
    again = Parties(tmp_path, parties.config, office)
    again.key = parties.key
    with pytest.raises(TokenRefused):
        await again.started(actor_token=used)
    narrowed = office.state.task(below)
    assert narrowed is not None
    assert narrowed.scopes == {"case:read"}
    assert narrowed.budgets == {"calls": 2}


async def test_a_start_with_a_clock_that_went_back_issues_and_accepts_nothing(
    tmp_path: Path, parties: Parties, office: Office
) -> None:
    started = await parties.started()
    office.close()
    office.open()
    again = Parties(tmp_path, parties.config, office, since_ms=NOW_MS - 3_600_000)
    again.proofs.not_before(office.state.latest_ms())
    again.key, again.now_ms = parties.key, NOW_MS - 3_600_000
    with pytest.raises(TokenRefused) as refused:
        await again.started()
    assert refused.value.status == 503
    with pytest.raises(Unauthenticated):
        again.tokens.verify(again.caller(started["access_token"]), again.now_ms)
    again.now_ms = NOW_MS
    bearer = again.tokens.verify(again.caller(started["access_token"]), again.now_ms)
    assert bearer.task == started["task"]
    assert await again.started()
