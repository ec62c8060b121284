"""The worst-case agent in the environments of AgentDojo: what it does alone, and through a gateway
that runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.prefix) / "agentdojo" / "bin" / "python"


@pytest.fixture
def bench(require_program: Callable[[str], Path]) -> Callable[..., dict[str, Any]]:
    """Runs the benchmark and gives its last line; `make e2e` installs what it needs."""
    python = require_program(str(PYTHON))

    def run(*options: str) -> dict[str, Any]:
        ran = subprocess.run(
            [str(python), "-m", "bench.agentdojo", *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": "src"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return answer

    return run


@pytest.mark.timeout(300)
def test_without_defence_every_task_and_every_attack_succeeds(
    bench: Callable[..., dict[str, Any]],
) -> None:
    answer = bench("--defence", "none")
    assert answer["detector"] == "off"
    counts = {"banking": (144, 16), "slack": (105, 21), "workspace": (240, 40)}
    for suites, more in ((answer["suites"], 0), (answer["v1.2.2"], 320)):
        for name, (pairs, tasks) in counts.items():
            one = suites[name]
            assert one["pairs"] == pairs + (more if name == "workspace" else 0)
            assert (one["user_tasks"], one["done_0"]) == (tasks, tasks)
            assert one["attack_success"] == one["always_yes_attack_success"] == 1.0
            assert one["wrong_refusals"] == one["approvals_per_task"] == 0.0
    assert answer["total"]["pairs"] == 489 + 809
    assert answer["total"]["user_tasks"] == 2 * 77


@pytest.mark.timeout(300)
def test_a_gateway_that_runs_gives_the_verdicts_of_the_one_in_process(
    bench: Callable[..., dict[str, Any]],
) -> None:
    assert bench("--through-mcp", "3") == {"pairs": 3, "equal": 3}
