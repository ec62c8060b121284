"""A running gateway whose disk fills up or goes away: what cannot be recorded does not run."""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from safeconduct.identity.client import NotStarted
from tests.support.front import Reply
from tests.support.installation import (
    DANA,
    Agent,
    Gateway,
    Office,
    calling,
    done,
    install,
    opened_office,
    received,
    refusal,
    running,
)

SEND = {"to": DANA, "body": "hello"}


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture
def gateway(office: Office, tmp_path: Path) -> Iterator[Gateway]:
    with running(install(tmp_path, office)) as started:
        yield started


def internal(reply: Reply) -> bool:
    """Whether the answer is a number to ask an operator about, and nothing else."""
    incident = reply.json["error"]["data"]["incident"]
    assert reply.json["error"]["message"] == f"Internal error {incident}"
    assert incident.startswith("i_")
    return reply.status == 500


if sys.platform == "linux":

    @contextmanager
    def full_disk(gateway: Gateway) -> Generator[None]:
        """No file of the gateway can grow any more."""
        pid = gateway.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def test_on_a_full_disk_nothing_runs_and_afterwards_everything_does(
        gateway: Gateway, office: Office
    ) -> None:
        agent = gateway.task()
        assert done(agent.call("office__send", SEND))
        effects, records = office.effects.copy(), gateway.verified().records
        with full_disk(gateway):
            assert internal(agent.call("office__send", {**SEND, "body": "more"}))
            assert internal(agent.call("office__get_case", {"case_id": "C-1"}))
            # Refusals are decisions too.
            assert internal(agent.call("office__open_vault"))
            with pytest.raises(NotStarted, match="temporarily_unavailable"):
                gateway.task()
            assert office.effects == effects
        assert gateway.verified().records == records
        assert done(agent.call("office__send", {**SEND, "body": "more"}))
        assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))
        assert gateway.verified().unknown_count == 0

    def test_a_disk_that_fills_up_during_a_call_leaves_the_call_locked(
        gateway: Gateway, office: Office
    ) -> None:
        agent = gateway.task()
        effects = office.effects["send"]
        office.hold.add("send")
        body, fields = calling("office__send", SEND)
        connection = agent.sent(body, agent.fields(fields))
        office.arrived.wait()
        with full_disk(gateway):
            office.let_go.set()
            # What cannot be remembered is not delivered.
            assert internal(received(connection))
        connection.close()
        assert office.effects["send"] == effects + 1
        assert refusal(agent.call("office__send", SEND)) == "outcome-unknown"
        assert office.effects["send"] == effects + 1
        gateway.process.kill()
        gateway.process.wait()
        assert gateway.verified().unknown_count == 1
        with running(gateway.config) as restarted:
            again = Agent(restarted, agent.task)
            assert refusal(again.call("office__send", SEND)) == "outcome-unknown"
            assert restarted.records("outcome")[-1]["status"] == "unknown"
            assert restarted.verified().unknown_count == 0
        assert office.effects["send"] == effects + 1


def test_a_log_that_is_taken_away_ends_all_calls(gateway: Gateway, office: Office) -> None:
    agent = gateway.task()
    assert done(agent.call("office__send", SEND))
    effects = office.effects.copy()
    shutil.rmtree(gateway.audit)
    for _ in range(2):
        assert internal(agent.call("office__send", {**SEND, "body": "more"}))
        assert internal(agent.call("office__get_case", {"case_id": "C-1"}))
    with pytest.raises(NotStarted, match="temporarily_unavailable"):
        gateway.task()
    assert office.effects == effects
