"""Go's own note and tree code (`golang.org/x/mod/sumdb`, from Debian) judges our checkpoints."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.walk import Walk
from safeconduct.core.proofs import consistency, inclusion
from tests.support.evidence import BEFORE, Evidence, evidence

SOURCE = Path(__file__).parent / "go" / "judge" / "main.go"
DEBIAN = Path("/usr/share/gocode")  # where packages like golang-golang-x-mod-dev put sources

Judge = Callable[..., list[str]]


@pytest.fixture
def judge(tmp_path: Path, require_program: Callable[[str], Path]) -> Judge:
    """Builds the judge with Debian's Go and nothing from elsewhere."""
    go = require_program("go")
    if not (DEBIAN / "src" / "golang.org" / "x" / "mod" / "sumdb").exists():
        require_program("golang-golang-x-mod-dev")
    program = tmp_path / "judge"
    settings = {
        "PATH": os.environ["PATH"],
        "GO111MODULE": "off",
        "GOPATH": str(DEBIAN),
        "GOCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "-trimpath",
        "CGO_ENABLED": "0",
    }
    subprocess.run([str(go), "build", "-o", str(program), str(SOURCE)], env=settings, check=True)

    def said(*claims: dict[str, Any]) -> list[str]:
        given = "\n".join(map(json.dumps, claims))
        done = subprocess.run(
            [str(program)], input=given, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.splitlines()

    return said


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    return evidence(tmp_path, monkeypatch)


def claims(log: Evidence) -> list[dict[str, Any]]:
    """A claim for each record of a log: that it is in it, and that the log only grew."""
    tree = checkpoint.load(log.directory)
    assert tree is not None
    hashes = Hashes(log.directory, tree.size)
    entries = [entry for group in Walk(log.directory) for entry in group.entries]
    return [
        {
            "key": log.key.strip(),
            "older": log.kept.read_text(),
            "newer": log.newest.read_text(),
            "consistency": encoded(consistency(BEFORE, tree.size, hashes)),
            "record": entry.decode(),
            "index": index,
            "inclusion": encoded(inclusion(index, tree.size, hashes)),
        }
        for index, entry in enumerate(entries)
    ]


def encoded(path: list[bytes]) -> list[str]:
    return [b64encode(node).decode() for node in path]


@pytest.mark.timeout(180)
def test_go_believes_what_is_true_and_nothing_else(judge: Judge, log: Evidence) -> None:
    true = claims(log)
    assert judge(*true) == ["believed"] * 22
    one, other = true[3], true[5]
    forged = log.newest.read_text().replace("\n22\n", "\n21\n")
    refused = judge(
        {**one, "record": one["record"].replace('"ok"', '"no"')},
        {**one, "index": 4},
        {**one, "inclusion": other["inclusion"]},
        {**one, "consistency": one["consistency"][:-1]},
        {**one, "older": one["newer"]},
        {**one, "newer": forged},
        {**one, "key": one["key"].replace("crm.example", "erp.example")},
    )
    assert [sentence.split(":")[1].strip() for sentence in refused] == [
        "inclusion",
        "inclusion",
        "inclusion",
        "consistency",
        "consistency",
        "newer checkpoint",
        "older checkpoint",
    ]
    assert refused[5] == "refused: newer checkpoint: invalid signature for key " + key_of(log)


def key_of(log: Evidence) -> str:
    name, number, _ = log.key.split("+", 2)
    return f"{name}+{number}"
