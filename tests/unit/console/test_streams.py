"""What is appended, for those who watch: bounded, whoever is slow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.log import Log
from safeconduct.console import streams
from safeconduct.console.streams import Streams, Wanted
from tests.support.logs import opened

TENANT = "crm.example"
EVERYTHING = Wanted(tenant=TENANT)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = opened(tmp_path)
    yield log
    log.close()


def decision(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "decision",
        "decision": f"d_{number}",
        "tenant": TENANT,
        "tool": "crm.get_case",
        "verdict": "permit",
        **more,
    }


async def test_nobody_hears_of_what_nobody_watches(log: Log) -> None:
    watched = Streams(log)
    await log.append(decision(1))
    watcher = watched.open("ann", EVERYTHING)
    await log.append(decision(2), {"kind": "outcome", "status": "ok"})
    watched.look()
    news = watcher.take()
    assert news is not None
    assert [one.said.decision for one in news.rows] == ["d_2"]
    assert (news.matched, news.missed) == (1, 0)
    assert watcher.take() is None
    await watched.close(watcher)
    await log.append(decision(3))
    again = watched.open("ann", EVERYTHING)
    watched.look()
    assert again.take() is None
    await watched.close(again)


async def test_what_is_too_much_to_look_at_is_counted(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_WAITING", 3)
    watched = Streams(log)
    watcher = watched.open("ann", EVERYTHING)
    await log.append(*[decision(number) for number in range(10)])
    watched.look()
    news = watcher.take()
    assert news is not None
    assert (news.matched, news.missed) == (3, 7)
    assert [one.said.decision for one in news.rows] == ["d_7", "d_8", "d_9"]
    await watched.close(watcher)


async def test_who_takes_nothing_holds_a_bounded_amount(log: Log) -> None:
    watched = Streams(log)
    watcher = watched.open("ann", EVERYTHING)
    for second in range(3):
        await log.append(*[decision(n, tool=f"t{second}.{n}") for n in range(100)])
        watched.look()
    news = watcher.take()
    assert news is not None
    assert news.matched == 300
    assert [one.said.tool for one in news.rows] == [
        f"t2.{n}" for n in range(100 - streams.MAX_ROWS, 100)
    ]
    groups = dict(news.groups)
    assert len(groups) == streams.MAX_GROUPS + 1
    assert groups["", "permit", ""] == 300 - streams.MAX_GROUPS
    await watched.close(watcher)


async def test_only_decisions_of_the_tenant_that_fit_are_shown(log: Log) -> None:
    watched = Streams(log)
    asked = [
        {"agent": "a"},
        {"user": "u_1"},
        {"tool": "mail.send"},
        {"verdict": "deny"},
        {"reason": "budget-exhausted"},
    ]
    watchers = [watched.open(str(n), Wanted(tenant=TENANT, **one)) for n, one in enumerate(asked)]
    whole = watched.open("all", EVERYTHING)
    for number, one in enumerate(asked):
        await log.append(decision(number, **one))
    # It only quotes a decision; and this one is another tenant's.
    await log.append({"kind": "outcome", "said": {"kind": "decision"}})
    await log.append(decision(9, tenant="other.example"))
    watched.look()
    for number, watcher in enumerate(watchers):
        news = watcher.take()
        assert news is not None
        assert [one.said.decision for one in news.rows] == [f"d_{number}"]
        await watched.close(watcher)
    news = whole.take()
    assert news is not None
    assert news.matched == len(asked)
    await watched.close(whole)
