"""Looks for texts in definitions that speak to the agent ("tool poisoning")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from safeconduct.core.model import KEY, Finding
from safeconduct.kit.work import AT_ONCE, MOST, Work, bounded_by
from safeconduct.ports import JSON, Inspector

UNREAD: Final = Finding("instruction.unread", (), 0, 0)
"""What stands for all that an inspector could have found, where it failed."""


def scanned(
    definition: JSON, inspector: Inspector | None, work: Work | None = None
) -> tuple[Finding, ...]:
    """What an inspector finds in the texts and names of a definition; nothing without one. `work`
    is what is left for all that its upstream offers; one definition may take so much that nobody
    waits for it.
    """
    if inspector is None:
        return ()
    work = work or Work(MOST)
    one = Work(min(work.left, AT_ONCE))
    given = one.left
    try:
        with bounded_by(one):
            return inspector.inspect(definition)
    except Exception:  # noqa: BLE001  what could not be looked at is not trusted at first sight
        return (UNREAD,)
    finally:
        work.left -= given - max(one.left, 0)


def shown(definition: JSON, found: Iterable[Finding]) -> tuple[str, ...]:
    """Each finding in one line, with the text that it is about."""
    return tuple(f"{one.kind} {_where(one)}: {_text(definition, one)}" for one in found)


def _where(found: Finding) -> str:
    return ".".join(str(step) for step in found.where if step != KEY) or "definition"


def _text(definition: JSON, found: Finding) -> str:
    value: object = definition
    for step in found.where:
        if step == KEY:
            break
        value = cast("dict[str | int, object]", value)[step]
    name = found.where[-2] if found.where[-1:] == (KEY,) else value
    text = name if isinstance(name, str) else ""
    return ascii(text[found.start : found.end])
