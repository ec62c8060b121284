"""Where values come from (steps 3, 9 and 10): the origins of arguments, and what results vouch for.

What a task has read is indexed value by value. The index of sightings is in memory and bounded: a
value that it no longer holds counts as never seen, which only makes an answer stricter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final, cast

import msgspec

from safeconduct.core.admit import Admitted
from safeconduct.core.amounts import BASIS
from safeconduct.core.labels import BOTTOM
from safeconduct.core.leading import OTHER_FIELD, OWN_FIELD, OWN_ROW
from safeconduct.core.limits import CALLS
from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES, Argument
from safeconduct.core.model import Call, Gathered, ToolFacts
from safeconduct.core.paths import select
from safeconduct.core.provenance import (
    Origin,
    Place,
    Reading,
    decimal,
    normalise,
    offered,
    requested,
    single,
    vouched_for,
    vouching_key,
)
from safeconduct.core.request import request, request_origin
from safeconduct.core.sightings import SHAPES, Sightings, doubtful, own_fields
from safeconduct.core.verdict import Choice, Grant
from safeconduct.core.vouching import owns, structured
from safeconduct.core.writing import object_name, objects_named, objects_returned
from safeconduct.granting import Granting
from safeconduct.ports import TaskState

MAX_VALUES: Final = 10_000
"""How many sightings of one task are kept, the first: what is not among them was never seen."""

MAX_BLIND: Final = 10_000
"""Of how many tasks it is known that some of what they read is not."""

MAX_PLACES: Final = 4
"""How many places of one value are kept, the strongest and those that speak against it first."""

MAX_ALL: Final = 200_000
"""How many of all tasks together: those of the tasks that were quiet longest go first. With values
of at most 256 characters that is 100 MB at worst."""

MAX_WORDS: Final = 16
"""A text of more words is not put together from what was read, as far as anybody can tell."""

MARKS: Final = ".,:;!?()[]\"'"

CONTENT: Final = Argument(role="content")
CONSTANT: Final = (Origin("policy-constant"),)

_Seen = dict[str, tuple[Origin, ...]]
_CANDIDATES: Final = frozenset[Place]({"single-source", "named-source"})
_POINTING: Final = frozenset[Choice](
    {"named-object", "named-query", "named-field", "single-source"}
)


class Sighted:
    """What each task has read, from whatever source: each value and where it stood."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, _Seen] = OrderedDict()
        self._blind: OrderedDict[str, None] = OrderedDict()
        self._opened: OrderedDict[str, dict[str, None]] = OrderedDict()
        self._size = 0

    def see(self, task: str, values: Mapping[str, tuple[Origin, ...]]) -> None:
        """Takes in the values of a result, and where they stood."""
        seen = self._tasks.setdefault(task, {})
        self._tasks.move_to_end(task)
        before = len(seen)
        for value, places in values.items():
            known = seen.get(value, ())
            if known or len(seen) < MAX_VALUES:
                seen[value] = tuple(sorted({*known, *places}, key=_rank)[:MAX_PLACES])
        self._size += len(seen) - before
        while self._size > MAX_ALL and len(self._tasks) > 1:
            name, gone = self._tasks.popitem(last=False)
            self._size -= len(gone)
            self._miss(name)

    def whole(self, task: str, *, read: bool) -> bool:
        """Whether the index holds all that the task has read. Where it has `read` something of
        which nothing is here, as after a restart, it never does again.
        """
        if read and task not in self._tasks:
            self._miss(task)
        return task not in self._blind and len(self._tasks.get(task, {})) < MAX_VALUES

    def _miss(self, task: str) -> None:
        self._blind[task] = None
        if len(self._blind) > MAX_BLIND:
            self._blind.popitem(last=False)

    def leading(self, task: str, wheres: frozenset[str]) -> frozenset[str]:
        """The addresses that stood in these places, alone of their shape or not, but for pages that
        were opened.
        """
        opened = self._opened.get(task, {})
        return frozenset(
            [
                value
                for value, places in self._tasks.get(task, {}).items()
                if SHAPES["recipient"].fullmatch(value) or SHAPES["destination"].fullmatch(value)
                if value not in opened
                if any(one.place in _CANDIDATES and one.where in wheres for one in places)
            ]
        )

    def open(self, task: str, destinations: Iterable[str]) -> None:
        """Takes in where the task has read."""
        opened = self._opened.setdefault(task, {})
        opened.update(dict.fromkeys(destinations))
        while len(self._opened) > MAX_BLIND:
            self._opened.popitem(last=False)

    def origins(self, task: str, value: str) -> tuple[Origin, ...]:
        """Where the task saw this value, if it did. What once stood among others of its shape is
        not the one that the request points to, wherever it stood alone besides.
        """
        found = self._tasks.get(task, {}).get(value, ())
        if any(one.place == "named-source" for one in found):
            return tuple([one for one in found if one.place != "single-source"])
        return found


