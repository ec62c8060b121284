"""Values that the agent holds only sealed, over HTTP: who may have them gets them, nobody else."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.config.schema import Config
from safeconduct.ports import JSON
from tests.e2e.inspected import called, installed
from tests.faults.upstream_servers import Request
from tests.support.installation import DANA, EVE, Office, running, serving

CASE = {"case_id": "C-1"}
TOKEN = r"<email:([A-Za-z0-9_-]{22,})>"


class Sorting(Office):
    """An office that notes what its tools were given, and repeats it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[str, JSON]] = []
        for name in ("send", "get_case"):
            self.replies[name] = self.repeat

    def repeat(self, request: Request) -> None:
        params = request.message["params"]
        self.given.append((params["name"], params["arguments"]))
        said = f"{params['name']} with {params['arguments']}"
        if params["arguments"] == CASE:
            said = f"Dana ({DANA}) and Eve ({EVE}) wrote."
        request.answer({"content": [{"type": "text", "text": said}]})


@pytest.fixture
def office() -> Generator[Sorting]:
    with serving(Sorting()) as office:
        yield office


def tokenising(directory: Path, office: Office) -> Config:
    trusted = {"integrity": "trusted", "confidentiality": "internal"}
    send = {"clearance": "confidential", "allow": {"recipients": {"values": [DANA]}}}
    return installed(
        directory,
        office,
        inspectors={"pii": {}},
        tools={
            "get_case": {
                "arguments": {"case_id": {"role": "content"}},
                "returns": {"source": trusted, "tokenise": ["pii.email"]},
                "sink": {"clearance": "confidential"},
            },
            "send": {"sink": {**send, "reveals": ["pii.email"]}},
        },
    )


async def test_the_agent_sees_tokens_and_only_who_may_is_told(
    tmp_path: Path, office: Sorting
) -> None:
    with running(tokenising(tmp_path, office)) as gateway:
        task, other = gateway.task().task, gateway.task().task

        async def said(name: str, arguments: dict[str, Any], of: Any = task) -> tuple[str, str]:
            text, reason, _ = await called(gateway, of, name, arguments)
            return text, reason

        text, _ = await said("get_case", CASE)
        seen = re.fullmatch(rf"Dana \(({TOKEN})\) and Eve \(({TOKEN})\) wrote\.", text)
        assert seen is not None, text
        dana, eve = seen[1], seen[3]
        assert dana != eve
        # The same value has the same token in this task, and in no other.
        assert await said("get_case", CASE) == (text, "")
        elsewhere, _ = await said("get_case", CASE, other)
        assert re.search(TOKEN, elsewhere) is not None
        assert dana not in elsewhere

        # The upstream that mails gets the address; the agent reads its own words again.
        mail = {"body": f"Hello {dana}", "to": dana}
        text, reason = await said("send", mail)
        assert (text, reason) == (f"send with {mail}", "")
        assert office.given[-1] == ("send", {"to": DANA, "body": f"Hello {DANA}"})
        # What it stands for is judged as if it had been written out.
        assert await said("send", {"to": eve, "body": "Hi"}) == ("", "destination-not-allowed")
        # Another tool gets the token, as text.
        assert (await said("get_case", {"case_id": dana}))[1] == ""
        assert office.given[-1] == ("get_case", {"case_id": dana})
        # A token of another task, or one that was changed, stands for nothing.
        broken = dana[:-2] + ("A" if dana[-2] != "A" else "B") + ">"
        theirs = re.search(TOKEN, elsewhere)
        for one in (theirs[0] if theirs else "", broken):
            assert await said("send", {"to": one, "body": "Hi"}) == ("", "destination-not-allowed")
        assert [one for one in office.given if one[0] == "send"] == [
            ("send", {"to": DANA, "body": f"Hello {DANA}"})
        ]
        gateway.verified()


async def test_a_restart_keeps_what_tokens_stand_for(tmp_path: Path, office: Sorting) -> None:
    config = tokenising(tmp_path, office)
    with running(config) as gateway:
        task = gateway.task().task
        text, _, _ = await called(gateway, task, "get_case", CASE)
        gateway.process.kill()
        gateway.process.wait()
    token = re.search(TOKEN, text)
    assert token is not None
    with running(config) as gateway:
        _, reason, _ = await called(gateway, task, "send", {"to": token[0], "body": "Hi"})
        assert reason == ""
        assert office.given[-1] == ("send", {"to": DANA, "body": "Hi"})
