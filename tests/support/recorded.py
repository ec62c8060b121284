"""What is on record, as somebody reads it who has the gateway's keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safeconduct.audit.payloads.opening import opener
from safeconduct.audit.reading import read


def recorded(audit: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The records of a log, with their users, and decisions with what they are replayed from."""
    keys = opener(audit)
    try:
        return [keys.whole(one) for one in read(audit) if kind in (None, one["kind"])]
    finally:
        keys.close()


def payloads(audit: Path, kind: str) -> list[Any]:
    """What was sealed beside the records of a kind: the content, or why it cannot be seen."""
    keys = opener(audit)
    try:
        opened = [keys.opened(one) for one in read(audit) if one["kind"] == kind]
    finally:
        keys.close()
    return [None if one is None else one.content or one.why for one in opened]
