"""Facts from the system of record are fetched within one bound of time for all of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from safeconduct.resolvers import RESOLVE_S
from safeconduct.simulation import SimulatedTask
from safeconduct.upstreams.callables import CallableUpstream
from tests.support.worlds import Rules, config

DANA = "dana@customer.example"


def sent(**_: object) -> str:
    return "sent"


@pytest.mark.parametrize(
    ("took_s", "left_s", "reason"),
    [
        (0.0, [RESOLVE_S], None),
        (RESOLVE_S - 1, [1.0], None),
        (RESOLVE_S, [], "facts-unavailable"),
        (RESOLVE_S + 1, [], "facts-unavailable"),
    ],
)
async def test_a_resolver_has_what_is_left_of_the_time_and_is_not_asked_without_any(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    took_s: float,
    left_s: list[float],
    reason: str | None,
) -> None:
    given_s: list[float] = []
    request = CallableUpstream.request

    async def noted(self: CallableUpstream, *arguments: Any, **options: Any) -> Any:
        if self.id == "crm":
            given_s.append(options["timeout_s"])
        return await request(self, *arguments, **options)

    task = SimulatedTask(
        config(tmp_path),
        "Answer case C-1.",
        directory=tmp_path,
        resolvers={"crm.on_file": lambda: {"emails": [DANA]}},
        policy=Rules(),
    )
    async with task:
        looks_s = itertools.count(step=took_s)
        monkeypatch.setattr("safeconduct.resolvers.monotonic", lambda: next(looks_s))
        monkeypatch.setattr(CallableUpstream, "request", noted)
        step = await task.call("mail.send", {"to": DANA, "body": "hello"}, sent)
    assert given_s == left_s
    assert step.reason == reason
