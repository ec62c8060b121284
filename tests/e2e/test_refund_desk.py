"""The story of the refund desk, with people in Chromium: `make story STORY=refund_desk`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.debian, pytest.mark.timeout(300)]


def test_the_desk_approves_and_executes_once_and_no_attack_succeeds(
    require_program: Callable[[str], Path],
) -> None:
    require_program("chromium")
    require_program("chromedriver")
    command = [sys.executable, "-m", "examples.refund_desk"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "approved_once": 1,
        "executed_once": 1,
        "attacks_tried": 22,
        "attacks_succeeded": 0,
    }
