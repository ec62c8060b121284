"""The five-minute start of the README, word for word, against a real gateway and a real server.

Ports are the test's own; what a person would write by hand, the test writes.
"""

from __future__ import annotations

import os
import re
import shlex
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
            self.review()
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
        # The doctor finds that the toy server serves anybody who asks.
        assert done.returncode == ("doctor" in line), done.stderr
        self.said += done.stdout
        if "safeconduct init" in line:
            self.use_our_ports()

    def filled(self, line: str) -> str:
        """The line with ids instead of the words that stand for them."""
        for word, identifier in (("APPROVAL", r"\ba_\w{24}"), ("DECISION", r"\bd_\w{24}")):
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

    def review(self) -> None:
        """Write each pin into the manifest, and start the gateway again."""
        path = self.directory / "gateway" / "manifests" / "crm.yaml"
        text = path.read_text(encoding="utf-8")
        for pin, tool in re.findall(r"`(pin: sha256:\w+)` below crm\.(\w+)", self.said):
            text = text.replace(f"\n  {tool}:\n", f"\n  {tool}:\n    {pin}\n")
        path.write_text(text, encoding="utf-8")
        (serving,) = (line for line in self.background if "serve " in line)
        self.stop(serving)
        self.start(serving)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    for line in list(made.background):
        made.stop(line)


def test_the_first_five_minutes(terminal: Terminal) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index("\n## Five minutes\n")
    for snippet in SNIPPET.findall(text[start : text.index("\n## ", start + 1)]):
        for line in snippet.splitlines():
            terminal.type(line)
    seen = terminal.said
    assert "Order 77" in seen
    assert seen.index("control-argument-unvouched") < seen.index("approval-required")
    assert "a canary call was refused" in seen
    assert "can be undone" in seen
    assert seen.count('"text": "Shipped on Monday."') == 1
    assert re.search(r"^d_\w+: deny, |^d_\w+: elevate", seen, re.MULTILINE)
    assert re.search(r"^audit verified: \d\d records, root [0-9a-f]{64}$", seen, re.MULTILINE)
    assert "What it costs" in sections(ROOT / "README.md")
