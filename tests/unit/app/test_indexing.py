"""What keeps the index of a configuration up to its log."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.app import following, indexing
from safeconduct.audit.index.port import IndexUnavailable
from safeconduct.config import audit
from safeconduct.config.approvals import ConsoleBlock, Persons, Role
from safeconduct.config.schema import Config
from safeconduct.simulation import simulated
from tests.support.trails import Trail
from tests.support.worlds import config


def configured(directory: Path, block: audit.Index | None) -> Config:
    made = simulated(config(directory), directory)
    return replace(made, root=replace(made.root, audit=replace(made.root.audit, index=block)))


def log_of(made: Config) -> Path:
    return Path(made.directory) / made.root.audit.directory


def size(made: Config) -> int:
    index = indexing.opened(made)
    position = index.position()
    index.close()
    return 0 if position is None else position.size


def test_an_index_follows_its_log_and_is_built_anew_when_it_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = configured(tmp_path, audit.Index())
    trail = Trail()
    trail.start("t_1")
    log_of(made).mkdir(parents=True)
    trail.write(log_of(made))
    part = indexing.Indexing(made)
    assert not part.advance()
    assert size(made) == 2
    trail.call("t_1")
    trail.write(log_of(made), group=2)
    part.advance()
    assert size(made) == 4
    assert not caplog.messages
    (week,) = (log_of(made) / "index").glob("*.sqlite3")
    with sqlite3.connect(week) as db:
        db.execute("delete from rows")
    db.close()
    part.advance()
    (said,) = caplog.messages
    assert said.endswith(f"is built anew from the log: {week.name} is not as it was written")
    assert size(made) == 4


def test_the_follower_keeps_an_index_that_is_configured(tmp_path: Path) -> None:
    assert following.INDEX in following.parts(configured(tmp_path, audit.Index()))
    assert following.INDEX not in following.parts(configured(tmp_path, None))


def test_it_keeps_one_where_somebody_is_an_analyst_at_the_console(tmp_path: Path) -> None:
    plain = configured(tmp_path, None)
    expected: dict[Role, bool] = {"analyst": True, "operator": False}
    for role, kept in expected.items():
        console = ConsoleBlock(
            listen="127.0.0.1:1", url="http://localhost:1", roles={role: Persons(users=("kim",))}
        )
        root = replace(plain.root, console=console)
        found = following.parts(replace(plain, root=root))
        assert (following.INDEX in found) is kept


def test_without_the_extra_it_is_said_which_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safeconduct.audit.index.postgres", None)
    made = configured(tmp_path, audit.Index(kind="postgres", dsn="env:DSN"))
    with pytest.raises(IndexUnavailable, match=r"safeconduct\[postgres\]"):
        indexing.opened(made)
