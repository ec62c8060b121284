"""Times as people say them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

_AGO: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment_ms(text: str, now_ms: int) -> int:
    """A time as RFC 3339 has it, or so long ago: `7d`, `24h`; in milliseconds since the epoch.

    Raises:
        ValueError: it is neither.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ms - int(ago[1]) * _UNIT_S[ago[2]] * 1000
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(
            f"{text!r} is no time (fix: 7d, 24h, or as in 2026-11-21T09:00:00Z, with a zone)"
        )
    return int(at.timestamp() * 1000)
