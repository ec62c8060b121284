"""A refund desk: `make story STORY=refund_desk`. It needs Debian's chromium and chromium-driver.

Jane's assistant refunds customers. Small amounts it refunds by itself; more needs the passkey of
somebody at the desk, who sees the exact bytes in a browser, and much more needs two of them. Then
everybody tries to get a yes that nobody gave.
"""

import json
import shutil
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from examples.refund_desk.attacks import attacks
from examples.refund_desk.desk import JANE, JSON, KIM, LEE, MALLORY, Desk, Person
from examples.refund_desk.shop import Shop
from examples.stage.chromium import Chromium, chromium
from examples.stage.company import Tally, outcome, premises

from safeconduct.demo.serving import HOST, free_port

HERE = Path(__file__).parent
DRIVER = shutil.which("chromedriver")
RETRIES = 64
"""How often an approved call is sent at once."""


def ordinary(desk: Desk, kim: Person, lee: Person) -> JSON:
    """What the desk is for; how often it was approved and executed."""
    task = desk.begin("Refund 20.00 of order O-1.")
    desk.refund(task, "O-1", 20.0)

    task = desk.begin("Refund 120.00 of order O-2.")
    asked = desk.refund(task, "O-2", 120.0)
    shown = kim.looks(asked["approval"])
    for line in shown.splitlines()[:14]:
        print(f"    | {line}")
    kim.approves(asked["approval"])
    same = {"order": "O-2", "amount": 120.0, "reason": "broken"}
    with ThreadPoolExecutor(RETRIES) as retrying:
        sent = [
            retrying.submit(desk.gateway.call, task, "shop__refund", **same) for _ in range(RETRIES)
        ]
        came = [outcome(one.result()) for one in sent]
    print(f"  sent again {RETRIES} times at once: done {came.count(None)} time")
    approved = [one for one in desk.records("approval") if one["phase"] == "granted"]

    task = desk.begin("Refund 300.00 of order O-3.")
    asked = desk.refund(task, "O-3", 300.0)
    kim.approves_less(asked["approval"], "200")
    less = desk.refund(task, "O-3", 300.0)
    print(f"  the agent is told: {json.dumps(less['arguments'])}")
    desk.refund(task, "O-3", less["arguments"]["amount"])

    task = desk.begin("Refund 800.00 of order O-4.")
    asked = desk.refund(task, "O-4", 800.0)
    kim.approves(asked["approval"])
    desk.refund(task, "O-4", 800.0)
    lee.approves(asked["approval"])
    desk.refund(task, "O-4", 800.0)

    task = desk.begin("Refund 150.00 of order O-5.")
    asked = desk.refund(task, "O-5", 150.0)
    kim.denies(asked["approval"], "It was sent back to us undamaged.")
    told = desk.refund(task, "O-5", 150.0)
    print(f"  the agent is told: {told['said']}")
    return {"approved_once": len(approved), "executed_once": len(desk.refunds("O-2"))}


def elevated(desk: Desk, jane: Person) -> None:
    """A yes to more than one call, from the user herself."""
    task = desk.begin("Write what happened to order O-7 into notes on O-7.")
    for number in range(3):
        desk.note(task, f"Step {number}")
    asked = desk.note(task, "Step 3")
    jane.allows_more(asked["approval"])
    for number in range(3, 6):
        desk.note(task, f"Step {number}")


@contextmanager
def opened() -> Generator[Desk]:
    """The shop, and the gateway before it; both end with the context."""
    port = free_port()
    fixed = {"127.0.0.1:8790": f"{HOST}:{port}", "localhost:8790": f"localhost:{port}"}
    with premises(HERE, "shop", fixed) as (gateway, shop):
        yield Desk(gateway, Shop(shop))


def main() -> int:
    if DRIVER is None:
        print("chromedriver is not here: apt-get install chromium chromium-driver", file=sys.stderr)
        return 2
    tally = Tally()
    with opened() as desk, desk.gateway.running():
        people: dict[str, Person] = {}
        names = (JANE, KIM, LEE, MALLORY)
        with browsers(desk, names) as windows:
            for name, window in zip(names, windows, strict=True):
                people[name] = Person(name, desk, window)
                people[name].register()
            print("Each of them has registered a passkey.")
            told = ordinary(desk, people[KIM], people[LEE])
            elevated(desk, people[JANE])
            attacks(desk, tally, people[KIM], people[MALLORY], people[JANE])
        print(desk.gateway.verified())
    told |= {"attacks_tried": tally.tried, "attacks_succeeded": tally.succeeded}
    print(json.dumps(told, separators=(",", ":")))
    return int(tally.succeeded > 0 or told["executed_once"] != 1 or told["approved_once"] != 1)


@contextmanager
def browsers(desk: Desk, names: tuple[str, ...]) -> Generator[list[Chromium]]:
    """One browser for each, with a profile of its own."""
    if not names:
        yield []
        return
    log = desk.gateway.directory / f"{names[0]}.log"
    with chromium(Path(DRIVER or ""), log) as window, browsers(desk, names[1:]) as others:
        yield [window, *others]


if __name__ == "__main__":
    sys.exit(main())
