"""The stories of attacks, as they are played: none succeeds, and each for the reason it should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.pages import ROOT

pytestmark = pytest.mark.timeout(180)

STORIES = {
    "stolen_token": {
        "as a bearer token": "HTTP 401",
        "the same once more": "HTTP 401",
        "a task without a user": "invalid_request",
        "a task without an agent": "invalid_request",
        "a task of the thief's own": "invalid_grant",
        "both anew, for the copilot's task on the thief's key": "invalid_dpop_proof",
        "more scopes, by a renewal": "invalid_scope",
        "a part of it for an accomplice": "unauthorized_client",
        "a call in the part that was passed on": "task-revoked",
        "a proof of before": "HTTP 401",
    },
    "confused_deputy": {
        "a note in his own task": "Unknown tool",
        "Jane's task, renewed by his token": "invalid_grant",
        "his words in Jane's task": "invalid_request",
        "and the copilot obeys": "control-argument-unvouched",
        "in a task whose purpose it declares itself": "purpose-unattested",
        "the printer takes what was handed to the helper": "invalid_request",
        "the printer is handed a part itself": "unauthorized_client",
        "a task token": "HTTP 401",
        "an SVID": "invalid_request",
    },
}


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_gained(story: str) -> None:
    played = subprocess.run(
        [sys.executable, "-m", f"examples.{story}"],
        cwd=ROOT,
        # Nothing beyond this machine is asked.
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    lines = played.stdout.splitlines()
    attacks = [line for line in lines if line.startswith(("  refused  ", "  SUCCEEDED  "))]
    assert not [line for line in attacks if "SUCCEEDED" in line]
    assert lines[-1] == f'{{"attacks_tried":{len(attacks)},"attacks_succeeded":0}}'
    assert json.loads(lines[-1])["attacks_tried"] >= 25
    assert re.search(r"^audit verified: \d+ records", played.stdout, re.MULTILINE)
    said = dict(
        line.removeprefix("  refused  ").rsplit(": ", 1) for line in attacks if ": " in line
    )
    for what, why in STORIES[story].items():
        assert said[what] == why, what
    # What the agents may do, they did.
    assert played.stdout.count("done") >= 1
    assert not re.search(r"\((?!.*done\)$).*\)$", played.stdout, re.MULTILINE)
