"""What excuses that something is gone, does so once a signed checkpoint covers it.

Until then whoever verifies the log would miss what went.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from safeconduct.audit import checkpoint
from safeconduct.audit.faults import LogFault

PATIENCE_S: Final = 30.0
"""How long a checkpoint may take, which comes every second, in seconds."""
_PAUSE_S: Final = 0.05


def await_checkpoint(directory: Path, size: int) -> None:
    """Waits until a checkpoint covers so many records.

    Raises:
        LogFault: none does in time.
        OSError: it cannot be read.
    """
    deadline = time.monotonic() + PATIENCE_S
    while (claimed := checkpoint.load(directory)) is None or claimed.size < size:
        if time.monotonic() > deadline:
            raise LogFault(
                "unsigned",
                "no checkpoint covers the record of what goes, so nothing went: what was to go is "
                "still there",
            )
        time.sleep(_PAUSE_S)
