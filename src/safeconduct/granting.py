"""What persons grant a task beyond its request: sub-grants and releases, and what they rest on.

What sources and results said is kept in memory, and bounded. What is no longer here leads nowhere
and goes nowhere, until it is read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, cast

from safeconduct.core import subgrants
from safeconduct.core.admit import Admitted
from safeconduct.core.model import Call, Gathered
from safeconduct.core.provenance import Origin, decimal, normalise, value_digest
from safeconduct.core.sightings import sightings
from safeconduct.ports import JSON

MAX_LED: Final = 1_000
"""How many values of one source are kept, the first."""

MAX_TASKS: Final = 50
"""Of how many tasks: those that were quiet longest go first. With eight sources each, and values of
at most 256 characters, that is 150 MB at worst."""

MAX_KEPT: Final = 16_777_216
"""How many bytes of results are kept, the latest: in memory they are a few times as large."""


class Granting:
    """By task and sub-grant, the values that its source returned; and by decision, results."""

    def __init__(self) -> None:
        self._led: OrderedDict[str, dict[int, frozenset[str]]] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str], tuple[JSON, int]] = OrderedDict()
        self._size = 0

    def see(self, call: Call, gathered: Gathered, values: Iterable[str]) -> None:
        """Takes in what a call returned, if it is the read of a source that is followed."""
        task, tool = gathered.task, gathered.tool
        manifest = tool.manifest
        if manifest is None or tool.effect.changes_state:
            return
        reading = [
            one for one in task.subgrants if one.grant.reads(call.target, call.arguments, manifest)
        ]
        if not reading:
            return
        found = set[str]()
        for value in values:
            found.update((value, decimal(value) or value))
            if len(found) >= MAX_LED:
                break
        known = self._led.setdefault(task.id, {})
        self._led.move_to_end(task.id)
        for one in reading:
            # What it says now is what it says: an older version was another page.
            known[one.number] = frozenset(found)
        if len(self._led) > MAX_TASKS:
            self._led.popitem(last=False)

    def keep(self, task: str, decision: str, admitted: Admitted) -> None:
        """Keeps a result for a while: a person may release it."""
        if admitted.size <= MAX_KEPT:
            self._kept[task, decision] = (admitted.read, admitted.size)
            self._size += admitted.size
            while self._size > MAX_KEPT:
                self._size -= self._kept.popitem(last=False)[1][1]

    def forget(self, forgotten: Callable[[str], bool]) -> None:
        """Forgets what was read by tasks."""
        for task in [one for one in self._led if forgotten(one)]:
            del self._led[task]
        for one in [one for one in self._kept if forgotten(one[0])]:
            self._size -= self._kept.pop(one)[1]

    def keeps(self, task: str, decision: str) -> bool:
        """Whether the result of a decision of this task is at hand."""
        return (task, decision) in self._kept

    def origins(self, call: Call, gathered: Gathered, key: str, text: str) -> list[Origin]:
        """The origins that persons gave a value in this call; `key`: `vouching_key`."""
        task, effect, now_ms = gathered.task, gathered.tool.effect, gathered.now_ms
        known = self._led.get(task.id, {})
        found = [
            subgrants.origin(one.number)
            for one in task.subgrants
            if text in known.get(one.number, ()) and one.lets(call.target, effect, now_ms)
        ]
        endorsing = [one for one in task.releases if one.key == key]
        if endorsing:
            digest = value_digest(text)
            found += [
                Origin("endorsed", one.id)
                for one in endorsing
                if one.value == digest and one.lets(call.target, now_ms)
            ]
        return found

    def released(self, call: Call, gathered: Gathered) -> dict[str, str]:
        """By argument, a release of a result that said all of it."""
        task = gathered.task
        found: dict[str, str] = {}
        for one in task.releases:
            kept = self._kept.get((task.id, one.decision))
            if kept is None or not one.lets(call.target, gathered.now_ms):
                continue
            values, _ = sightings(kept[0])
            said = {*values, *_scalars(kept[0])}
            for name, value in call.arguments.items():
                if name not in found and _within(value, said):
                    found[name] = one.id
        return found


def _within(value: object, said: Collection[str]) -> bool:
    """Whether everything that an argument says was said there, word by word as it stands."""
    texts = list(_scalars(value))
    return bool(texts) and all(text in said for text in texts)


def _scalars(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield name
            yield from _scalars(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _scalars(item)
    elif (text := normalise(value)) is not None:
        yield text
