"""Who is asked how much: what records of questions and answers say of each group of approvers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, Final

import msgspec

from safeconduct.core.approvers import USER

_YES: Final = frozenset({"agreed", "granted", "narrowed", "elevated"})


class Load(msgspec.Struct, kw_only=True):
    """One group: how many questions it was asked, how often somebody of it said yes, or anybody
    no, how many are not answered, by all who have to; the time from question to answer.
    """

    group: str
    asked: int = 0
    yes: int = 0
    no: int = 0
    open: int = 0
    median_ms: int | None = None


def loads(records: Iterable[Mapping[str, Any]]) -> list[Load]:
    """What records of kind `approval` say, in the order of the log; who is asked most first. An
    answer to a question from before them is left out.
    """
    groups: dict[str, Load] = {}
    took: dict[str, list[int]] = {}
    asked: dict[str, tuple[int, set[str]]] = {}
    for record in records:
        approval = str(record["approval"])
        if record["phase"] == "requested":
            names = {_name(one["who"]) for one in record["parties"]} or {_name(USER)}
            asked[approval] = record["at_ms"], names
            for name in names:
                load = groups.setdefault(name, Load(group=name))
                load.asked += 1
                load.open += 1
        elif approval in asked:
            since_ms, names = asked[approval]
            yes = record["phase"] in _YES
            # A yes is that of one group, where it says so; a no ends the question for all.
            said = {_name(record["for"])} if yes and "for" in record else names
            for name in said & names:
                groups[name].yes += yes
                groups[name].no += not yes
                took.setdefault(name, []).append(record["at_ms"] - since_ms)
            if record["phase"] != "agreed":
                del asked[approval]
                for name in names:
                    groups[name].open -= 1
    for name, times in took.items():
        groups[name].median_ms = int(median(times))
    return sorted(groups.values(), key=lambda one: (-one.asked, one.group))


def _name(who: str) -> str:
    return "the user themselves" if who == USER else who
