"""How somebody might get a yes that nobody gave."""

import subprocess
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from examples.refund_desk.desk import JSON, YES, Desk, Person
from examples.stage.company import Tally, Task

EVIL = "https://evil.example"


class Attacks:
    """Against one question: whether Kim lets the agent refund an order."""

    def __init__(self, desk: Desk, tally: Tally, kim: Person) -> None:
        self._desk, self._tally, self._kim = desk, tally, kim
        self._task = desk.begin("Refund 130.00 of order O-6.")
        self.approval: str = desk.refund(self._task, "O-6", 130.0)["approval"]
        self._page = f"/approvals/{self.approval}"

    # --- before anybody has said yes --------------------------------------------------------------

    def without_a_yes(self) -> None:
        self._holds("the agent sends it again without a yes")

    def by_nobody(self) -> None:
        self._posts("somebody who is not signed in says yes", _YES)

    def by_others(self, *people: Person) -> None:
        """Of those who are not asked, those for whom it is done may look at it."""
        for who in people:
            seen = who.looks(self.approval)
            form = {**_YES, "csrf": who.csrf()}
            self._posts(f"{who.called}, who is not asked, says yes", form, **self._browser(who))
            if who.called == "Mallory":
                self._holds("Mallory reads the question of others", stolen="130" in seen)

    def without_her_passkey(self) -> None:
        self._kim.looks(self.approval)
        form = {**_YES, "csrf": self._kim.csrf()}
        self._posts("Kim's session says yes without her passkey", form, **self._browser(self._kim))

    def from_another_page(self) -> None:
        """Request forgery, frames, and ways out."""
        no, browser = {"choice": "denied"}, self._browser(self._kim)
        self._posts(
            "another page posts Kim's answer without the word of her session", no, **browser
        )
        form = {**no, "csrf": self._kim.csrf()}
        self._posts("another page posts Kim's answer", form, **{**browser, "origin": EVIL})
        policy = self._kim.window.run(
            "const request = new XMLHttpRequest(); request.open('GET', location.href, false);"
            " request.send(); return request.getResponseHeader('content-security-policy')"
        )
        framed = "frame-ancestors 'none'" not in str(policy)
        self._holds("another page shows it in a frame", stolen=framed)
        for to in (EVIL, "//evil.example", "/\\evil.example"):
            query = urlencode({"to": to})
            where = send(self._desk.url, f"/sign-in?{query}", None, **browser)[1]
            self._holds(f"signing in leads to {to}", stolen="evil" in where)

    def by_a_link(self) -> None:
        """Kim follows a link that the agent made."""
        self._kim.window.open(f"{self._desk.url}{self._page}?choice=granted&means=passkey#yes")
        self._holds("a link that the agent made answers by being opened")

    def by_somebody_at_her_computer(self) -> None:
        """The passkey is there, and whoever uses it cannot show to be Kim."""
        window = self._kim.window
        window.verified(self._kim.authenticator, verified=False)
        self._kim.looks(self.approval)
        window.click(YES)
        window.until_run("return !document.querySelector('.said').hidden")
        self._holds("Kim's passkey signs without knowing that it is Kim")
        window.verified(self._kim.authenticator, verified=True)

    def replayed(self) -> None:
        """What Kim signed for one question is sent as the answer to another, and once more."""
        desk, kim = self._desk, self._kim
        tasks = {
            order: desk.begin(f"Refund 110.00 of order {order}.") for order in ("O-10", "O-11")
        }
        asked = [desk.refund(task, order, 110.0)["approval"] for order, task in tasks.items()]
        kim.looks(asked[0])
        kim.window.run(
            "HTMLFormElement.prototype.submit = function () {"
            " window.caught = new URLSearchParams(new FormData(this)).toString() }"
        )
        kim.window.click(YES)
        caught = str(kim.window.until_run("return window.caught || ''"))
        browser = self._browser(kim)
        for what, approval in (("another question", asked[1]), ("its own, once more", asked[0])):
            if approval == asked[0]:
                send(desk.url, f"/approvals/{approval}", caught, **browser)
            status, _ = send(desk.url, f"/approvals/{approval}", caught, **browser)
            self._holds(f"a signature is sent as the answer to {what}", stolen=status < _REFUSED)

    # --- once Kim has said yes --------------------------------------------------------------------

    def drifted(self) -> None:
        self._kim.approves(self.approval)
        for what, changed in (
            ("another amount", {"amount": 131.0}),
            ("another order", {"order": "O-7"}),
            ("other words", {"reason": "and more"}),
        ):
            self._tries(f"the agent sends {what} than was approved", self._task, **changed)

    def elsewhere(self) -> None:
        other = self._desk.begin("Refund 130.00 of order O-6.")
        self._tries("another task uses the yes", other)

    def revoked(self) -> None:
        self._desk.gateway.operate("revoke", "task", self._task.id)
        self._tries("the yes is used after the task was revoked", self._task)

    def with_files(self) -> None:
        """Whoever has the gateway's files is nobody's approver."""
        task = self._desk.begin("Refund 140.00 of order O-8.")
        approval: str = self._desk.refund(task, "O-8", 140.0)["approval"]
        try:
            said = self._desk.gateway.operate("approvals", "approve", approval, "--yes")
        except subprocess.CalledProcessError:
            said = "refused"
        self._tally.holds("the gateway's files say yes", stolen=said != "refused")

    # --- what came of it --------------------------------------------------------------------------

    def _posts(self, what: str, form: dict[str, str], **fields: str) -> None:
        status, _ = send(self._desk.url, self._page, urlencode(form), **fields)
        self._holds(what, stolen=status < _REFUSED)

    def _holds(self, what: str, *, stolen: bool = False) -> None:
        """An attack also succeeds if the agent gets through afterwards."""
        self._call(self._task)
        self._tally.holds(what, stolen=stolen or bool(self._desk.refunds("O-6")))

    def _tries(self, what: str, task: Task, **changed: object) -> None:
        self._tally.attack(what, self._call(task, **changed))

    def _call(self, task: Task, **changed: object) -> tuple[int, JSON]:
        sent = {"order": "O-6", "amount": 130.0, "reason": "broken", **changed}
        return self._desk.gateway.call(task, "shop__refund", **sent)

    def _browser(self, who: Person) -> dict[str, str]:
        return {"cookie": who.cookie(), "origin": self._desk.url}


_YES = {"choice": "granted", "means": "passkey", "response": "{}"}
_REFUSED = 400
"""From which status on a request was refused."""


def attacks(desk: Desk, tally: Tally, kim: Person, *others: Person) -> None:
    """All of them."""
    one = Attacks(desk, tally, kim)
    print("\nAttacks:")
    one.without_a_yes()
    one.by_nobody()
    one.by_others(*others)
    one.without_her_passkey()
    one.from_another_page()
    one.by_a_link()
    one.by_somebody_at_her_computer()
    one.replayed()
    one.drifted()
    one.elsewhere()
    one.revoked()
    one.with_files()


def send(url: str, path: str, body: str | None, **fields: str) -> tuple[int, str]:
    """One request to the console without a browser: its status, and where it leads."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        kind = {} if body is None else {"content-type": "application/x-www-form-urlencoded"}
        connection.request("GET" if body is None else "POST", path, body, {**kind, **fields})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("location", "")
    finally:
        connection.close()
