"""The desk: the gateway, what the assistant does there, and people with browsers."""

import json
from typing import Any

from examples.refund_desk.shop import Shop
from examples.stage.chromium import Chromium
from examples.stage.company import Gateway, Task, outcome

from safeconduct.audit.reading import read

JSON = dict[str, Any]
AGENT = "spiffe://shop.example/agents/refunds"
JANE, KIM, LEE, MALLORY = (f"{name}@shop.example" for name in ("jane", "kim", "lee", "mallory"))
YES = "form[data-ceremony] button[value=passkey]"
"""What is pressed on the page of a question."""


class Desk:
    """The gateway, the shop behind it, and what the assistant does there."""

    def __init__(self, gateway: Gateway, shop: Shop) -> None:
        self.gateway, self._shop = gateway, shop
        console = gateway.config.root.console
        self.url = "" if console is None else console.url

    def begin(self, request: str, user: str = JANE) -> Task:
        """What a user asks for becomes a task."""
        print(f"\n{user.partition('@')[0].capitalize()}: {request}")
        said = self.gateway.said(user, agent=AGENT, text=request)
        form = {"task_profile": "refund", "purpose_attestation": said}
        return self.gateway.begin(self.gateway.start(user, AGENT, **form))

    def refund(self, task: Task, order: str, amount: float, reason: str = "broken") -> JSON:
        """The assistant's call; what the refusal says, empty if it was done."""
        answer = self.gateway.call(task, "shop__refund", order=order, amount=amount, reason=reason)
        return self._told(answer, f"refunds {amount:.2f} of {order}")

    def note(self, task: Task, text: str) -> JSON:
        answer = self.gateway.call(task, "shop__write_note", order="O-7", text=text)
        return self._told(answer, f"notes: {text}")

    def _told(self, answer: tuple[int, JSON], what: str) -> JSON:
        reason = outcome(answer)
        said = f"{'done':9}{what}" if reason is None else f"{'stopped':9}{what}: {reason}"
        print(f"  {said}")
        result: JSON = answer[1].get("result", {})
        told: JSON = result.get("_meta", {}).get("dev.safeconduct/refusal", {})
        return told

    def refunds(self, order: str) -> list[float]:
        """What the shop paid back."""
        done = [one for one in self._shop.done() if one["tool"] == "refund"]
        return [one["amount"] for one in done if one["order"] == order]

    def records(self, kind: str) -> list[JSON]:
        """What is on record."""
        log = self.gateway.directory / self.gateway.config.root.audit.directory
        return [one for one in read(log) if one["kind"] == kind]


class Person:
    """Somebody with a browser and a passkey in it."""

    def __init__(self, name: str, desk: Desk, window: Chromium) -> None:
        self.name, self._desk, self.window = name, desk, window
        self.called = name.partition("@")[0].capitalize()
        self.authenticator = window.authenticator()

    def register(self) -> None:
        """Opens a one-time link from the operator, registers a passkey, and signs in with it."""
        words = ("approvals", "enrol", self.name, "--format", "json")
        link: str = json.loads(self._desk.gateway.operate(*words))["url"]
        self.window.open(link)
        self.window.click("main button")
        self.window.until(f"{self._desk.url}/keys")
        self.window.fill("#label", "Laptop")
        self.window.click("form[data-ceremony] button")
        self.window.until(f"{self._desk.url}/sign-in")
        self.window.click("form[data-ceremony] button")
        self.window.until(f"{self._desk.url}/")

    def looks(self, approval: str) -> str:
        """Opens the page of a question, and reads it."""
        self.window.open(f"{self._desk.url}/approvals/{approval}")
        return self.window.text("main")

    def approves(self, approval: str) -> None:
        self.looks(approval)
        self.window.click(YES)
        self._said()

    def approves_less(self, approval: str, amount: str) -> None:
        self.looks(approval)
        self.window.click("details summary")
        self.window.fill("details input[inputmode=decimal]", amount)
        self.window.click(f"details {YES}")
        self._said()

    def allows_more(self, approval: str) -> None:
        self.looks(approval)
        self.window.run("for (const one of document.querySelectorAll('details')) one.open = true")
        self.window.click("details:last-of-type form[data-ceremony] button[value=passkey]")
        self._said()

    def denies(self, approval: str, said: str) -> None:
        self.looks(approval)
        self.window.fill("#said", said)
        self.window.click("button.no")
        self._said()

    def _said(self) -> None:
        self.window.until(f"{self._desk.url}/")
        print(f"  {self.called}: {self.window.text('[role=status]')}")

    def cookie(self) -> str:
        """The cookie of the session."""
        return "; ".join(f"{one['name']}={one['value']}" for one in self.window.cookies())

    def csrf(self) -> str:
        """What a form of this session has to say."""
        return str(self.window.run("return document.querySelector('[name=csrf]').value"))
