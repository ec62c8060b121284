"""Definitions as they were when they counted."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from safeconduct.core.canonical import digest
from safeconduct.ports import JSON
from safeconduct.tools.kept import Kept, NothingKept

ONE: JSON = {"name": "one", "description": "Reads."}
TWO: JSON = {"name": "two"}


def test_what_is_kept_is_found_by_its_digest(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "new" / "crm.json")
    assert kept.by_digest() == {}
    kept.keep([ONE, TWO])
    kept.keep([{**ONE, "description": "Writes."}])
    now = {**ONE, "description": "Writes."}
    assert kept.by_digest() == {digest(now): now, digest(TWO): TWO}


def test_it_lies_beside_the_manifest_with_the_rights_that_it_had(tmp_path: Path) -> None:
    kept = Kept.beside(tmp_path / "crm.yaml")
    kept.keep([ONE])
    file = tmp_path / "crm.tools.json"
    assert json.loads(file.read_text(encoding="utf-8")) == {"tools": [ONE]}
    file.chmod(0o600)
    kept.keep([TWO])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "crm.json")
    kept.keep([ONE])
    before = (tmp_path / "crm.json").stat().st_ino
    kept.keep([ONE])
    assert (tmp_path / "crm.json").stat().st_ino == before


@pytest.mark.parametrize("text", ["[", '{"tools": 1}'])
def test_a_file_that_is_no_list_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "crm.json").write_text(text, encoding="utf-8")
    with pytest.raises(NothingKept):
        Kept(tmp_path / "crm.json").by_digest()
    with pytest.raises(NothingKept):
        Kept(tmp_path / "crm.json").keep([ONE])


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingKept, match="cannot be read"):
        Kept(tmp_path).by_digest()
