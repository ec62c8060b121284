"""What looks, or judges, dies or never ends: the call is refused, or the result withheld."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safeconduct import inspecting, reviewing
from safeconduct.config.inspectors import ReviewerBlock
from safeconduct.core.findings import UNREAD
from safeconduct.core.model import Finding
from safeconduct.core.review import Review
from safeconduct.inspectors.documents.limits import Unread
from safeconduct.ports import Asked, Matter
from safeconduct.simulation import SimulatedTask
from tests.support.inspecting import DANA, Finds, Says, inspected
from tests.support.recorded import recorded

CASE = {"id": "C-1", "customer_email": DANA}
MAIL = {"to": DANA, "body": "Hello"}


class Dead:
    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        raise MemoryError(value, data)


class Endless:
    """Never answers; `ended` says that it was told to stop."""

    def __init__(self) -> None:
        self.ended = 0

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        del value, matter
        await self._wait()
        return ()

    async def review(self, asked: Asked) -> Review:
        del asked
        await self._wait()
        return Review("consistent", "late")

    async def _wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


def outcomes(made: SimulatedTask, kind: str = "outcome") -> list[dict[str, Any]]:
    directory = Path(made.config.directory) / made.config.root.audit.directory
    return recorded(directory, kind)


async def read(made: SimulatedTask) -> str | None:
    return (await made.call("crm.get_case", {"case_id": "C-1"}, lambda **_: CASE)).reason


async def send(made: SimulatedTask) -> str | None:
    return (await made.call("mail.send", MAIL, lambda **_: {})).reason


async def test_an_inspector_that_dies_refuses_the_call(tmp_path: Path) -> None:
    async with inspected(tmp_path) as made:
        made.rooms.facts.inspecting.inspectors = (Dead(),)
        assert await send(made) == "inspector-failed"
        (decision,) = outcomes(made, "decision")
        assert decision["failures"] == ["inspector", "resolver"]


async def test_an_inspector_that_dies_withholds_the_result(tmp_path: Path) -> None:
    async with inspected(tmp_path) as made:
        dying = Dead()

        def dies(**_: object) -> dict[str, Any]:
            made.rooms.facts.inspecting.inspectors = (dying,)
            return CASE

        step = await made.call("crm.get_case", {"case_id": "C-1"}, dies)
        assert step.reason == "result-withheld"
        (outcome,) = outcomes(made)
        assert (outcome["status"], outcome["may_have_happened"]) == ("withheld", True)


class OnlyResults(Finds):
    """Looks at results alone."""

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        return () if matter.direction == "argument" else await super().examine(value, matter)


@pytest.mark.parametrize("error", [OSError("dead"), ValueError("nonsense"), TimeoutError()])
async def test_an_examiner_that_fails_refuses_and_withholds(
    tmp_path: Path, error: Exception
) -> None:
    async with inspected(tmp_path, Finds(error=error)) as made:
        assert await send(made) == "inspector-failed"
    async with inspected(tmp_path / "results", OnlyResults(error=error)) as made:
        assert await read(made) == "result-withheld"
        assert [one["status"] for one in outcomes(made)] == ["withheld"]


@pytest.mark.parametrize("kind", sorted(UNREAD))
async def test_a_document_that_is_not_read_is_told_from_an_inspector_that_fails(
    tmp_path: Path, kind: str
) -> None:
    why = "more than 64 documents in one value"
    async with inspected(tmp_path, Finds(error=Unread(kind, why))) as made:
        assert await send(made) == "document-unread"
        (decision,) = outcomes(made, "decision")
        assert (decision["findings"], decision["failures"]) == ([kind], ["inspector", "resolver"])
    async with inspected(tmp_path / "results", OnlyResults(error=Unread(kind, why))) as made:
        assert await read(made) == "result-unread"
        (outcome,) = outcomes(made)
        assert (outcome["status"], outcome["may_have_happened"]) == ("withheld", True)
        assert (outcome["findings"], outcome["unread"]) == ([kind], why)


async def test_an_examiner_that_never_ends_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspecting, "PATIENCE_S", 0.01)
    endless = Endless()
    async with inspected(tmp_path, endless) as made:
        assert await read(made) == "inspector-failed"
        assert endless.ended == 1


async def test_a_reviewer_that_never_answers_is_no_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "PATIENCE_S", 0.01)
    endless = Endless()
    block = ReviewerBlock(wire="anthropic", url="https://models.example", model="m")
    async with inspected(tmp_path, reviewer=endless, second=block) as made:
        assert await send(made) == "review-unavailable"
        assert endless.ended == 1
        made.rooms.facts.reviewing.reviewer = Says()
        assert await send(made) is None
