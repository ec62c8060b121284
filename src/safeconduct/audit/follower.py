"""What lives from following the log, each part in a thread of its own, so that one that hangs holds
up no other, and none of them a call.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

_log = logging.getLogger(__name__)

CURSORS: Final = "cursors"
"""Where the cursors of exports are, below the state directory of a gateway."""

POLL_S: Final = 0.2
"""How often to look whether the log has grown, in seconds."""

AGAIN_S: Final = 5.0
"""How long a part that failed rests before it is opened anew, in seconds."""

_LEAVE_S: Final = 2.0


class Part(Protocol):
    """Something that follows the log."""

    def advance(self) -> bool:
        """Takes in what the log has gained; whether there may be more at once. Raises what it
        will: it is opened anew then, and goes on from what it has made durable.
        """
        ...


Open = Callable[[Event], Part]
"""Opens a part, which stops all waiting when the event is set."""


def follow(parts: Mapping[str, Open], stop: Event) -> None:
    """Runs parts, by their names, until the stop; who does not end in time is left behind."""
    threads = [
        Thread(target=_run, args=(name, opens, stop), name=f"follow-{name}", daemon=True)
        for name, opens in parts.items()
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + _LEAVE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def hold(cursors: Path) -> int | None:
    """Makes the directory of cursors and locks it; None where another follower is at work. Closing
    the file descriptor unlocks it. Raises OSError.
    """
    cursors.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(cursors, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _run(name: str, opens: Open, stop: Event) -> None:
    part: Part | None = None
    while not stop.is_set():
        try:
            part = part or opens(stop)
            if not part.advance():
                stop.wait(POLL_S)
        except Exception as error:  # noqa: BLE001  whatever it is, it ends neither the others nor this
            _log.error("%s stands still: %s: %s", name, type(error).__name__, error)
            part = None
            stop.wait(AGAIN_S)
