"""What holds of delegation, whatever is asked for, in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.model import TaskFacts
from safeconduct.identity.dpop import FUTURE_MS
from safeconduct.kit import jose
from safeconduct.ports import Bearer, TokenRefused, Unauthenticated
from safeconduct.tasks.plans import MAX_DEPTH
from safeconduct.tasks.state import TaskState
from tests.support.parties import (
    ISSUER,
    NOW_MS,
    NOW_S,
    OTHER,
    Parties,
    configuration,
    with_helper,
)
from tests.support.tasks import (
    Record,
    child,
    continued,
    deny,
    memory,
    permit,
    revoked,
    started,
)
from tests.support.worlds import AGENT, SCOPES, USER

FEWER = settings(max_examples=60, deadline=None)
HOUR_MS = 3_600_000

# --- a child is never wider than its parent -------------------------------------------------------

TASKS = ("t_1", "t_2", "t_3", "t_4")
NAMES = ("case:read", "deal:update", "mail:send")
BUDGETS = ("calls", "case:read")
PARENT = {"t_2": "t_1", "t_3": "t_2", "t_4": "t_1"}

tasks = st.sampled_from(TASKS)
scopes = st.lists(st.sampled_from(NAMES), unique=True, min_size=1)
budgets = st.dictionaries(st.sampled_from(BUDGETS), st.integers(0, 4))
labels = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    confidentiality=st.sampled_from(Confidentiality),
    categories=st.frozensets(st.sampled_from(("pii", "pricing"))),
)
limits: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "scopes": scopes,
        "budgets": budgets,
        "max_refusals": st.integers(1, 4),
        "expires_ms": st.integers(5_000, 9_000),
        "stateless": st.booleans(),
        "reattest_every": st.none() | st.integers(1, 3),
    }
)

Maker = Callable[[TaskState], Record]


def a_child(task: str, changed: dict[str, Any]) -> Maker:
    return lambda _: child(
        task, parent=PARENT[task], obtainable=list(NAMES), consumes=[], **changed
    )


def a_permit(task: str, number: int, spends: dict[str, int]) -> Maker:
    def made(state: TaskState) -> Record:
        known = state.task(task)
        version = 0 if known is None else known.version
        return permit(f"d_{number}", version, task=task, digest=f"x{number}", spends=spends)

    return made


def a_change(phase: str, task: str, kept: list[str]) -> Maker:
    def made(state: TaskState) -> Record:
        holder = state.holder(task)
        agent = AGENT if holder is None else holder.agent.id
        record = continued(phase, scopes=kept, obtainable=list(NAMES), purpose="More")
        return {**record, "task": task, "agent": {**record["agent"], "id": agent}}

    return made


spends = st.sampled_from(({"calls": 1}, {"calls": 1, "case:read": 1}))
makers: st.SearchStrategy[Maker] = st.one_of(
    st.builds(a_child, st.sampled_from(tuple(PARENT)), limits),
    st.builds(a_permit, tasks, st.integers(0, 40), spends),
    st.builds(a_change, st.sampled_from(("renewed", "amended")), tasks, scopes),
    st.builds(lambda task: lambda _: deny(task=task), tasks),
    st.builds(lambda label, task: lambda _: memory(label, task=task), labels, tasks),
    st.builds(lambda task: lambda _: revoked("task", task), tasks),
)


def apply(state: TaskState, record: Record) -> str | None:
    state.begin()
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def known(state: TaskState, task: str) -> TaskFacts | None:
    return state.task(task)


def assert_no_wider(below: TaskFacts, above: TaskFacts) -> None:
    assert below.scopes <= above.scopes
    assert below.expires_ms <= above.expires_ms
    assert below.tenant == above.tenant
    if above.state != "active":
        assert below.state != "active"
    assert above.labels <= below.labels
    for name, most in above.budgets.items():
        left = most - above.counts.get(name, 0)
        assert below.budgets[name] - below.counts.get(name, 0) <= left
    assert below.max_refusals - below.refusals <= above.max_refusals - above.refusals
    if above.reattest_every is not None:
        assert below.reattest_every is not None
        assert below.reattest_every <= above.reattest_every


@FEWER
@given(limits, st.lists(makers, min_size=6, max_size=30))
def test_a_child_is_never_wider_than_its_parent(
    first: dict[str, Any], history: list[Maker]
) -> None:
    state = TaskState(Path(":memory:"))
    try:
        apply(state, started("t_1", obtainable=list(NAMES), consumes=[], **first))
        for make in history:
            before = {task: known(state, task) for task in TASKS}
            record = make(state)
            taken = apply(state, record) is None
            for below, above in PARENT.items():
                narrow, wide = known(state, below), known(state, above)
                if narrow is not None:
                    assert wide is not None
                    assert_no_wider(narrow, wide)
            _reads_come_to_all_above(state, record, taken=taken)
            _nothing_widens_by_itself(before, state, record)
    finally:
        state.close()


def _reads_come_to_all_above(state: TaskState, record: Record, *, taken: bool) -> None:
    if not taken or record["kind"] != "memory":
        return
    task: str | None = record["task"]
    while task is not None:
        facts = known(state, task)
        assert facts is not None
        assert Integrity[record["labels"]["integrity"]] <= facts.labels.integrity
        assert frozenset(record["labels"]["categories"]) <= facts.labels.categories
        task = PARENT.get(task)


def _nothing_widens_by_itself(
    before: dict[str, TaskFacts | None], state: TaskState, record: Record
) -> None:
    """Only an amendment widens the scopes of a task, and those of its children at most back."""
    for task, then in before.items():
        now = known(state, task)
        if then is None or now is None or record.get("phase") == "amended":
            continue
        assert now.scopes <= then.scopes
        assert now.expires_ms <= then.expires_ms
        assert then.labels <= now.labels


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    directory = tmp_path_factory.mktemp("family")
    return Parties(directory, with_helper(configuration(directory)))


def wait(coroutine: Awaitable[Any]) -> Any:
    async def run() -> Any:
        return await coroutine

    return asyncio.run(run())


asked = st.none() | st.lists(st.sampled_from((*SCOPES, "wish:list")), min_size=1).map(" ".join)


@FEWER
@given(asked, asked, st.integers(0, 800))
def test_a_child_token_is_never_wider_than_its_parent_s(
    family: Parties, above: str | None, below: str | None, later_s: int
) -> None:
    granted = frozenset(SCOPES if above is None else above.split()) & frozenset(SCOPES)
    wanted = granted if below is None else granted & frozenset(below.split())
    if not wanted:
        return
    parent = wait(family.started(scope=above))
    family.now_ms += later_s * 1000
    child = wait(family.asked(family.child(parent, scope=below)))
    wide = family.tokens.read(str(parent["access_token"]), family.now_ms)
    narrow = family.tokens.read(str(child["access_token"]), family.now_ms)
    assert narrow.scopes <= wide.scopes
    assert narrow.expires_ms <= wide.expires_ms
    assert (narrow.user, narrow.tenant) == (wide.user, wide.tenant)


# --- an actor chain never decides -----------------------------------------------------------------


def bearer(family: Parties) -> Bearer:
    return Bearer(
        task="t_1",
        tenant="crm.example",
        agent=AGENT,
        user=USER,
        scopes=frozenset({"case:read"}),
        expires_ms=NOW_MS + 60_000,
        jti="j_1",
        key=family.key.public.thumbprint,
    )


@given(st.lists(st.text(max_size=20) | st.sampled_from((AGENT, OTHER)), max_size=MAX_DEPTH))
def test_an_actor_chain_never_decides(family: Parties, actors: list[str]) -> None:
    said = bearer(family)
    token = family.tokens.mint(said, "app", NOW_MS, actors=actors)
    assert family.tokens.read(token, NOW_MS) == said


# --- no accepted token names two audiences --------------------------------------------------------

AUDIENCES = (ISSUER, f"{ISSUER}/mcp", "copilot", "https://other.example", "")
audiences = st.sampled_from(AUDIENCES) | st.lists(st.sampled_from(AUDIENCES), max_size=3)


@given(audiences)
def test_no_accepted_token_names_two_audiences(family: Parties, aud: str | list[str]) -> None:
    common = {"aud": aud, "iat": NOW_S, "exp": NOW_S + 60, "jti": "j", "sub": USER}
    users = {**common, "iss": "http://127.0.0.1:8701"}
    evidence = family.evidence
    task = {
        **common,
        "iss": ISSUER,
        "client_id": AGENT,
        "act": {"sub": AGENT},
        "txn": "t_1",
        "tenant": "crm.example",
        "scope": "case:read",
        "purpose_source": "app",
    }
    shown: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        (ISSUER, lambda: evidence.workload(signed(family, "trust-crm.example", {
            **common, "sub": AGENT}), NOW_MS)),
        ("copilot", lambda: evidence.person(signed(family, "users-", users), NOW_MS)),
        (ISSUER, lambda: evidence.attestation(signed(
            family, "front-end-support-desk", {**common, "iss": "support-desk", "purpose": "x"},
            "safeconduct-purpose+jwt"), NOW_MS)),
        (ISSUER, lambda: read(family, signed_by_gateway(family, task))),
    ]  # fmt: skip
    for ours, verify in shown:
        try:
            wait(verify())
        except Unauthenticated:
            assert aud not in (ours, [ours])
        else:
            assert aud in (ours, [ours])


def signed(family: Parties, party: str, claims: dict[str, Any], typ: str = "JWT") -> str:
    return family.signed(party, typ, claims)


def signed_by_gateway(family: Parties, claims: dict[str, Any]) -> str:
    return jose.sign(claims, family.signing.current, "at+jwt")


async def read(family: Parties, token: str) -> object:
    return family.tokens.read(token, NOW_MS)


# --- clock steps refuse rather than extend --------------------------------------------------------

steps = st.sampled_from((-HOUR_MS, HOUR_MS))


@FEWER
@given(steps, st.integers(0, 899), st.integers(0, 3600))
def test_a_clock_step_of_an_hour_refuses_rather_than_extends(
    tmp_path_factory: pytest.TempPathFactory, step_ms: int, at_s: int, later_s: int
) -> None:
    """A token that was issued lives, on the clock that steps, no longer than it would have: from
    the step on it is refused until the clock is back where it was, and after its end for good.
    """
    directory = tmp_path_factory.mktemp("clock")
    parties = Parties(directory)
    begun = wait(parties.started())
    token = str(begun["access_token"])
    parties.now_ms = NOW_MS + at_s * 1000
    parties.tokens.verify(parties.caller(token), parties.now_ms)
    parties.now_ms += step_ms
    with pytest.raises(Unauthenticated):
        parties.tokens.verify(parties.caller(token), parties.now_ms)
    parties.now_ms = NOW_MS + at_s * 1000 + step_ms + later_s * 1000
    back = NOW_MS + at_s * 1000 - FUTURE_MS
    lives = step_ms < 0 and back <= parties.now_ms < NOW_MS + 900_000
    if not lives:
        with pytest.raises(Unauthenticated):
            parties.tokens.verify(parties.caller(token), parties.now_ms)


@FEWER
@given(steps, st.integers(0, 899))
def test_nothing_is_issued_on_a_clock_that_stepped_until_it_is_right(
    tmp_path_factory: pytest.TempPathFactory, step_ms: int, at_s: int
) -> None:
    parties = Parties(tmp_path_factory.mktemp("clock"))
    begun = wait(parties.started())
    svid, user = parties.svid(), parties.user_token()
    parties.now_ms = NOW_MS + at_s * 1000 + step_ms
    for form in (
        parties.form(actor_token=svid, subject_token=user),
        parties.renewal(begun["task"], actor_token=svid, subject_token=user),
    ):
        with pytest.raises(TokenRefused):
            wait(parties.asked(form))


@FEWER
@given(st.integers(1, 899))
def test_a_restart_with_a_clock_an_hour_back_accepts_nothing_of_before(
    tmp_path_factory: pytest.TempPathFactory, at_s: int
) -> None:
    directory = tmp_path_factory.mktemp("clock")
    before = Parties(directory)
    token = str(wait(before.started())["access_token"])
    latest_ms = NOW_MS + at_s * 1000
    after = Parties(directory, None, before.ledger, since_ms=latest_ms - HOUR_MS)
    after.key = before.key
    after.now_ms = latest_ms - HOUR_MS
    after.proofs.not_before(latest_ms)
    with pytest.raises(Unauthenticated):
        after.tokens.verify(after.caller(token), after.now_ms)
    with pytest.raises(TokenRefused):
        wait(after.started())
