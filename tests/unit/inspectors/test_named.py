"""Who did not answer, and why, stands in the gateway's own log."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.config.inspectors import ReviewerBlock
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors.named import Named
from safeconduct.kit.http1.asking import Unanswered
from safeconduct.ports import Matter
from tests.support.inspecting import DANA, Finds, Says, inspected

MATTER = Matter(
    direction="argument",
    target="a.b",
    effect=Effect.send,
    tenant="t",
    user="u",
    agent="a",
    task="t",
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unanswered("HTTP 500"), "HTTP 500"),
        (TimeoutError(), "no answer in time"),
        (OSError("what they said"), "OSError"),
    ],
)
async def test_who_did_not_answer_is_named(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    named = Named("house", Finds(error=error))
    with pytest.raises(type(error)):
        await named.examine("x", MATTER)
    assert caplog.messages == [f"the external inspection house gave no answer: {said}"]
    await named.close()


async def test_an_answer_is_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    found = Finding("external.fruit", (), 0, 1)
    assert await Named("house", Finds(found)).examine("x", MATTER) == (found,)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("error", "said"), [(Unanswered("HTTP 500"), "HTTP 500"), (OSError("what they"), "OSError")]
)
async def test_a_second_model_that_does_not_answer_is_told(
    tmp_path: Path, error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    second = ReviewerBlock(wire="openai", url="https://m.example/v1", model="m", effects=("send",))
    async with inspected(tmp_path, second=second, reviewer=Says(error=error)) as task:
        step = await task.call("mail.send", {"to": DANA, "body": "hello"}, lambda **_: {})
    assert step.reason == "review-unavailable"
    assert f"the reviewer gave no answer: {said}" in caplog.messages
