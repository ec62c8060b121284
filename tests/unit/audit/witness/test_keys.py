from pathlib import Path

import pytest

from safeconduct.audit import notes
from safeconduct.audit.notes import Note
from safeconduct.audit.witness.keys import ED25519_FILE, ML_DSA_FILE, UnusableKey, signers
from tests.support.logs_of_others import OtherLog


def test_keys_are_made_once_and_sign(tmp_path: Path) -> None:
    first, again = signers(tmp_path / "w", "w.example"), signers(tmp_path / "w", "w.example")
    assert [one.key for one in first] == [one.key for one in again]
    assert [one.key.kind for one in first] == [notes.COSIGNATURE, notes.COSIGNATURE_ML_DSA]
    text = OtherLog("a.example", [b"x"]).note().text
    note = Note(text, tuple(notes.sign(text, one, 1) for one in first))
    assert len(notes.verify(note, [one.key for one in again])) == 2


@pytest.mark.parametrize("name", [ED25519_FILE, ML_DSA_FILE])
def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, name: str) -> None:
    signers(tmp_path, "w.example")
    (tmp_path / name).chmod(0o640)
    with pytest.raises(UnusableKey, match="others can read this private key; chmod 600 it"):
        signers(tmp_path, "w.example")


@pytest.mark.parametrize("seed", [b"", b"short", bytes(33)])
def test_what_is_no_key_is_not_replaced(tmp_path: Path, seed: bytes) -> None:
    (tmp_path / ED25519_FILE).write_bytes(seed)
    (tmp_path / ED25519_FILE).chmod(0o600)
    with pytest.raises(UnusableKey, match="not a key: 32 bytes are"):
        signers(tmp_path, "w.example")
    assert (tmp_path / ED25519_FILE).read_bytes() == seed


def test_a_name_that_no_key_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a key"):
        signers(tmp_path, "w example")
