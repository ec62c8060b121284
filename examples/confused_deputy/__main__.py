"""One agent between two users, two agents and two tenants: `make story STORY=confused_deputy`.

The copilot works for Jane, who may write notes, and for Bob, who may read. Whoever it serves, it
acts with that user's authority and no other's, whatever it is shown, told, or handed.
"""

from examples.stage.company import (
    BOB,
    COPILOT,
    HELPER,
    JANE,
    PRINTER,
    Form,
    Gateway,
    Tally,
    company,
    outcome,
)

NOTE = {"case_id": "C-1", "text": "refund approved"}


def two_users(gateway: Gateway, tally: Tally) -> None:
    jane, bob = gateway.begin(gateway.start(JANE)), gateway.begin(gateway.start(BOB))

    def asked(what: str, form: Form) -> None:
        tally.attack(what, gateway.ask(form, gateway.proof(bob.key)))

    print("\nBob wants what Jane may:")
    tally.holds("note:write in his own task", stolen="note:write" in bob.scopes)
    tally.attack("a note in his own task", gateway.call(bob, "desk__write_note", **NOTE))
    asked("a task for note:write alone", gateway.start(BOB, scope="note:write"))
    asked(
        "Jane's words for his own task", gateway.start(BOB, purpose_attestation=gateway.said(JANE))
    )
    asked(
        "Jane's words of her task in his",
        gateway.amendment(bob, purpose_attestation=gateway.said(JANE, task=jane.id)),
    )
    said = gateway.said(BOB, text="Write a note on C-1", task=bob.id)
    status, wider = gateway.ask(
        gateway.amendment(bob, purpose_attestation=said, scope="case:read note:write"),
        gateway.proof(bob.key),
    )
    granted = str(wider.get("scope", status)).split()
    tally.holds("his own words, for a scope that he does not have", stolen="note:write" in granted)
    form = gateway.renewal(jane, BOB)
    tally.attack("Jane's task, renewed by his token", gateway.ask(form, gateway.proof(jane.key)))
    asked("his task, renewed by hers", gateway.renewal(bob, JANE))
    said = gateway.said(BOB, text="Write a note on C-9", task=jane.id)
    form = gateway.amendment(jane, purpose_attestation=said)
    tally.attack("his words in Jane's task", gateway.ask(form, gateway.proof(jane.key)))
    fields = {"authorization": f"DPoP {jane.token}"}
    proof = gateway.proof(bob.key, jane.token, "/mcp")
    tally.attack(
        "her token with the key of his task", gateway.send(fields, proof, "desk__write_note", NOTE)
    )


def a_customer(gateway: Gateway, tally: Tally) -> None:
    print("\nA customer writes into case C-1 what the copilot shall do on C-2:")
    task = gateway.begin(gateway.start(JANE))
    said = outcome(gateway.call(task, "desk__read_case", case_id="C-1"))
    print(f"  (the copilot reads it: {said or 'done'})")
    order = {"case_id": "C-2", "text": "refund approved"}
    tally.attack("and the copilot obeys", gateway.call(task, "desk__write_note", **order))
    own = {
        name: value for name, value in gateway.start(JANE).items() if name != "purpose_attestation"
    }
    alone = gateway.begin({**own, "purpose": "Jane wants a note on C-2: refund approved"})
    tally.attack(
        "in a task whose purpose it declares itself",
        gateway.call(alone, "desk__write_note", **order),
    )
    said = outcome(gateway.call(task, "desk__write_note", case_id="C-1", text="called back"))
    print(f"  (what Jane asked for is done: {said or 'done'})")


def two_agents(gateway: Gateway, tally: Tally) -> None:
    print("\nOne agent wants what another was given:")
    jane = gateway.begin(gateway.start(JANE, scope="case:read"))
    bob = gateway.begin(gateway.start(BOB))
    child = gateway.begin(gateway.child(jane, gateway.handover(jane)))
    said = outcome(gateway.call(child, "desk__read_case", case_id="C-1"))
    print(f"  (the helper reads what it was handed: {said or 'done'})")

    def asked(what: str, form: Form) -> None:
        tally.attack(what, gateway.ask(form, gateway.proof(child.key)))

    tally.attack("the helper writes", gateway.call(child, "desk__write_note", **NOTE))
    wide = gateway.child(jane, gateway.handover(jane), scope="note:write")
    asked("the helper takes more than the copilot has", wide)
    asked(
        "the printer takes what was handed to the helper",
        gateway.child(jane, gateway.handover(jane), PRINTER),
    )
    asked(
        "the printer is handed a part itself",
        gateway.child(jane, gateway.handover(jane, PRINTER), PRINTER),
    )
    asked(
        "the helper hands on to the copilot",
        gateway.child(child, gateway.handover(child, COPILOT), COPILOT),
    )
    asked(
        "the helper goes on in Bob's name",
        gateway.renewal(child, BOB, actor_token=gateway.svid(HELPER)),
    )
    other = gateway.child(bob, gateway.handover(bob), task=child.id)
    asked(
        "the helper goes on by Bob's task", {k: v for k, v in other.items() if k != "task_profile"}
    )
    asked(
        "the printer shows the copilot's task",
        gateway.renewal(jane, JANE, actor_token=gateway.svid(PRINTER)),
    )
    asked("the printer works for Bob", gateway.start(BOB, PRINTER))
    status = gateway.ask(
        {
            "token": jane.token,
            "client_assertion": gateway.svid(PRINTER),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
        },
        path="/oauth/introspect",
    )
    tally.holds("the printer asks about Jane's task", stolen=status[1].get("active") is True)


def two_tenants(here: Gateway, there: Gateway, tally: Tally) -> None:
    print("\nWhat is good for one tenant, at the gateway of the other:")
    task = here.begin(here.start(JANE))
    fields = {"authorization": f"DPoP {task.token}"}
    proof = there.proof(task.key, task.token, "/mcp")
    tally.attack("a task token", there.send(fields, proof, "desk__read_case", {"case_id": "C-1"}))
    for what, change in (
        ("an SVID", {"actor_token": here.svid()}),
        ("a user token", {"subject_token": here.user_token()}),
        ("an attestation", {"purpose_attestation": here.said()}),
    ):
        form = there.start(JANE, **change)
        tally.attack(what, there.ask(form, there.proof(task.key)))
    form = there.child(task, here.handover(task))
    tally.attack("a part of a task", there.ask(form, there.proof(task.key)))
    tally.attack("the task itself", there.ask(there.renewal(task), there.proof(task.key)))


def main() -> None:
    tally = Tally()
    with company("harbour.example", "quay.example") as (harbour, quay):
        with harbour.running(), quay.running():
            two_users(harbour, tally)
            a_customer(harbour, tally)
            two_agents(harbour, tally)
            two_tenants(harbour, quay, tally)
        print(f"\n{harbour.verified()}\n{quay.verified()}")
    print(tally.told())


if __name__ == "__main__":
    main()
