"""What happens to logs that is no one's fault."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.reading import read
from tests.support.logs import opened


async def incident_records(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """What a log has to say itself, of a disk that was full for a while, and of a clock."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    log = opened(directory)
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", full)
        with pytest.raises(LogFault):
            await log.append({"kind": "config"})
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.clock.time.time_ns", lambda: 0)
        await log.append({"kind": "config"})
    log.close()
    return [record for record in read(directory) if record["kind"] != "config"]
