"""`kill -9` at every step of the page: no effect twice, and none that nobody knows of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.ports import JSON, Delivered, Refused
from tests.support.dying import RECORDED, SENT, STEPS, again, doomed, last, reopened, sent
from tests.support.installation import (
    Agent,
    Office,
    calling,
    done,
    eventually,
    install,
    opened_office,
    running,
)
from tests.support.waiting import SEND


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


def killed(directory: Path, office: Office, step: int, name: str, arguments: JSON) -> Agent:
    """The agent of a task whose first call was the gateway's last."""
    with doomed(install(directory, office), step) as gateway:
        agent = gateway.task()
        last(agent, name, arguments)
    return agent


@pytest.mark.parametrize("step", STEPS)
async def test_a_change_happens_at_most_once(tmp_path: Path, office: Office, step: int) -> None:
    agent = killed(tmp_path, office, step, "send", SEND)
    gateway = agent.gateway
    # What is on disk is whole, and says of what it does not know the end.
    report = gateway.verified()
    decisions = gateway.records("decision")
    assert len(decisions) == report.unknown_count == int(step >= RECORDED)
    assert gateway.records("outcome") == []
    assert office.effects["send"] == int(step >= SENT)
    async with reopened(gateway.config) as served:
        outcomes = gateway.records("outcome")
        assert [(one["decision"], one["status"]) for one in outcomes] == [
            (one["decision"], "unknown") for one in decisions
        ]
        for decision in decisions:
            assert decision["verdict"] == "permit"
            assert served.rooms.state.outcome_unknown(agent.task.task, decision["digest"])
        assert served.rooms.state.open_calls() == []
        for _ in range(2):
            answer = await again(served, agent, "send", SEND)
            if step >= RECORDED:
                assert isinstance(answer, Refused)
                assert answer.code == "outcome-unknown"
                assert office.effects["send"] == int(step >= SENT)
            else:
                assert isinstance(answer, Delivered)
                break
        # Another call of the task is not held up by it.
        other = await again(served, agent, "send", {**SEND, "body": "another"})
        assert isinstance(other, Delivered)
    assert gateway.verified().unknown_count == 0


@pytest.mark.parametrize("step", [8, 9, 11])
async def test_a_read_may_be_repeated_and_then_labels_the_task(
    tmp_path: Path, office: Office, step: int
) -> None:
    agent = killed(tmp_path, office, step, "list_customers", {})
    async with reopened(agent.gateway.config) as served:
        assert isinstance(await again(served, agent, "list_customers", {}), Delivered)
        refused = await again(served, agent, "send", SEND)
        assert isinstance(refused, Refused)
        assert refused.code == "flow-confidentiality"
    assert agent.gateway.verified().unknown_count == 0


async def test_calls_that_were_all_under_way_are_all_unknown(
    tmp_path: Path, office: Office
) -> None:
    office.hold.add("send")
    bodies = [{**SEND, "body": f"hello {number}"} for number in range(8)]
    with running(install(tmp_path, office)) as gateway:
        agent = gateway.task()
        connections = [sent(agent, "send", arguments) for arguments in bodies]
        eventually(lambda: office.effects["send"] == len(bodies), gateway)
        gateway.process.kill()
        gateway.process.wait()
        for connection in connections:
            connection.close()
    assert gateway.verified().unknown_count == len(bodies)
    async with reopened(gateway.config) as served:
        for arguments in bodies:
            answer = await again(served, agent, "send", arguments)
            assert isinstance(answer, Refused)
            assert answer.code == "outcome-unknown"
    assert office.effects["send"] == len(bodies)
    assert gateway.verified().unknown_count == 0


def test_a_proof_is_not_taken_again_by_the_next_process(tmp_path: Path, office: Office) -> None:
    message, fields = calling("office__send", SEND)
    with running(install(tmp_path, office)) as gateway:
        agent = gateway.task()
        used = agent.fields(fields)
        assert done(agent.post(message, used))
        gateway.process.kill()
    with running(gateway.config):
        assert agent.post(message, used).status == 401
    assert office.effects["send"] == 1


def test_what_was_answered_is_remembered_by_the_next_process(
    tmp_path: Path, office: Office
) -> None:
    """Labels, spent units and used tokens outlive a process that had no time to say goodbye."""
    config = install(tmp_path, office)
    with running(config) as gateway:
        reader, sender = gateway.task(), gateway.task(profile="once")
        assert done(reader.call("office__list_customers"))
        assert done(sender.call("office__send", SEND))
        gateway.process.kill()
    with running(config) as gateway:
        reader, sender = Agent(gateway, reader.task), Agent(gateway, sender.task)
        assert not done(reader.call("office__send", SEND))
        assert not done(sender.call("office__send", {**SEND, "body": "more"}))
        reasons = [one["reason"] for one in gateway.records("decision") if "reason" in one]
        assert reasons == ["flow-confidentiality", "budget-exhausted"]
        assert office.effects["send"] == 1
        assert gateway.verified().unknown_count == 0
