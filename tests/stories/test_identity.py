"""An agent from its process to its tool: SVID from the Workload API, task, call, and the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from spiffe import WorkloadApiClient
from spiffe.workloadapi.errors import FetchJwtSvidError

from safeconduct.cli import main
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.identity.client import NotStarted, StartedTask, start_task
from tests.support.installation import (
    COPILOT,
    USER,
    Agent,
    Office,
    done,
    install,
    opened_office,
    refusal,
    running,
)
from tests.support.issuing import PATIENCE_S, Issuer

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)


def started(config: Config, svid: str) -> StartedTask:
    return start_task(
        config,
        agent=COPILOT,
        user=USER,
        profile="triage",
        purpose="Answer case C-1.",
        source="app",
        svid=svid,
    )


def attested(directory: Path, office: Office) -> Config:
    """An installation whose copilot is whatever this user runs."""
    install(directory, office)
    root = directory / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8")
    entry = f'"workloads": {{"{COPILOT}": {{"unix": {{"uid": {os.geteuid()}}}}}}}'
    root.write_text(f"{{{entry},{text[1:]}", encoding="utf-8")
    return load(directory)


def refused(client: WorkloadApiClient, audience: str) -> str:
    """What a revoked agent hears, as soon as it does."""
    while True:
        try:
            client.fetch_jwt_svid(audience={audience})
        except FetchJwtSvidError as error:
            return str(error)


def test_an_agent_from_its_process_to_its_tool_and_its_end(tmp_path: Path) -> None:
    with opened_office() as office:
        config = attested(tmp_path / "gateway", office)
        directory = Path(config.directory)
        issuer = config.root.gateway.issuer
        with (
            running(config) as gateway,
            Issuer(directory).running() as api,
            WorkloadApiClient(api.url, default_timeout=PATIENCE_S) as client,
        ):
            svid = client.fetch_jwt_svid(audience={issuer}).token
            agent = Agent(gateway, started(config, svid))
            assert done(agent.call("office__get_case", {"case_id": "C-1"}))
            # An SVID starts one task, and one for somebody else starts none.
            for useless in (svid, client.fetch_jwt_svid(audience={"https://else.example"}).token):
                with pytest.raises(NotStarted):
                    started(config, useless)
            revoke = ["revoke", "agent", COPILOT, "--config", str(directory)]
            assert main.main(revoke) == 0
            assert "PERMISSION_DENIED" in refused(client, issuer)
            assert refusal(agent.call("office__get_case", {"case_id": "C-1"})) == "task-revoked"
        # The gateway has ended, and what it said last holds on.
        with (
            Issuer(directory).running() as api,
            WorkloadApiClient(api.url, default_timeout=PATIENCE_S) as client,
        ):
            assert "PERMISSION_DENIED" in refused(client, issuer)
