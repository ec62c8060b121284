from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.changes import KIND, change, in_force
from safeconduct.audit.faults import LogFault
from safeconduct.audit.notes import BadNote, Key, Note, parse_key
from safeconduct.audit.reading import read
from safeconduct.audit.signer import Refused, keys
from safeconduct.audit.signer.notary import MEMORY, PUBLIC
from safeconduct.audit.signer.rotation import Rotation
from safeconduct.audit.verify import Held, verify
from safeconduct.audit.verify.claims import read as claim
from tests.support.logs import ORIGIN, Memory, numbers, opened, written


def rotate(log: Path, projection: Memory) -> Key:
    rotation = Rotation(log)
    ledger = opened(log, projection, rotation.signer)
    asyncio.run(ledger.append(rotation.record(ledger.head, at_ms=1)))
    ledger.close()
    return rotation.finish(log)


def public(log: Path) -> Key:
    return parse_key((log / PUBLIC).read_text().strip())


def signers(log: Path, *known: Key) -> tuple[Key, ...]:
    """Who of those known signed the checkpoint."""
    note = notes.parse((log / checkpoint.NAME).read_bytes())
    return tuple(one.key for one in notes.verify(note, known))


def changes(log: Path) -> list[Any]:
    return [change(record) for record in read(log) if record["kind"] == KIND]


def test_key_rotation_boundary(tmp_path: Path) -> None:
    """The first checkpoint over the change is signed by both, those after it by the new key."""
    projection = written(tmp_path, *numbers(3))
    old = public(tmp_path)
    new = rotate(tmp_path, projection)
    assert (public(tmp_path), old == new) == (new, False)
    assert signers(tmp_path, old) == (old,)
    assert signers(tmp_path, new) == (new,)
    assert {path.name for path in tmp_path.iterdir()} >= {keys.NAME, MEMORY}
    assert not (tmp_path / keys.NEXT).exists()
    log = opened(tmp_path, projection)
    asyncio.run(log.append({"kind": "config"}))
    log.close()
    assert signers(tmp_path, new, old) == (new,)
    with pytest.raises(BadNote, match="no known key"):
        signers(tmp_path, old)


def test_who_trusts_the_old_key_comes_to_trust_the_new_one(tmp_path: Path) -> None:
    projection = written(tmp_path, *numbers(3))
    first = public(tmp_path)
    second = rotate(tmp_path, projection)
    third = rotate(tmp_path, projection)
    found = changes(tmp_path)
    assert [one[:3] for one in found] == [(3, first, second), (4, second, third)]
    assert [one.before.size for one in found] == [3, 4]
    assert [in_force(first, found, size) for size in (3, 4, 5, 9)] == [first, second, third, third]
    assert [in_force(third, found, size) for size in (3, 4, 5, 9)] == [first, second, third, third]
    other = notes.key(ORIGIN, 1, bytes(32))
    assert in_force(other, found, 9) == other


def test_verifiers_go_along_with_the_change(tmp_path: Path) -> None:
    projection = written(tmp_path, *numbers(3))
    first = public(tmp_path)
    kept = claim("the one kept", (tmp_path / checkpoint.NAME).read_bytes())
    second = rotate(tmp_path, projection)
    for key in (first, second):
        report = verify(tmp_path, Held(keys=(key,), kept=(kept,)))
        assert (report.exit_code, report.signed_by) == (0, str(second))
    assert verify(tmp_path, Held(kept=(kept,))).exit_code == 0
    other = notes.key(ORIGIN, 1, bytes(32))
    report = verify(tmp_path, Held(keys=(other,)))
    assert (report.exit_code, "is not signed by the log's key" in report.sentence) == (11, True)


def test_the_old_key_signs_nothing_more(tmp_path: Path) -> None:
    """Whoever got hold of it after the change cannot sign what comes after."""
    projection = written(tmp_path, *numbers(3))
    first = public(tmp_path)
    stolen = keys.load(tmp_path / keys.NAME, ORIGIN)
    rotate(tmp_path, projection)
    tree = checkpoint.load(tmp_path)
    assert tree is not None
    checkpoint.store(tmp_path, tree, str(notes.sign(tree.text(), stolen)))
    report = verify(tmp_path, Held(keys=(first,)))
    assert report.exit_code == 11
    assert [one.code for one in report.findings] == ["unsigned"]


def test_a_change_that_is_none_is_an_edit(tmp_path: Path) -> None:
    written(tmp_path, [{"kind": KIND, "at_ms": 1, "note": "no note"}])
    report = verify(tmp_path)
    assert (report.exit_code, "record 0: a change of keys that is none" in report.sentence) == (
        11,
        True,
    )


def test_a_change_that_ended_half_way_is_ended_the_next_time(tmp_path: Path) -> None:
    projection = written(tmp_path, *numbers(3))
    old = public(tmp_path)
    halfway = Rotation(tmp_path)
    ledger = opened(tmp_path, projection, halfway.signer)
    asyncio.run(ledger.append(halfway.record(ledger.head, at_ms=1)))
    ledger.close()
    halfway.close()
    with pytest.raises(LogFault, match="did not end"):
        opened(tmp_path, projection)
    new = rotate(tmp_path, projection)
    assert [(one.old, one.new) for one in changes(tmp_path)] == [(old, new), (old, new)]
    assert in_force(old, changes(tmp_path), 5) == new
    opened(tmp_path, projection).close()
    assert signers(tmp_path, new) == (new,)


def test_while_the_log_is_open_no_key_is_made(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with pytest.raises(LogFault, match="already open"):
        opened(tmp_path, signer=Rotation(tmp_path).signer)
    log.close()
    assert not (tmp_path / keys.NEXT).exists()
    with pytest.raises(Refused, match="is not open"):
        Rotation(tmp_path).record(log.head, at_ms=1)


def test_a_change_that_not_both_signed_is_none(tmp_path: Path) -> None:
    projection = written(tmp_path, *numbers(1))
    rotate(tmp_path, projection)
    (record,) = (record for record in read(tmp_path) if record["kind"] == KIND)
    note = notes.parse(record["note"].encode())
    for lines in (note.lines[:1], note.lines[1:]):
        with pytest.raises(BadNote, match="one of them did not sign"):
            change({**record, "note": str(Note(note.text, lines))})
    swapped = note.lines[0]._replace(signature=note.lines[1].signature)
    with pytest.raises(BadNote, match="is not good"):
        change({**record, "note": str(Note(note.text, (swapped, note.lines[1])))})


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("v2", "v3", "of another log"),
        (ORIGIN, "another/log", "of another log|that is none"),
        ("\n", "\nmore\n", "that is none"),
    ],
)
def test_what_is_no_change_of_keys_is_refused(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    projection = written(tmp_path, *numbers(1))
    rotate(tmp_path, projection)
    (record,) = (record for record in read(tmp_path) if record["kind"] == KIND)
    text, blank, lines = record["note"].partition("\n\n")
    with pytest.raises(BadNote, match=sentence):
        change({**record, "note": text.replace(old, new, 1) + blank + lines})
    with pytest.raises(BadNote, match="that is none"):
        change({"kind": KIND, "n": 1})
