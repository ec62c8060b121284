"""`make fuzz`: every target for its share of the time, several at once; the last line is JSON.

Exit code 1 says that something was found. What is done with it: CONTRIBUTING.md, "Fuzzing".
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from fuzz.mutate import MAX_BYTES
from fuzz.targets import CORPUS, TARGETS

KEPT: Final = Path(".cache/fuzz")
"""Where the inputs that reached something new are kept for the next time, and the findings."""

_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_/.-]{2,30}")
_SLOW_S: Final = 10
_MEMORY_MB: Final = 1024
_STATUS: Final = re.compile(
    r"^#(\d+)\s+(INITED|DONE|pulse|NEW|REDUCE|RELOAD)\s+cov: (\d+)", re.MULTILINE
)


class Found(NamedTuple):
    """What came of one target: `before` and `after` count the places in the code reached."""

    name: str
    executions: int
    before: int
    after: int
    findings: list[Path]
    output: str


def fuzz(name: str, seconds: int) -> Found:
    """Runs a target for a while, or until it finds something."""
    kept, findings = KEPT / name, KEPT / "findings" / name
    for folder in (kept, findings):
        folder.mkdir(parents=True, exist_ok=True)
    earlier = set(findings.iterdir())
    words = KEPT / f"{name}.words"
    words.write_bytes(_words(name))
    command = [
        *(sys.executable, "-m", "fuzz.guided", name),
        *(f"-max_total_time={seconds}", f"-timeout={_SLOW_S}", f"-rss_limit_mb={_MEMORY_MB}"),
        *(f"-dict={words}", f"-max_len={MAX_BYTES}", "-print_final_stats=1"),
        *(f"-artifact_prefix={findings}/", str(kept), str(CORPUS / name)),
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    output = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
    reached = [(int(number), int(count)) for number, _, count in _STATUS.findall(output)]
    first = next((int(count) for _, kind, count in _STATUS.findall(output) if kind == "INITED"), 0)
    new = sorted(set(findings.iterdir()) - earlier)
    if done.returncode != 0 and not new:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{output[-4000:]}")
    executions, after = reached[-1] if reached else (0, 0)
    told = re.search(r"number_of_executed_units: (\d+)", output)
    return Found(name, int(told[1]) if told else executions, first, after, new, output)


def _words(name: str) -> bytes:
    """What stands in the seeds of a target, as a dictionary of libFuzzer."""
    found = {
        word for file in (CORPUS / name).iterdir() for word in _WORD.findall(file.read_bytes())
    }
    return b"".join(b'"%b"\n' % word for word in sorted(found))


def replay(name: str, file: Path) -> None:
    """Runs a target once; raises what it raises."""
    TARGETS[name].run(file.read_bytes())


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="for all targets together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one target on one input")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    given = parser.parse_args()
    names: list[str] = given.targets or list(TARGETS)
    if not set(names) <= set(TARGETS):
        parser.error(f"the targets are {', '.join(TARGETS)}")
    if given.replay is not None:
        for name in names:
            replay(name, given.replay)
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed; `make fuzz` installs it where it has a wheel")
    seconds = max(1, round(given.minutes * 60 * min(given.jobs, len(names)) / len(names)))
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        runs = [pool.submit(fuzz, name, seconds) for name in names]
        results = [_told(run.result()) for run in concurrent.futures.as_completed(runs)]
    findings = sum(len(one.findings) for one in results)
    summary: dict[str, Any] = {
        "executions": sum(one.executions for one in results),
        "findings": findings,
        "reached": {one.name: [one.before, one.after] for one in results},
    }
    print(json.dumps(summary))
    return 1 if findings else 0


def _told(found: Found) -> Found:
    print(f"{found.name:14} {found.executions:>9} inputs, reached {found.before} -> {found.after}")
    for file in found.findings:
        print(found.output[-2000:])
        print(f"found by {found.name}; to see it again:")
        print(f"  .venv/bin/python -m fuzz --replay {file} {found.name}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
