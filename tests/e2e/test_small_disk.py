"""The log on a real file system without room, and on one that became read-only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALONE = ("unshare", "--user", "--map-root-user", "--mount")


def in_a_namespace() -> tuple[str, ...]:
    """How to mount without being seen; a test is skipped where nobody may."""
    for how in (("unshare", "--mount"), ALONE):
        if shutil.which("unshare") and not subprocess.run([*how, "true"], check=False).returncode:
            return how
    if os.environ.get("CI"):
        pytest.fail("nobody may mount here")
    pytest.skip("nobody may mount here")


def test_enospc_and_read_only_remount_on_a_file_system_of_its_own(tmp_path: Path) -> None:
    arguments = [*in_a_namespace(), sys.executable, "-m", "tests.support.small_disk", str(tmp_path)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "full": "full",
        "answered": True,
        "outcome": True,
        "decision": "full",
        "revocation": True,
        "decision_later": True,
        "phases": ["began", "ended"],
        "same": True,
        "verified": 0,
        "opened_full": "LogFault",
        "opened_read_only": "Read-only file system",
        "verified_read_only": 0,
    }
