"""A question in the words of SQLite, about one week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safeconduct.audit.index.query import Query


def asked_of(query: Query) -> tuple[list[str], list[str], list[Any]]:
    """Tables in the order in which to go through them, what to ask of them, and by which values."""
    tables = ["parties", "rows"]
    conditions, values = ["rows.party = parties.id", "tenant = ?"], [query.tenant]
    for name, value in (("agent", query.agent), ("user", query.user)):
        if value is not None:
            conditions.append(f"{name} = ?")
            values.append(value)
    few = len(values) > 1
    if query.task is not None:
        few = True
        tables.insert(0, "tasks")
        conditions += ["name = ?", "parties.id = tasks.party", "rows.task = tasks.id"]
        conditions.append("at between first and last")
        values.append(query.task)
    if query.facets:
        tables = [*tables, "facets"] if few else ["facets", "rows", "parties"]
        conditions.append("facets.id = rows.facet")
        for name, value in query.facets.items():
            conditions.append(_all([name]))
            values.append(value)
    return tables, conditions, [*values]


def counted(query: Query) -> tuple[list[str], list[Any]]:
    """What to ask of rows to be counted, of which nothing but what they say is looked up."""
    parties, facets = {"tenant": query.tenant}, query.facets
    few = {"agent": query.agent, "user": query.user}
    parties |= {name: value for name, value in few.items() if value is not None}
    # Of what has a plus no index is used: rows lie by party, and by facet again.
    by_party = len(parties) > 1 or query.task is not None or not facets
    conditions = [_among("party", parties, plus=not by_party)]
    values: list[Any] = [*parties.values()]
    if facets:
        conditions.append(_among("facet", facets, plus=by_party))
        values += facets.values()
    if query.task is not None:
        conditions.append("task in (select id from tasks where name = ?)")
        values.append(query.task)
    return conditions, values


def _among(column: str, asked: Iterable[str], *, plus: bool) -> str:
    table = {"party": "parties", "facet": "facets"}[column]
    return f"{'+' if plus else ''}{column} in (select id from {table} where {_all(asked)})"  # noqa: S608 - own words


def _all(asked: Iterable[str]) -> str:
    return " and ".join("instr(labels, ?)" if one == "labels" else f"{one} = ?" for one in asked)


def bound(query: Query, start_ms: int, conditions: list[str], values: list[Any]) -> None:
    """Adds when a question begins and ends, in a week that begins then."""
    for sign, moment_ms in ((">=", query.since_ms), ("<", query.until_ms)):
        if moment_ms is not None:
            conditions.append(f"at {sign} ?")
            values.append(moment_ms - start_ms)
