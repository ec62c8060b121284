"""No customer PII without a case: `make story STORY=support_case_pii`.

The copilot may read customers, and reads whoever it is asked for. A rule of the policy library ties
that to an active support case and the analyst whom it names. What the rule would have done is seen
in the log before it is live; then the gateway takes it while it runs, and the copilot goes on.
"""

import json
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from examples.stage.company import BOB, JANE, Form, Gateway, Tally, Task, company, outcome

HERE = Path(__file__).parent
RULE = resources.files("safeconduct.library") / "policies" / "support-case-pii" / "cedar"

Cases = dict[str, dict[str, str]]

CASES: Cases = {
    "K-1": {"status": "active", "analyst": JANE},
    "K-2": {"status": "active", "analyst": BOB},
    "K-3": {"status": "closed", "analyst": JANE},
}
"""K-4 has never had one."""


class Story:
    """The gateway of the company, and the file in which its CRM keeps the cases."""

    def __init__(self, gateway: Gateway, cases: Path) -> None:
        self.gateway = gateway
        self._cases = cases
        self.know(CASES)

    def know(self, cases: Cases) -> None:
        """The CRM's cases are these from now on."""
        self._cases.write_text(json.dumps(cases), encoding="utf-8")

    def task(self, user: str = JANE) -> Task:
        """A task for which somebody asked in the application."""
        said = self.gateway.said(user, text="Look up customers K-1, K-2, K-3 and K-4.")
        return self.gateway.begin(self.gateway.start(user, purpose_attestation=said))

    def of_its_own_accord(self) -> Task:
        """A task that the copilot gave itself, in the name of Jane."""
        form: Form = self.gateway.start(purpose="Jane wants to know about K-1")
        del form["purpose_attestation"]
        return self.gateway.begin(form)

    def reads(self, what: str, task: Task, customer: str) -> None:
        """A call that has to come to a result."""
        said = outcome(self.gateway.call(task, "crm__get_customer", customer_id=customer))
        print(f"  {said or 'done':9}{what}")


def before(story: Story) -> None:
    print("Who may read customers reads all of them:")
    task = story.task()
    for customer in ("K-1", "K-2", "K-3", "K-4"):
        story.reads(f"Jane's copilot reads {customer}", task, customer)


def the_change(story: Story) -> None:
    gateway = story.gateway
    policy, old = gateway.directory / "policy", gateway.directory / "policy.before"
    shutil.copytree(policy, old)
    with resources.as_file(RULE) as rule:
        print("\nWhat the library's rule would have said to that:")
        print(gateway.operate("policy", "diff", str(old), str(rule)).rstrip())
        # One step, so that nobody ever sees half of it.
        fresh = gateway.directory / "policy.fresh"
        shutil.copytree(rule, fresh)
    policy.rename(gateway.directory / "policy.replaced")
    fresh.rename(policy)
    print("\nThe gateway takes it while it runs:")
    print(f"  {gateway.operate('policy', 'reload').rstrip()}")


def after(story: Story, running: Task, tally: Tally) -> None:
    gateway = story.gateway

    def refused(what: str, task: Task, customer: str, **more: str) -> None:
        arguments = {"customer_id": customer, **more}
        tally.attack(what, gateway.call(task, "crm__get_customer", **arguments))

    print("\nWith an active case and its analyst:")
    story.reads("Jane's copilot reads K-1, in the task that has been running", running, "K-1")
    bob = story.task(BOB)
    story.reads("Bob's copilot reads K-2", bob, "K-2")

    print("\nWithout:")
    refused("Jane's copilot reads K-2, whose analyst is Bob", running, "K-2")
    refused("Jane's copilot reads K-3, whose case is closed", running, "K-3")
    refused("Jane's copilot reads K-4, which has no case", running, "K-4")
    refused("Bob's copilot reads K-1, whose analyst is Jane", bob, "K-1")
    refused("the copilot reads K-1 of its own accord", story.of_its_own_accord(), "K-1")
    refused("it says itself that there is a case", running, "K-4", case_status="active")
    refused("it says itself who the analyst is", running, "K-2", case_analyst=JANE)
    tally.attack(
        "it asks for the case itself",
        gateway.call(running, "crm__get_open_case", customer_id="K-2"),
    )
    refused("it spells the customer otherwise", running, "k-1")

    story.know({**CASES, "K-1": {"status": "closed", "analyst": JANE}})
    refused("Jane's copilot reads K-1 after its case was closed", running, "K-1")
    story.know({**CASES, "K-1": {"status": "active", "analyst": BOB}})
    refused("Jane's copilot reads K-1 after it was given to Bob", running, "K-1")
    story.know({**CASES, "K-1": {"status": "Active", "analyst": JANE}})
    refused("Jane's copilot reads K-1 in a status that nobody knows", running, "K-1")
    story.know(CASES)
    story.reads("Jane's copilot reads K-1, which is hers again", running, "K-1")


def main() -> None:
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="safeconduct-") as scratch:
        cases = Path(scratch) / "cases.json"
        cases.write_text("{}", encoding="utf-8")
        server = ["examples.support_case_pii.crm", str(cases)]
        with company("harbour.example", gateway=HERE / "gateway", server=server) as (gateway,):
            story = Story(gateway, cases)
            with gateway.running():
                running = story.task()
                before(story)
                the_change(story)
                after(story, running, tally)
            print(f"\n{gateway.verified()}")
    print(tally.told())


if __name__ == "__main__":
    main()
