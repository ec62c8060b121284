"""A log on a disk of its own that fills up, and becomes read-only: DIRECTORY, in a mount namespace.

The last line says what happened.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from tests.support.logs import Memory, opened, outcome, permit

SIZE = "12m"
TEXT = "x" * 7000


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def fill(path: Path) -> None:
    """Leaves no byte free."""
    with path.open("wb", buffering=0) as file:
        for piece in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:
                continue


def told(log: Log, *records: dict[str, Any]) -> int | str:
    """The answer to an append."""
    try:
        return asyncio.run(log.append(*records))
    except LogFault as fault:
        return fault.code


def main(disk: Path) -> None:
    mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk))
    log = opened(disk / "audit", projection := Memory())
    told(log, permit("d_1"), permit("d_2"))
    fill(disk / "others")
    answer: int | str = 0
    answered = 0
    while isinstance(answer, int):
        answer = told(log, {"kind": "config", "text": TEXT})
        answered += isinstance(answer, int)
    found: dict[str, Any] = {"full": answer, "answered": answered > 0}
    found["outcome"] = isinstance(told(log, outcome("d_1")), int)
    found["decision"] = told(log, permit("d_3"))
    found["revocation"] = isinstance(told(log, {"kind": "revocation"}), int)
    (disk / "others").unlink()
    found["decision_later"] = isinstance(told(log, permit("d_4"), outcome("d_4")), int)
    told(log, outcome("d_2"))
    log.close()
    records = list(read(disk / "audit"))
    found["phases"] = [one["phase"] for one in records if one["kind"] == "audit.full"]
    found["same"] = records == projection.records
    found["verified"] = verify(disk / "audit").exit_code
    fill(disk / "others")
    try:
        opened(disk / "audit", projection)
    except (LogFault, OSError) as error:
        found["opened_full"] = type(error).__name__
    (disk / "others").unlink()
    mount("-o", "remount,ro", str(disk))
    try:
        opened(disk / "audit", projection)
    except OSError as error:
        found["opened_read_only"] = error.strerror
    found["verified_read_only"] = verify(disk / "audit").exit_code
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