def _rank(origin: Origin) -> tuple[int, str]:
    return _ORDER.index(origin.place), origin.where


_ORDER: Final[tuple[Place, ...]] = ("offered", "named-source", "single-source", "seen")


class Origins:
    """The provenance of the values of calls and results."""

    def __init__(self, state: TaskState) -> None:
        self._state = state
        self._sighted = Sighted()
        self._changing: OrderedDict[str, None] = OrderedDict()
        self.granting = Granting()

    def of(self, call: Call, gathered: Gathered) -> dict[str, tuple[Origin, ...]]:
        """For each argument the places its exact value was seen; lists and addresses one by one,
        by `name=value`, too.
        """
        manifest = gathered.tool.manifest
        declared = {} if manifest is None else manifest.arguments
        found: dict[str, tuple[Origin, ...]] = {}
        for name, value in call.arguments.items():
            argument = declared.get(name, CONTENT)
            constant = CONSTANT if name in call.constrained else ()
            if argument.role not in ADDRESS_ROLES and not isinstance(value, list):
                text = normalise(value, argument.role)
                seen = () if text is None else self._of_value(call, gathered, argument, text)
                found[name] = (*constant, *seen)
                continue
            values = cast("list[object]", value) if isinstance(value, list) else [value]
            each = {
                text: (*constant, *self._of_value(call, gathered, argument, text))
                for item in values
                if (text := normalise(item, argument.role)) is not None
            }
            # A list as a whole is as good as its least good value.
            complete = bool(each) and len(each) == len(values)
            whole = [one for origins in each.values() for one in origins]
            for enough in (vouched_for, requested, single, offered):
                if not (complete and all(map(enough, each.values()))):
                    whole = [one for one in whole if not enough((one,))]
            found[name] = tuple(dict.fromkeys(whole))
            found.update({f"{name}={text}": origins for text, origins in each.items()})
        if (
            manifest is not None
            and manifest.unvouched == "follow"
            and any(declared[name].role in ADDRESS_ROLES for name in found if name in declared)
        ):
            self._follow(gathered, declared, found)
        return found

    def listed(
        self,
        call: Call,
        gathered: Gathered,
        provenance: dict[str, tuple[Origin, ...]],
        on_file: Mapping[str, Origin],
    ) -> dict[str, tuple[Origin, ...]]:
        """The provenance with what a resolver says of arguments that are on file; nothing of those
        that an agent may have put there.
        """
        vouched = {
            name: (one, *provenance[name])
            for name, one in on_file.items()
            if not self._written(gathered, str(normalise(call.arguments[name])))
        }
        return {**provenance, **vouched} if vouched else provenance

    def _follow(
        self,
        gathered: Gathered,
        declared: Mapping[str, Argument],
        found: dict[str, tuple[Origin, ...]],
    ) -> None:
        """An address is led to only where all else that steers stands beside it, and no other
        address stands beside that anywhere.
        """
        beside: frozenset[str] | None = None
        for name, argument in declared.items():
            if name in found and argument.role in CONTROL_ROLES - ADDRESS_ROLES:
                wheres = frozenset([one.where for one in found[name] if OTHER_FIELD in one.where])
                beside = wheres if beside is None else beside & wheres
        leading = self._sighted.leading(gathered.task.id, beside or frozenset())
        if len(leading) != 1:
            for name, origins in found.items():
                found[name] = tuple([one for one in origins if one.place != "single-source"])

    def reading(self, call: Call, gathered: Gathered, grant: Grant) -> Reading:
        """What the result of this call may vouch for."""
        task, system = gathered.task, gathered.tool.system
        asked = request(task.purpose)
        speaks = task.purpose_source != "agent"
        return Reading(
            chosen=None if grant.chosen == "single-source" else grant.chosen,
            sought=frozenset(
                [
                    value
                    for value in call.arguments.values()
                    if isinstance(value, str) and speaks and asked.quotes(value)
                ]
            ),
            names=asked.names_row if speaks else _nothing,
            mentions=asked.mentions if speaks else _nothing,
            ranks=asked.ranks if speaks and self._unchanged(gathered) else _nothing,
            touched=partial(self._touched, gathered.tenant, system),
            written=partial(self._state.written, gathered.tenant, system),
            user=gathered.user.id,
        )

    def _unchanged(self, gathered: Gathered) -> bool:
        """Whether the task has changed nothing yet: then nothing comes first by its own doing."""
        task = gathered.task
        before = task.counts.get(CALLS, 0) > 0
        return task.id not in self._changing and self._sighted.whole(task.id, read=before)

    def _touched(self, tenant: str, system: str, resource_type: str, identifier: str) -> bool:
        name = object_name(resource_type, identifier)
        return self._state.object_label(tenant, system, name) != BOTTOM

    def returned(self, call: Call, gathered: Gathered, admitted: Admitted) -> Admitted:
        """The result with the labels of what agents wrote to the objects that it holds.

        Raises TooManyValues.
        """
        tool = gathered.tool
        named = (*objects_named(call, tool), *objects_returned(tool, admitted.read))
        label = admitted.label
        for name in dict.fromkeys(named):
            label = label.join(self._state.object_label(gathered.tenant, tool.system, name))
        if label is admitted.label:
            return admitted
        return msgspec.structs.replace(admitted, label=label)

    def see(
        self,
        call: Call,
        gathered: Gathered,
        grant: Grant,
        admitted: Admitted,
        decision: str,
        seen: Sightings,
    ) -> None:
        """Takes in everything that the agent is about to see; `seen` is what the result says."""
        tool, task = gathered.tool, gathered.task.id
        if tool.effect.changes_state:
            self._changing[task] = None
            if len(self._changing) > MAX_BLIND:
                self._changing.popitem(last=False)
        else:
            self._sighted.open(task, _destinations(call, tool))
        values, whole = seen
        beside, several = doubtful(tool, values)
        fields = {} if tool.manifest is None else tool.manifest.returns.fields
        offering = {path.removeprefix("$."): said.offers for path, said in fields.items()}
        own = own_fields(tool)
        # What was read before a restart is not in the index.
        before = gathered.task.counts.get(CALLS, 0) > 0
        pointed = grant.chosen in _POINTING and whole and self._sighted.whole(task, read=before)
        # Somebody who speaks to the agent may well be whom the request points to.
        pointed = pointed and not admitted.steers

        def places(value: str, path: str) -> tuple[Place, ...]:
            if not pointed or value in beside or self._written(gathered, value):
                return ("seen",)
            source: Place = "named-source" if value in several else "single-source"
            offers = any(SHAPES[role].fullmatch(value) for role in offering.get(path, ()))
            return ("offered", source) if offers else (source,)

        mine = _of_the_user(tool, admitted.read, gathered.user.id)

        def where(value: str, path: str) -> str:
            # In what a system itself fills in, other values are of the same kind.
            mark = OTHER_FIELD
            if path in own:
                mark = OWN_ROW if value in mine else OWN_FIELD
            return f"{call.target}:{path}{mark}{decision}"

        self._sighted.see(
            task,
            {
                value: tuple([Origin(place, where(value, path)) for place in places(value, path)])
                for value, path in values.items()
            },
        )
        if gathered.task.subgrants:
            own_values = [one for one in values if not self._written(gathered, one)]
            self.granting.see(call, gathered, own_values)

    def _written(self, gathered: Gathered, value: str) -> bool:
        return self._state.written(gathered.tenant, gathered.tool.system, value)

    def _of_value(
        self, call: Call, gathered: Gathered, argument: Argument, text: str
    ) -> tuple[Origin, ...]:
        task, role = gathered.task, argument.role
        found = list(self._state.vouched(task.id, vouching_key(role, argument.type), text))
        marked = role == "content" and argument.needs == "vouched"
        asked = request_origin(
            task.purpose, task.purpose_source, text, role, argument.type, marked=marked
        )
        if asked is not None:
            found.insert(0, asked)
        if task.subgrants or task.releases:
            key = vouching_key(role, argument.type)
            found += self.granting.origins(call, gathered, key, text)
        if role == "amount" and not vouched_for(found) and self._bounded(gathered, argument, text):
            found.append(Origin("bounded"))
        seen = self._sighted.origins(task.id, text) or self._put_together(task.id, text)
        return (*found, *seen)

    def _put_together(self, task: str, text: str) -> tuple[Origin, ...]:
        """Where the words of a text were seen, if all of them were: the weakest of their places."""
        words = text.split()
        if not 1 < len(words) <= MAX_WORDS:
            return ()
        seen: list[tuple[Origin, ...]] = []
        for word in words:  # most texts are the agent's own, and end at the first word
            if not (places := self._sighted.origins(task, word.strip(MARKS))):
                return ()
            seen.append(places[-1:])
        return max(seen, key=lambda one: _rank(one[0]))

    def _bounded(self, gathered: Gathered, argument: Argument, text: str) -> bool:
        """Whether an amount is at most what the request or a trusted field says, and a little."""
        task = gathered.task
        if decimal(text) is None or (amount := Decimal(text)) < 0:
            return False
        ceiling = self._state.ceiling(task.id, vouching_key(argument.role, argument.type))
        limits = [] if ceiling is None else [ceiling]
        if task.purpose_source != "agent":
            limits += request(task.purpose).prices
        share = amount * BASIS / (BASIS + argument.above_bps)
        return any(share <= Decimal(limit) for limit in limits)


def _destinations(call: Call, tool: ToolFacts) -> list[str]:
    """Where a read goes: pages that are opened."""
    declared = {} if tool.manifest is None else tool.manifest.arguments
    return [
        text
        for name, value in call.arguments.items()
        if name in declared and declared[name].role == "destination"
        if (text := normalise(value, "destination")) is not None
    ]


def _of_the_user(tool: ToolFacts, result: Mapping[str, object], user: str) -> frozenset[str]:
    """The ids in the rows of a result that are the user's own."""
    returns = None if tool.manifest is None else tool.manifest.returns
    if returns is None or returns.owned is None:
        return frozenset()
    ids = [
        path.removeprefix(f"{returns.owned.at}.")
        for path, said in returns.fields.items()
        if "object-id" in said.vouches_for
    ]
    rows = select(structured(result), returns.owned.at)
    return frozenset(
        [
            text
            for row in rows
            if owns(returns.owned, row, user)
            for path in ids
            for value in select(row, path)
            if (text := normalise(value)) is not None
        ]
    )


def _nothing(*_: str) -> bool:
    return False
