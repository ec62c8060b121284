"""The five-minute start of the README, word for word, against a real gateway and a real server.

Ports are the test's own; what a person would write by hand, the test writes.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.demo.serving import free_port
from tests.support.pages import ROOT, sections

SNIPPET = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GATEWAY, CRM = "8700", "9101"
PATIENCE_S = 30


class Terminal:
    """Types lines as a person would, in an empty directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = {GATEWAY: str(free_port()), CRM: str(free_port())}
        self.said = ""
        self.background: dict[str, subprocess.Popen[str]] = {}
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GATEWAY": f"http://127.0.0.1:{self.ports[GATEWAY]}",
        }

    def type(self, line: str) -> None:
        if line.startswith("#"):
            self.pin()
        elif line.startswith("kill %"):
            self.stop(list(self.background)[int(line[6]) - 1])
        elif line.endswith("&"):
            self.start(line.rstrip("& "))
        elif not line.startswith("."):
            self.run(self.filled(line))

    def run(self, line: str) -> None:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.directory,
            env=self.environment,
            input="y\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        # The doctor finds that the toy server serves anybody who asks; a refusal is no success.
        expected = "doctor" in line or '"decision_id"' in done.stdout
        assert done.returncode == expected, done.stderr
        self.said += done.stdout
        if "safeconduct init" in line:
            self.use_our_ports()

    def fails(self, line: str) -> str:
        """What a line that cannot work says, in one line."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def filled(self, line: str) -> str:
        """The line with ids instead of the words that stand for them."""
        refused = r'"decision_id": *"(d_\w{24})'
        for word, identifier in (("APPROVAL", r"\ba_\w{24}"), ("DECISION", refused)):
            if word in line:
                line = line.replace(word, re.findall(identifier, self.said)[-1])
        return line

    def start(self, line: str) -> None:
        port = self.ports[CRM if "server" in line else GATEWAY]
        words = shlex.split(line) + ([port] if "server" in line else [])
        process = subprocess.Popen(
            words, cwd=self.directory, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.background[line] = process
        assert process.stdout is not None
        assert process.stdout.readline(), "it ended before it was ready"

    def stop(self, line: str) -> None:
        process = self.background.pop(line)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)

    def use_our_ports(self) -> None:
        path = self.directory / "gateway" / "safeconduct.yaml"
        text = path.read_text(encoding="utf-8")
        for port, ours in self.ports.items():
            text = text.replace(f":{port}", f":{ours}")
        path.write_text(text, encoding="utf-8")

    def pin(self) -> None:
        """Write each line that the doctor printed below its tool."""
        path = self.directory / "gateway" / "manifests" / "crm.yaml"
        text = path.read_text(encoding="utf-8")
        said = re.findall(r"below `(\w+):` in manifests/crm.yaml\n(    pin: sha256:\w+)", self.said)
        assert [tool for tool, _ in said] == re.findall(r"^  (\w+):$", text, re.MULTILINE)
        for tool, pin in said:
            text = text.replace(f"\n  {tool}:\n", f"\n  {tool}:\n{pin}\n")
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    for line in list(made.background):
        made.stop(line)


def snippets() -> list[list[str]]:
    """The lines of each snippet of the five minutes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index("\n## Five minutes\n")
    found = SNIPPET.findall(text[start : text.index("\n## ", start + 1)])
    return [snippet.splitlines() for snippet in found]


def test_the_first_five_minutes(terminal: Terminal) -> None:
    for snippet in snippets():
        for line in snippet:
            terminal.type(line)
    seen = terminal.said
    assert "Order 77" in seen
    assert seen.index("control-argument-unvouched") < seen.index("approval-required")
    assert "a canary call was refused" in seen
    assert "can be undone" in seen
    assert seen.count('"text": "Shipped on Monday."') == 1
    assert re.search(r"^d_\w+: deny, |^d_\w+: elevate", seen, re.MULTILINE)
    # What `explain` put on record may be signed a moment later.
    count = r"\d\d records(?:, \d of them not signed yet)?, \d payloads"
    assert re.search(rf"^audit verified: {count}, root [0-9a-f]{{64}}$", seen, re.MULTILINE)
    assert "What it costs" in sections(ROOT / "README.md")


def test_who_called_before_the_review_begins_anew_without_the_state(terminal: Terminal) -> None:
    begin, review, (task, read, _, comment), *_ = snippets()
    for line in (*begin, task, read, *review, comment):
        terminal.type(line)
    assert "flow-confidentiality" in terminal.said
    serving = review[-1].rstrip("& ")
    terminal.stop(serving)
    shutil.rmtree(terminal.directory / "gateway" / "state")
    terminal.start(serving)
    assert "the task may be over, or another gateway's" in terminal.fails(read)
    (terminal.directory / "task.jwk").unlink()
    terminal.said = ""
    for line in (task, read, comment):
        terminal.type(line)
    assert "as crm__get_case" in terminal.fails(read.replace("crm__", ""))
    assert "flow-confidentiality" not in terminal.said
    assert "approval-required" in terminal.said
