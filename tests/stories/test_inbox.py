"""The example that the guide to simulations names."""

import asyncio
import runpy

import pytest


def test_the_assistant_does_its_task_and_nothing_of_the_mails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = runpy.run_module("examples.inbox")["main"]
    asyncio.run(main())
    verdicts = [" ".join(line.split()[-3:]) for line in capsys.readouterr().out.splitlines()]
    assert verdicts[1] == "destination-not-allowed -> narrow-arguments"
    assert verdicts[2] == "control-argument-unvouched -> ask-user"
    assert [verdict.split()[-1] for verdict in verdicts] == [
        "done", "narrow-arguments", "ask-user", "done", "done",
    ]  # fmt: skip
