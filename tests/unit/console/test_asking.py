"""The inbox and the page of a question, over a real desk and a real log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.consoling import House, yes
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
