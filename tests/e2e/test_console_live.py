"""A person in Chromium watches what an agent does, as it does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from examples.stage.chromium import Chromium, chromium

from bench.console.corpus import HOSTILE
from safeconduct.console.live import OVER
from tests.e2e.desk import ask, enrolment, equip, opened, register
from tests.support.installation import USER, Agent, Gateway, change, eventually, opened_office

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

_STATE = "document.querySelector('[data-state]').textContent"
_FIRST = "document.querySelector('[data-rows] tbody tr')"


class Desk:
    """An agent behind a gateway, and an analyst who watches."""

    def __init__(self, place: Path, driver: Path, stack: ExitStack) -> None:
        office = stack.enter_context(opened_office())
        self.directory = place / "gateway"
        self.url = equip(self.directory, office, {"unsafe_enrolment": True})
        root = json.loads((self.directory / "safeconduct.yaml").read_text())
        root["console"]["roles"] = {"analyst": {"users": [USER]}}
        change(self.directory / "safeconduct.yaml", root)
        self.gateway: Gateway = stack.enter_context(opened(self.directory))
        self.agent: Agent = self.gateway.task("Refund order O-1.")
        self.window: Chromium = stack.enter_context(chromium(driver, place / "driver.log"))
        self.window.authenticator()
        register(self.window, enrolment(self.directory, USER))

    def watch(self, query: str = "") -> None:
        """Opens the page, and waits until it is told what happens."""
        self.window.open(f"{self.url}/live{query}")
        self.state("Live.")

    def state(self, words: str) -> str:
        """Waits until the page says this of its stream; all that it says."""
        return str(
            self.window.until_run(f"return {_STATE}.startsWith({json.dumps(words)}) && {_STATE}")
        )


@pytest.fixture
def desk(tmp_path: Path, require_program: Callable[[str], Path]) -> Generator[Desk]:
    require_program("chromium")
    with ExitStack() as stack:
        yield Desk(tmp_path, require_program("chromedriver"), stack)


def test_an_analyst_sees_a_call_when_it_is_decided_and_what_passed_while_not_looking(
    desk: Desk,
) -> None:
    window = desk.window
    desk.watch()
    ask(desk.agent)
    decision = window.until_run(
        f"const link = {_FIRST} && {_FIRST}.querySelector('a');"
        "return link && link.getAttribute('href').replace('/calls/', '')"
    )
    (made,) = desk.gateway.records("decision")
    assert decision == made["decision"]
    row = str(window.run(f"return {_FIRST}.innerText"))
    assert [word for word in row.split("\t") if word][1:3] == ["elevate", "office.refund"]
    window.click("[data-group]")
    assert not window.has("[data-groups][hidden]")
    assert str(window.run("return document.querySelector('[data-groups] tbody').innerText")).split(
        "\t"
    ) == ["elevate", "office.refund", "", "1", "1"]
    window.click("[data-group]")
    window.click("[data-pause]")
    desk.state("Paused.")
    eventually(lambda: _ended(desk.gateway) == 1, desk.gateway)
    for amount in (1, 2):
        ask(desk.agent, {"to": HOSTILE["script"], "amount_minor": amount})
    window.click("[data-pause]")
    assert desk.state("Live. ") == "Live. 2 before it began: 2 elevate."
    window.click("[data-state] a")
    window.until(f"{desk.url}/search?")
    assert "2 found" in window.text()
    assert [one for one in window.complaints() if "Security Policy" in one] == []


def test_what_is_looked_for_is_in_the_address_and_a_revoked_person_sees_no_more(
    desk: Desk,
) -> None:
    desk.watch("?tool=crm.nothing&span=7d")
    ask(desk.agent)
    command = [sys.executable, "-m", "safeconduct", "revoke", "user", USER]
    subprocess.run([*command, "--config", str(desk.directory)], check=True, capture_output=True)
    desk.state(OVER)
    assert "No decision like this is on record." in desk.window.text()
    assert _ended(desk.gateway) == 1
    desk.window.open(f"{desk.url}/live")
    desk.window.until(f"{desk.url}/sign-in?to=/live")


def _ended(gateway: Gateway) -> int:
    """How many streams came to their end."""
    return sum("ended" in one["asked"] for one in gateway.records("audit.read"))
