"""What the gateway was given by agents and users never reaches an upstream, nor who issues tokens
for one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.identity import dev
from tests.support.credentials import authorization_server
from tests.support.guarded import guarding, tokens, type_of
from tests.support.installation import (
    COPILOT,
    DANA,
    HOST,
    USER,
    Gateway,
    done,
    free_port,
    install,
    refusal,
    running,
)
from tests.support.threads import in_a_thread
from tests.support.tools import Tools
from tests.support.web import Answer, document, serving

OURS = {"client-authentication+jwt", "authorization-grant+jwt", "oauth-id-jag+jwt"}


def given(gateway: Gateway, task: Any) -> list[str]:
    """What a thief would like to find: the task token, and the parties' own tokens."""
    state = Path(gateway.config.directory) / gateway.config.root.gateway.state
    user = dev.user_token(state, gateway.config, USER, 0)
    svid = dev.svid(state, gateway.config, COPILOT, 0)
    # Another signature, another time; the first segment names type and key.
    return [task.task.token, user.partition(".")[0], svid.partition(".")[0]]


def test_an_upstream_with_tool_tokens_sees_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    with in_a_thread(guarding(f"http://{HOST}:{port}", "office")) as office:
        credential = {"kind": "tool-token", "audience": "office"}
        config = install(tmp_path, office, port=port, credential=credential)
        with running(config) as gateway:
            agent = gateway.task(purpose=f"Answer case C-1, to {DANA}.")
            assert done(agent.call("office__get_case", {"case_id": "C-1"}))
            assert done(agent.call("office__send", {"to": DANA, "body": "hello"}))
            secrets = given(gateway, agent)
            kinds = [one["credential"] for one in gateway.records("decision")]
        errand = office.errands[0]
        assert (errand.agent, errand.user, errand.task) == (COPILOT, USER, agent.task.task)
        assert kinds == ["tool-token", "tool-token"]
        assert len(office.calls()) == 2
        for seen in office.wire:
            assert not any(secret.encode() in seen.whole for secret in secrets)
            assert b"dpop" not in seen.whole.lower()
            assert [type_of(token) for token in tokens(seen.whole)] == ["tool-token+jwt"]


def test_an_agent_whose_tool_tokens_may_not_go_there_sees_no_tool(tmp_path: Path) -> None:
    port = free_port()
    with in_a_thread(guarding(f"http://{HOST}:{port}", "payments")) as office:
        credential = {"kind": "tool-token", "audience": "payments"}
        config = install(tmp_path, office, port=port, credential=credential)
        with running(config) as gateway:
            agent = gateway.task()
            assert agent.ask("tools/list").json["result"]["tools"] == []
            assert (
                agent.call("office__get_case", {"case_id": "C-1"}).json["error"]["code"] == -32602
            )
            (decision,) = gateway.records("decision")
        assert decision["reason"] == "tool-unknown"
        assert office.effects == []


@pytest.mark.parametrize("grant", ["token-exchange", "jwt-bearer", "id-jag", "client-credentials"])
def test_an_upstream_with_an_authorization_server_sees_its_token_alone(
    tmp_path: Path, grant: str
) -> None:
    with serving() as web:
        authorization_server(web)
        tools = Tools(web)
        oauth = {"issuer": web.url, "grant": grant, "scopes": ["read"]}
        config = install(tmp_path, tools, credential={"kind": "upstream-oauth", "oauth": oauth})
        with running(config) as gateway:
            agent = gateway.task()
            assert done(agent.call("office__get_case", {"case_id": "C-1"}))
            tools.status = 401
            assert (
                refusal(gateway.task().call("office__get_case", {"case_id": "C-2"}))
                == "upstream-rejected"
            )
            tools.status = 200
            before = web.count("/token")
            assert done(gateway.task().call("office__get_case", {"case_id": "C-3"}))
            assert web.count("/token") == before + 1  # the rejected one was not used again
            secrets = given(gateway, agent)
            kinds = {one["credential"] for one in gateway.records("decision")}
        assert kinds == {"upstream-oauth"}
        for asked in web.asked:
            whole = b"\n".join([*(v.encode() for v in asked.headers.values()), asked.body])
            assert not any(secret.encode() in whole for secret in secrets)
            assert "dpop" not in asked.headers
            if asked.path == "/mcp":
                assert asked.headers["authorization"].startswith("Bearer issued-")
                assert tokens(whole) == []
            else:
                assert {type_of(token) for token in tokens(whole)} <= OURS


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(200, b"garbage"),
        Answer(302, headers={"Location": "/elsewhere"}),
        document({"access_token": "for-ever", "token_type": "Bearer"}),
        document({"error": "invalid_grant"}, 400),
    ],
)
def test_without_a_token_the_call_is_not_made(tmp_path: Path, answer: Answer) -> None:
    with serving() as web:
        authorization_server(web)
        tools = Tools(web)
        oauth = {"issuer": web.url, "grant": "jwt-bearer"}
        config = install(tmp_path, tools, credential={"kind": "upstream-oauth", "oauth": oauth})
        with running(config) as gateway:
            agent = gateway.task()
            web.pages["/token"] = lambda _: answer
            reply = agent.call("office__get_case", {"case_id": "C-1"})
            assert refusal(reply) == "credential-unavailable"
            assert web.url.encode() not in reply.body
            (outcome,) = gateway.records("outcome")
        assert outcome["status"] == "refused"
        assert web.count("/elsewhere") == 0
        assert not any(b"tools/call" in one.body for one in web.asked)
        log = (tmp_path / "gateway.log").read_text()
        assert "no credential for office" in log
        assert "for-ever" not in log
