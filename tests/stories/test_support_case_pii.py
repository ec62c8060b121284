"""The story of a customer's data and a support case, as it is played."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.pages import ROOT

REFUSED = {
    "Jane's copilot reads K-2, whose analyst is Bob": "policy-denied",
    "Jane's copilot reads K-3, whose case is closed": "policy-denied",
    "Jane's copilot reads K-4, which has no case": "policy-denied",
    "Bob's copilot reads K-1, whose analyst is Jane": "policy-denied",
    "the copilot reads K-1 of its own accord": "policy-denied",
    "it says itself that there is a case": "arguments-invalid",
    "it says itself who the analyst is": "arguments-invalid",
    "it asks for the case itself": "Unknown tool",
    "it spells the customer otherwise": "policy-denied",
    "Jane's copilot reads K-1 after its case was closed": "policy-denied",
    "Jane's copilot reads K-1 after it was given to Bob": "policy-denied",
    "Jane's copilot reads K-1 in a status that nobody knows": "policy-denied",
}


@pytest.mark.timeout(180)
def test_pii_needs_an_active_case_and_its_analyst() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "examples.support_case_pii"],
        cwd=ROOT,
        # Nothing beyond this machine is asked.
        env=os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    before, change, reloaded, with_a_case, without, verified = played.stdout.split("\n\n")
    assert before.count("  done  ") == 4
    assert change.splitlines()[-1] == "3 decisions change, 0 of them wider, 3 narrower"
    assert "rules +pii.not-the-analyst -customer.read" in change
    assert re.search(r"^  the policy is now [0-9a-f]{64}$", reloaded, re.MULTILINE)
    assert with_a_case.count("  done  ") == 2
    assert dict(re.findall(r"^  refused  (.*): (.*)$", without, re.MULTILINE)) == REFUSED
    assert without.count("  done  ") == 1
    assert "SUCCEEDED" not in played.stdout
    audit, told = verified.splitlines()
    assert re.fullmatch(
        r"audit verified: \d+ records, (.+, )?\d+ payloads, root [0-9a-f]{64}",
        audit,
    )
    assert json.loads(told) == {"attacks_tried": len(REFUSED), "attacks_succeeded": 0}
