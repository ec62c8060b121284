"""Messages over HTTP: which answers are worth another try."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safeconduct.approvals.notifying.notifier import Undelivered
from safeconduct.kit.fetch import Fetched, FetchError, fetch

TIMEOUT_S: Final = 10.0
MAX_ANSWER: Final = 256 * 1024


async def post(url: str, headers: Mapping[str, str], body: bytes, ca: Path | None) -> Fetched:
    """The answer, whose status is 2xx. Raises Undelivered."""
    try:
        answer = await fetch(
            url,
            method="POST",
            headers=headers,
            body=body,
            ca=ca,
            timeout_s=TIMEOUT_S,
            max_bytes=MAX_ANSWER,
        )
    except FetchError as fault:
        raise Undelivered(str(fault), again=True) from None
    if 200 <= answer.status < 300:
        return answer
    again = answer.status in {408, 425, 429} or answer.status >= 500
    after = answer.headers.get("retry-after", "")
    after_s = float(after) if after.isascii() and after.isdigit() else 0.0
    raise Undelivered(f"HTTP {answer.status}", again=again, after_s=after_s)
