"""Weeks of the index that have passed, as Parquet: small, and open to DuckDB and whatever reads it.

Rows are sorted by tenant, user, agent and time, so that a question about somebody reads little.
`archive.json` says which weeks there are, and with which digest.
"""

from __future__ import annotations

import atexit
import csv
import importlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.audit.index.entry import Entry, Party
from safeconduct.audit.index.port import Count, Found, IndexDamaged, IndexUnavailable, Task
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.weeks import Through

MANIFEST: Final = "archive.json"
ROW: Final = (
    *("tenant", '"user"', "agent", "at_ms", "n", "place", "task"),
    *("kind", "said", "tool", "reason", "labels", "marks"),
)
"""The columns. `marks` are 32-bit hashes of ids, see `entry.mark`."""

_INTEGERS: Final = frozenset({"at_ms", "n", "place"})
_ROW_GROUP: Final = 20_480


class Archived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file, its SHA-256 in hexadecimal, how many rows it has, and up to which size of the log it
    has all that belongs to its week.
    """

    file: str
    sha256: str
    rows: int
    through: int


def listed(directory: Path) -> dict[int, Archived]:
    """The archived weeks of an index, by number.

    Raises:
        IndexDamaged: the manifest is none.
    """
    try:
        return msgspec.json.decode((directory / MANIFEST).read_bytes(), type=dict[int, Archived])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise IndexDamaged(f"{MANIFEST}: {error}") from error


def write(
    directory: Path, number: int, name: str, rows: Iterable[Sequence[object]], through: int
) -> Archived:
    """Writes a week, durably, and enters it in the manifest. `rows` are as `ROW` says.

    Raises:
        IndexUnavailable: duckdb is not installed.
        OSError: it cannot be written.
    """
    target = directory / name
    draft = directory / f"{name}.new"
    with tempfile.NamedTemporaryFile("w", suffix=".csv", dir=directory, newline="") as text:
        csv.writer(text).writerows(rows)
        text.flush()
        kinds = {one.strip('"'): "bigint" if one in _INTEGERS else "varchar" for one in ROW[:-1]}
        with _duckdb().connect() as db:
            (count,) = db.execute(
                "copy (select * replace (cast(string_split(marks, ' ') as int[]) as marks) "  # noqa: S608 - own names
                "from read_csv(?, header = false, nullstr = '\\N', columns = "
                f"{ {**kinds, 'marks': 'varchar'} }) "
                'order by tenant, "user", agent, at_ms, n) '
                f"to '{_quoted(draft)}' (format parquet, compression zstd, "
                f"row_group_size {_ROW_GROUP})",
                [text.name],
            ).fetchone()
    with draft.open("rb+") as file:
        digest = file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    draft.replace(target)
    archived = Archived(file=name, sha256=digest, rows=count, through=through)
    manifest = msgspec.json.encode({**listed(directory), number: archived})
    (directory / f"{MANIFEST}.new").write_bytes(manifest)
    (directory / f"{MANIFEST}.new").replace(directory / MANIFEST)
    return archived


class ArchivedWeek:
    """A week that is read and not added to. Everything raises IndexDamaged; opening it also
    IndexUnavailable, where duckdb is not installed.
    """

    def __init__(self, directory: Path, said: Archived) -> None:
        """Opens a file that is as it was written."""
        self._said = said
        path = directory / said.file
        try:
            with path.open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != said.sha256:
                    raise IndexDamaged(f"{said.file} is not as it was written")
        except FileNotFoundError as error:
            raise IndexDamaged(f"{said.file} is not there") from error
        self._rows = f"read_parquet('{_quoted(path)}')"
        _duckdb()

    def through(self) -> Through:
        """What is in here."""
        return Through(self._said.through, self._said.rows)

    def add(self, entries: Sequence[Entry], size: int) -> None:
        """Something came that late: the week has to be built anew."""
        raise IndexDamaged(f"{len(entries)} records belong to the archived {self._said.file}")

    def find(self, query: Query) -> list[Found]:
        """The rows that answer, in no order; those that only a mark finds may not answer."""
        asked = _asked(query)
        sql = f"select n, place from {self._rows} where {' and '.join(asked)}"  # noqa: S608 - own words
        if query.limit is not None and query.mark is None:
            sql += f" order by n {'' if query.oldest else 'desc'} limit {query.limit:d}"
        return [Found(*row) for row in self._answers(sql, [*asked.values()])]

    def count(self, query: Query, every_ms: int) -> list[Count]:
        """As `Index.count`, of this week alone and in no order."""
        asked = _asked(query)
        sql = (
            f"select at_ms // ? * ? as stretch, said, count(*) from {self._rows} "  # noqa: S608 - own words
            f"where {' and '.join(asked)} group by stretch, said"
        )
        return [Count(*row) for row in self._answers(sql, [every_ms, every_ms, *asked.values()])]

    def task(self, name: str) -> Task | None:
        """What is known of a task."""
        rows = self._answers(
            f'select tenant, agent, "user", min(at_ms), max(at_ms) from {self._rows} '  # noqa: S608 - own words
            'where task = ? group by tenant, agent, "user" order by agent desc limit 1',
            [name],
        )
        return None if not rows else Task(Party(*rows[0][:3]), rows[0][3], rows[0][4])

    def close(self) -> None:
        """Nothing is held open."""

    def _answers(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        duckdb = _duckdb()
        try:
            with _database().cursor() as db:
                found: list[tuple[Any, ...]] = db.execute(sql, values).fetchall()
        except duckdb.Error as error:
            raise IndexDamaged(f"{self._said.file}: {error}") from error
        return found


def _asked(query: Query) -> dict[str, Any]:
    """The conditions of a question, each with its value."""
    if query.mark is not None:
        return {"list_contains(marks, ?)": query.mark}
    asked: dict[str, Any] = {
        "tenant = ?": query.tenant,
        "agent = ?": query.agent,
        '"user" = ?': query.user,
        "task = ?": query.task,
        "at_ms >= ?": query.since_ms,
        "at_ms < ?": query.until_ms,
        **{
            "contains(labels, ?)" if name == "labels" else f"{name} = ?": value
            for name, value in query.facets.items()
        },
    }
    return {condition: value for condition, value in asked.items() if value is not None}


@cache
def _database() -> Any:  # noqa: ANN401 - of a module that need not be there
    """What answers for all weeks. No week holds it, and it goes before the program ends: of what is
    left then, by a thread that was left behind for one, duckdb prints pages.
    """
    atexit.register(_database.cache_clear)
    return _duckdb().connect(config={"threads": 1})


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _duckdb() -> Any:  # noqa: ANN401 - a module that need not be there
    try:
        return importlib.import_module("duckdb")
    except ImportError as error:
        sentence = "duckdb is not installed (fix: pip install 'safeconduct[archive]')"
        raise IndexUnavailable(sentence) from error
