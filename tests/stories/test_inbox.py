"""The example that the guide to simulations names."""

import asyncio
import re
import runpy

import pytest


def test_the_assistant_does_its_task_and_nothing_of_the_mails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = runpy.run_module("examples.inbox")["main"]
    asyncio.run(main())
    intro, steps, last = capsys.readouterr().out.split("\n\n")
    assert intro.startswith("The user asks: Answer the newest mail")
    lines = steps.splitlines()
    assert [line.split()[0] for line in lines] == ["user", "mail", "mail", "user", "user"]
    assert lines[1].endswith(" refused destination-not-allowed -> narrow-arguments")
    assert lines[2].endswith(" refused control-argument-unvouched -> ask-user")
    assert all(lines[place].endswith(" done") for place in (0, 3, 4))
    assert re.fullmatch(
        r"audit verified: \d+ records, (.+, )?\d+ payloads, root [0-9a-f]{64}\n",
        last,
    )
