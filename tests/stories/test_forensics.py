"""The story of a note on the wrong case, as it is played."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.pages import ROOT

FOUND = {
    "a refusal becomes a permit": 11,
    "the last records are cut off": "1[01]",
    "what was sealed is deleted": 13,
    "another log is put in its place": 11,
}


@pytest.mark.timeout(240)
def test_who_did_what_is_answered_and_proven() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "examples.forensics"],
        cwd=ROOT,
        # Nothing beyond this machine is asked.
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    *story, last = played.stdout.splitlines()
    told = json.loads(last)
    assert told["questions_asked"] == told["answered_as_they_should_be"] == 15
    answers = [line for line in story if line.startswith("  yes  ")]
    assert len(answers) == 15
    for what, code in FOUND.items():
        line = rf"  yes  {what} \(found: {code} by our verifier, {code} by the other\)"
        assert any(re.fullmatch(line, one) for one in answers), what
