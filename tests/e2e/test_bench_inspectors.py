"""The inspectors as they ship, on what others made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.inspectors.options import NAMES

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.prefix) / "inspectors" / "bin" / "python"


@pytest.mark.timeout(580)
def test_every_set_is_made_and_counted(
    require_program: Callable[[str], Path], tmp_path: Path
) -> None:
    wrong = tmp_path / "misses"
    ran = subprocess.run(
        [str(require_program(str(PYTHON))), "-m", "bench.inspectors", "--misses", str(wrong)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert [name for name in NAMES if answer[name]["n"] >= 100] == list(NAMES)
    assert answer["secrets"]["clean"] >= 1000
    missed = sum(round((1 - share) * n) for name in NAMES for share, n in shares(answer[name]))
    assert sum("missed" in json.loads(line) for line in wrong.read_text().splitlines()) == missed
    assert answer["all_defaults_10kb_ms"] > 0


def shares(one: dict[str, dict[str, tuple[float, int]]]) -> list[tuple[float, int]]:
    return list(one["recall_by"].values())
