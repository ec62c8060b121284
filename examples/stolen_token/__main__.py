"""What a thief gets for a stolen token, and for each other thing: `make story STORY=stolen_token`.

Jane has a case answered by the copilot. The thief has seen one thing after another of it, in the
end all that the copilot's machine held, and tries it at the gateway.
"""

from examples.stage.company import (
    COPILOT,
    HELPER,
    JWT,
    PRINTER,
    SVID,
    TASK,
    Form,
    Gateway,
    Tally,
    Task,
    company,
    outcome,
)

from safeconduct.kit.jwk import PrivateKey

CASE = {"case_id": "C-1"}


def without(form: Form, *names: str) -> Form:
    return {name: value for name, value in form.items() if name not in names}


def the_token(gateway: Gateway, task: Task, tally: Tally) -> None:
    thief = PrivateKey.generate()

    def shown(what: str, fields: dict[str, str], proof: str | None, path: str = "/mcp") -> None:
        tool = "desk__read_case" if path == "/mcp" else "read_case"
        tally.attack(what, gateway.send(fields, proof, tool, CASE, path=path))

    bearer, dpop = f"Bearer {task.token}", f"DPoP {task.token}"
    print("\nThe thief has read the task token in a log:")
    shown("as a bearer token", {"authorization": bearer}, None)
    shown("without a proof", {"authorization": dpop}, None)
    own = gateway.proof(thief, task.token, "/mcp")
    shown("with a proof by the thief's own key", {"authorization": dpop}, own)
    shown("without the header, in the URL", {}, None, f"/mcp?access_token={task.token}")
    asked = gateway.amendment(task, purpose_attestation=gateway.said(task=task.id))
    tally.attack(
        "traded for a newer one, on the thief's key", gateway.ask(asked, gateway.proof(thief))
    )
    for kind in (JWT, TASK):
        form = gateway.start(subject_token=task.token, subject_token_type=kind)
        tally.attack(
            f"as the user's, {kind.rpartition(':')[2]}", gateway.ask(form, gateway.proof(thief))
        )
    for path in ("/oauth/introspect", "/oauth/revoke"):
        form = {"token": task.token, "client_assertion": task.token, "client_assertion_type": SVID}
        tally.attack(f"as its own authentication at {path}", gateway.ask(form, path=path))


def the_wire(gateway: Gateway, task: Task, tally: Tally) -> None:
    print("\nThe thief has recorded a whole request of the copilot:")
    fields = {"authorization": f"DPoP {task.token}"}
    proof = gateway.proof(task.key, task.token, "/mcp")
    said = outcome(gateway.send(fields, proof, "desk__read_case", CASE))
    if said is not None:
        raise RuntimeError(f"the copilot's own request: {said}")
    tally.attack("the same once more", gateway.send(fields, proof, "desk__read_case", CASE))
    note = {"case_id": "C-1", "text": "paid"}
    tally.attack(
        "its proof for another call", gateway.send(fields, proof, "desk__write_note", note)
    )
    fresh = gateway.proof(task.key, task.token, "/mcp")
    tally.attack(
        "a proof that was not sent yet, elsewhere",
        gateway.send(fields, fresh, "read_case", CASE, path="/mcp/desk"),
    )
    form = gateway.renewal(task)
    tally.attack("the proof of a call as the proof of a key", gateway.ask(form, fresh))


def one_party(gateway: Gateway, task: Task, tally: Tally) -> None:
    thief = PrivateKey.generate()

    def asked(what: str, form: Form) -> None:
        tally.attack(what, gateway.ask(form, gateway.proof(thief)))

    print("\nThe thief has an SVID of the copilot that was not used yet:")
    asked("a task without a user", without(gateway.start(), "subject_token"))
    asked("a task with the SVID as the user", gateway.start(subject_token=gateway.svid()))
    asked("more time for Jane's task", without(gateway.renewal(task), "subject_token"))
    fields = {"authorization": f"Bearer {gateway.svid()}"}
    tally.attack("a call", gateway.send(fields, None, "desk__read_case", CASE))

    print("\nThe thief has a live token of Jane's:")
    asked("a task without an agent", without(gateway.start(), "actor_token", "actor_token_type"))
    asked("a task with the token as the agent", gateway.start(actor_token=gateway.user_token()))
    asked("more time for Jane's task", without(gateway.renewal(task), "actor_token"))
    fields = {"authorization": f"Bearer {gateway.user_token()}"}
    tally.attack("a call", gateway.send(fields, None, "desk__read_case", CASE))


