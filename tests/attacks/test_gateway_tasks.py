"""Purposes that nobody attested, labels that want shedding and budgets that want splitting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from msgspec.structs import replace

from safeconduct.identity.client import NotStarted, Source
from tests.support.front import replaced
from tests.support.installation import (
    CLERK,
    DANA,
    EVE,
    Agent,
    Gateway,
    Office,
    calling,
    done,
    install,
    received,
    refusal,
    running,
)

SEND = {"to": DANA, "body": "hello"}


# --- who speaks for the user ----------------------------------------------------------------------

TO_EVE = f"Write to {EVE}."


def test_a_purpose_that_the_agent_states_vouches_for_nobody(
    gateway: Gateway, office: Office
) -> None:
    sent = office.effects["send"]
    agent = gateway.task(TO_EVE, source="agent")
    assert refusal(agent.call("office__send", {"to": EVE, "body": "x"})) == "purpose-unattested"
    # It may not even write where anybody may write to.
    assert refusal(agent.call("office__send", SEND)) == "purpose-unattested"
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
    assert office.effects["send"] == sent


@pytest.mark.parametrize("source", ["app", "user"])
def test_a_purpose_that_somebody_attests_vouches(
    gateway: Gateway, office: Office, source: Source
) -> None:
    sent = office.effects["send"]
    assert done(gateway.task(TO_EVE, source=source).call("office__send", {"to": EVE, "body": "x"}))
    assert office.effects["send"] == sent + 1


def test_an_attested_purpose_vouches_for_what_it_names_alone(
    gateway: Gateway, office: Office
) -> None:
    sent = office.effects["send"]
    agent = gateway.task("Answer case C-1.")
    assert refusal(agent.call("office__send", {"to": EVE, "body": "x"})) == (
        "destination-not-allowed"
    )
    assert office.effects["send"] == sent


# --- a second task --------------------------------------------------------------------------------


def test_a_second_task_does_not_shed_what_the_agent_has_read(
    gateway: Gateway, office: Office
) -> None:
    sent = office.effects["send"]
    first = gateway.task(agent=CLERK)
    assert done(first.call("office__list_customers"))
    assert refusal(first.call("office__send", SEND)) == "flow-confidentiality"
    second = gateway.task(agent=CLERK)
    assert second.task.task != first.task.task
    assert refusal(second.call("office__send", SEND)) == "flow-confidentiality"
    assert office.effects["send"] == sent


def test_an_agent_that_is_attested_stateless_starts_clean(gateway: Gateway) -> None:
    first = gateway.task()
    assert done(first.call("office__list_customers"))
    assert refusal(first.call("office__send", SEND)) == "flow-confidentiality"
    assert done(gateway.task().call("office__send", SEND))


def test_a_task_token_opens_no_other_task(gateway: Gateway, office: Office) -> None:
    """One agent's two tasks, and the token of one with the key of the other."""
    first, second = gateway.task(), gateway.task()
    sent = office.effects["send"]
    body, fields = calling("office__send", SEND)
    mixed = replaced(second.fields(fields), "authorization", f"DPoP {first.task.token}")
    assert second.post(body, mixed).status == 401
    assert office.effects["send"] == sent


# --- the last unit --------------------------------------------------------------------------------


def test_sixty_four_calls_at_once_spend_one_unit_once(gateway: Gateway, office: Office) -> None:
    agent = gateway.task(profile="once")
    sent = office.effects["send"]
    connections: list[HTTPConnection] = []
    for number in range(64):
        body, fields = calling("office__send", {"to": DANA, "body": f"hello {number}"})
        connections.append(agent.sent(body, agent.fields(fields)))
    replies = [received(connection) for connection in connections]
    for connection in connections:
        connection.close()
    assert sum(done(reply) for reply in replies) == 1
    assert {refusal(reply) for reply in replies if not done(reply)} <= {"budget-exhausted", "busy"}
    assert office.effects["send"] == sent + 1


def test_one_call_sent_many_times_at_once_runs_once(gateway: Gateway, office: Office) -> None:
    """The same bytes, each time with a proof of its own: one unit, one effect."""
    agent = gateway.task(profile="once")
    sent = office.effects["send"]
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(agent.call, "office__send", SEND) for _ in range(8)]
        replies = [call.result() for call in calls]
    assert sum(done(reply) for reply in replies) == 1
    assert office.effects["send"] == sent + 1


# --- two tenants ----------------------------------------------------------------------------------


def test_a_neighbour_s_tokens_are_worth_nothing(
    gateway: Gateway, office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another tenant's gateway, agents and users, all of it with keys of its own."""
    config = install(tmp_path_factory.mktemp("neighbour"), office, tenant="hr.example")
    with running(config) as neighbour:
        theirs = neighbour.task()
        calls = office.effects.total()
        stranger = Agent(gateway, theirs.task)
        assert stranger.call("office__get_case", {"case_id": "C-1"}).status == 401
        assert stranger.ask("tools/list").status == 401
        assert office.effects.total() == calls
        tasks = len(gateway.records("task"))
        root = replace(neighbour.config.root, gateway=gateway.config.root.gateway)
        impostor = Gateway(replace(neighbour.config, root=root), gateway.process)
        with pytest.raises(NotStarted, match="invalid_request"):
            impostor.task()
        assert len(gateway.records("task")) == tasks
        neighbour.verified()
    gateway.verified()
