"""The measurement measures: both gateways answer every call, and the last line has the cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "--rounds", "2", "--seconds", "0.2", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.timeout(120)
def test_two_short_rounds_end_in_one_line_of_json() -> None:
    ran = bench("--no-rivals", "--memory", "100")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer.pop("missing") == []
    identity, ruled = answer.pop("identity"), answer.pop("policy")
    assert 0 < ruled["own_process_gateway_us"] < ruled["own_process_us"]
    assert 0 < identity["cached_us"] < identity["uncached_us"]
    assert answer.pop("origins").keys() == {"few_us", "many_us"}
    assert list(answer) == ["direct", "null", "full", "full_2025"]
    for found in answer.values():
        assert found["p99_us"] >= found["p50_us"] > 0
        assert found["calls_per_s"] > 0
        assert found["resident_mb"] > 0
        assert found["cpu_us_iqr"][0] <= found["cpu_us"] <= found["cpu_us_iqr"][1]
    memory = answer["full"]["memory"]
    assert memory["calls"] >= 100
    assert memory["interval"][0] <= memory["bytes_per_call"] <= memory["interval"][1]