def both_parties(gateway: Gateway, tally: Tally) -> None:
    thief = PrivateKey.generate()
    print("\nThe thief has both, as the copilot sent them:")
    form = gateway.start()
    task = gateway.begin(form)
    tally.attack("a task of the thief's own", gateway.ask(form, gateway.proof(thief)))
    again = {**form, "actor_token": gateway.svid()}
    tally.attack("with a newer SVID", gateway.ask(again, gateway.proof(thief)))
    again = {**form, "subject_token": gateway.user_token()}
    tally.attack("with a newer user token", gateway.ask(again, gateway.proof(thief)))
    fresh = gateway.renewal(task)
    tally.attack(
        "both anew, for the copilot's task on the thief's key",
        gateway.ask(fresh, gateway.proof(thief)),
    )


def the_machine(gateway: Gateway, tally: Tally) -> None:
    print("\nThe thief sits on the copilot's machine, with the token and its key:")
    task = gateway.begin(gateway.start(scope="case:read"))

    def asked(what: str, form: Form) -> None:
        tally.attack(what, gateway.ask(form, gateway.proof(task.key)))

    tally.attack(
        "a tool outside of the task",
        gateway.call(task, "desk__write_note", case_id="C-1", text="paid"),
    )
    asked(
        "more scopes, in the thief's own words",
        gateway.amendment(task, purpose="Jane wants notes", scope="note:write"),
    )
    asked("more scopes, by a renewal", gateway.renewal(task, scope="note:write"))
    asked("more time without Jane", without(gateway.renewal(task), "subject_token"))
    said = gateway.said(text="Write a note", task=task.id)
    asked(
        "Jane's words, without an SVID",
        without(gateway.amendment(task, purpose_attestation=said), "actor_token"),
    )
    handed = gateway.handover(task, PRINTER)
    asked("a part of it for an accomplice", gateway.child(task, handed, PRINTER))
    wide = gateway.child(task, gateway.handover(task), HELPER, scope="note:write")
    asked("a wider part of it for the helper", wide)
    child = gateway.begin(gateway.child(task, gateway.handover(task), HELPER))
    gateway.operate("revoke", "task", task.id)
    tally.attack(
        "a call after the operator ended the task", gateway.call(task, "desk__read_case", **CASE)
    )
    tally.attack(
        "a call in the part that was passed on", gateway.call(child, "desk__read_case", **CASE)
    )
    asked("more time after that", gateway.renewal(task))
    gateway.operate("revoke", "agent", COPILOT)
    asked("another task, after the operator revoked the agent", gateway.start())


def main() -> None:
    tally = Tally()
    with company("harbour.example") as (gateway,):
        with gateway.running():
            task = gateway.begin(gateway.start())
            said = outcome(gateway.call(task, "desk__read_case", **CASE))
            print(f"Jane's copilot reads her case: {said or 'done'}")
            the_token(gateway, task, tally)
            the_wire(gateway, task, tally)
            one_party(gateway, task, tally)
            both_parties(gateway, tally)
            kept = gateway.proof(task.key, task.token, "/mcp")
        with gateway.running():
            print("\nThe gateway was started anew:")
            fields = {"authorization": f"DPoP {task.token}"}
            tally.attack("a proof of before", gateway.send(fields, kept, "desk__read_case", CASE))
            the_machine(gateway, tally)
        print(f"\n{gateway.verified()}")
    print(tally.told())


if __name__ == "__main__":
    main()
