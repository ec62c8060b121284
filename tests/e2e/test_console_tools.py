"""A server changes a definition over night, and an operator accepts it in Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from examples.stage.chromium import chromium

from tests.e2e.desk import REFUND, ask, enrolment, equip, opened, register
from tests.support.installation import USER, change, opened_office, refusal

pytestmark = [pytest.mark.debian, pytest.mark.timeout(180)]


def test_an_operator_accepts_what_changed_and_it_outlasts_a_restart(
    tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    require_program("chromium")
    driver = require_program("chromedriver")
    directory = tmp_path / "gateway"
    with ExitStack() as stack:
        office = stack.enter_context(opened_office())
        url = equip(directory, office, {"unsafe_enrolment": True})
        root = json.loads((directory / "safeconduct.yaml").read_text())
        root["console"]["roles"] = {"operator": {"users": [USER]}}
        change(directory / "safeconduct.yaml", root)
        with opened(directory) as gateway:
            ask(gateway.task("Refund order O-1."))
        text = "Pays money back, within a day."
        office.definitions["refund"] = {**office.definitions["refund"], "description": text}
        window = stack.enter_context(chromium(driver, tmp_path / "driver.log"))
        window.authenticator()
        with opened(directory) as gateway:
            agent = gateway.task("Refund order O-1.")
            assert refusal(agent.call("office__refund", dict(REFUND))) == "definition-changed"
            register(window, enrolment(directory, USER))
            window.open(f"{url}/tools")
            window.click("tbody a")
            assert f'+ "description": "{text}"' in window.text(".diff")
            window.fill("#why", "its vendor announced it")
            window.click(".answer button")
            window.until_run("return document.querySelector('p[role=status]') !== null")
            assert "counts as reviewed from now on" in window.text("p[role=status]")
            ask(agent)
            assert window.complaints() == []
        with opened(directory) as gateway:
            ask(gateway.task("Refund order O-1."))
            reviewed = subprocess.run(
                [
                    *(sys.executable, "-m", "safeconduct", "tools", "review"),
                    *("--tool", "refund", "--config", str(directory), "--format", "json"),
                ],
                capture_output=True,
                check=True,
                timeout=60,
            )
            (tool,) = json.loads(reviewed.stdout)["tools"]
            assert (tool["state"], tool["accepted"]["by"]) == ("accepted", USER)
            assert tool["accepted"]["why"] == "its vendor announced it"
