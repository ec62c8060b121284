from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.payloads.keystore import FILE, KEK, NOBODY, Erased, Keystore

TENANT = "crm.example"
ALICE = "alice.distinctive@crm.example"
NOVEMBER = 1_795_000_000_000
DECEMBER = NOVEMBER + 31 * 86_400_000


def raw(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


def refusal(directory: Path, *, create: bool = True) -> str:
    with pytest.raises(LogFault) as caught:
        Keystore(directory, create=create)
    assert caught.value.code == "keys"
    return caught.value.sentence


def test_who_is_asked_for_is_named_as_records_do_or_not_at_all(tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys")
    name = keys.pseudonym(TENANT, ALICE)
    assert [keys.meant(TENANT, one) for one in (ALICE, name)] == [name, name]
    # Also what only looks like a pseudonym may be somebody's name.
    for one in ("bob", "u_bob", name.upper(), f"{name}0"):
        assert keys.meant(TENANT, one) == NOBODY
    keys.close()


def test_pseudonyms_and_keys_are_random_and_stay_the_same(tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys")
    name, key = keys.pseudonym(TENANT, ALICE), keys.key(TENANT, ALICE, NOVEMBER)
    assert name.startswith("u_")
    assert key.kid.startswith("k_")
    assert keys.pseudonym("other.example", ALICE) != name
    assert keys.key(TENANT, ALICE, DECEMBER).kid != key.kid
    assert keys.key(TENANT, "bob", NOVEMBER).kid != key.kid
    keys.close()
    again = Keystore(tmp_path / "keys")
    assert again.pseudonym(TENANT, ALICE) == name
    assert again.key(TENANT, ALICE, NOVEMBER + 86_400_000)[:3] == key[:3]
    assert again.user(name) == ALICE
    found = again.find(key.kid)
    assert found is not None
    assert found[:3] == key[:3]
    assert again.find(key.kid) is found
    again.close()
    elsewhere = Keystore(tmp_path / "elsewhere")
    assert elsewhere.pseudonym(TENANT, ALICE) != name
    assert elsewhere.user(name) is None
    assert elsewhere.find(key.kid) is None
    elsewhere.close()


def test_neither_users_nor_keys_stand_in_the_file_in_clear(tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys")
    key = keys.key(TENANT, ALICE, NOVEMBER)
    held = raw(tmp_path / "keys")
    assert ALICE.encode() not in held
    assert key.data not in held
    assert key.data.hex().encode() not in held
    keys.close()


def test_only_the_owner_can_read_what_is_made(tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys")
    keys.pseudonym(TENANT, ALICE)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert set(modes) >= {KEK, FILE}
    assert set(modes.values()) == {0o600}
    keys.close()


def test_a_key_encryption_key_that_is_none_refuses(tmp_path: Path) -> None:
    Keystore(tmp_path).close()
    kek = tmp_path / KEK
    good = kek.read_bytes()
    kek.write_bytes(b"short")
    assert "is no key of 32 bytes" in refusal(tmp_path)
    kek.write_bytes(good + b"!")
    assert "is no key of 32 bytes" in refusal(tmp_path)
    kek.write_bytes(bytes(32))
    assert "was made with another key encryption key" in refusal(tmp_path)
    kek.write_bytes(good)
    kek.chmod(0o640)
    assert "others can read this key" in refusal(tmp_path)
    kek.unlink()
    assert "is missing" in refusal(tmp_path)
    assert not kek.exists()


def test_garbage_for_a_keystore_refuses(tmp_path: Path) -> None:
    Keystore(tmp_path).close()
    (tmp_path / FILE).write_bytes(b"garbage" * 1000)
    assert "cannot be used" in refusal(tmp_path)
    assert "cannot be used" in refusal(tmp_path, create=False)
    (tmp_path / FILE).unlink()
    sqlite3.connect(tmp_path / FILE).close()
    assert "cannot be used" in refusal(tmp_path, create=False)


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    assert "is missing" in refusal(tmp_path, create=False)
    assert not list(tmp_path.iterdir())
    keys = Keystore(tmp_path)
    key, name = keys.key(TENANT, ALICE, NOVEMBER), keys.pseudonym(TENANT, ALICE)
    reader = Keystore(tmp_path, create=False)
    assert reader.user(name) == ALICE
    assert reader.find(key.kid) == key or reader.find(key.kid) is not None
    with pytest.raises(LogFault, match="readonly"):
        reader.pseudonym(TENANT, "bob")
    with pytest.raises(LogFault, match="readonly"):
        reader.key(TENANT, ALICE, DECEMBER)
    with pytest.raises(LogFault, match="readonly"):
        reader.erase(TENANT, ALICE)
    reader.close()
    keys.close()


def test_what_was_erased_is_in_no_byte_of_the_files_any_more(tmp_path: Path) -> None:
    keys = Keystore(tmp_path)
    name = keys.pseudonym(TENANT, ALICE)
    kids = sorted(keys.key(TENANT, ALICE, at_ms).kid for at_ms in (NOVEMBER, DECEMBER))
    kept = keys.key(TENANT, "bob", NOVEMBER)
    db = sqlite3.connect(tmp_path / FILE)
    rows = [
        *db.execute("SELECT wrapped FROM keys WHERE pseudonym = ?", (name,)),
        *db.execute("SELECT sealed FROM users WHERE pseudonym = ?", (name,)),
        *db.execute("SELECT found FROM users WHERE pseudonym = ?", (name,)),
    ]
    db.close()
    secrets = [bytes(row[0]) for row in rows]
    assert len(secrets) == 4
    assert all(secret in raw(tmp_path) for secret in secrets)
    gone = keys.erase(TENANT, ALICE)
    assert gone is not None
    assert (gone.pseudonym, list(gone.kids)) == (name, kids)
    held = raw(tmp_path)  # with the write-ahead log, while the keystore is open
    assert not any(secret in held for secret in secrets)
    assert keys.user(name) is None
    assert [keys.find(kid) for kid in kids] == [None, None]
    assert all(keys.erased(one) for one in (name, *kids))
    assert not keys.erased(kept.kid)
    assert keys.find(kept.kid) is not None
    assert keys.pseudonym(TENANT, name) == name  # what is read of it is written again as it was
    assert keys.erase(TENANT, ALICE) is None
    again = keys.pseudonym(TENANT, ALICE)
    assert again != name
    assert keys.key(TENANT, ALICE, NOVEMBER).kid not in kids
    keys.close()


def test_an_erasure_says_when_a_reader_keeps_the_bytes_there(tmp_path: Path) -> None:
    keys = Keystore(tmp_path)
    name = keys.pseudonym(TENANT, ALICE)
    reader = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM users").fetchall()
    keys._db.execute("PRAGMA busy_timeout = 1")  # noqa: SLF001 # type: ignore[reportPrivateUsage]
    with pytest.raises(LogFault, match=r"erase again|locked"):
        keys.erase(TENANT, ALICE)
    reader.close()
    assert keys.erase(TENANT, ALICE) is None  # scrubs what was left
    assert keys.user(name) is None
    keys.close()


@pytest.mark.parametrize("table", ["users", "keys"])
def test_damage_in_a_row_refuses(tmp_path: Path, table: str) -> None:
    keys = Keystore(tmp_path)
    name, kid = keys.pseudonym(TENANT, ALICE), keys.key(TENANT, ALICE, NOVEMBER).kid
    keys.close()
    db = sqlite3.connect(tmp_path / FILE)
    column = {"users": "sealed", "keys": "wrapped"}[table]
    db.execute(f"UPDATE {table} SET {column} = zeroblob(60)")  # noqa: S608 # ours
    db.commit()
    db.close()
    keys = Keystore(tmp_path)
    with pytest.raises(LogFault, match="a key is damaged"):
        keys.user(name) if table == "users" else keys.find(kid)
    if table == "keys":
        with pytest.raises(LogFault, match="a key is damaged"):
            keys.key(TENANT, ALICE, NOVEMBER)
    keys.close()


def test_a_closed_keystore_fails_and_answers_nothing_wrong(tmp_path: Path) -> None:
    keys = Keystore(tmp_path)
    keys.close()
    for ask in (
        lambda: keys.pseudonym(TENANT, ALICE),
        lambda: keys.user("u_1"),
        lambda: keys.key(TENANT, ALICE, NOVEMBER),
        lambda: keys.find("k_1"),
        lambda: keys.erased("k_1"),
        lambda: keys.ask(Erased("u_1", ())),
        lambda: keys.asked("u_1", ()),
        lambda: keys.withdraw("u_1"),
        lambda: keys.erase(TENANT, ALICE),
    ):
        with pytest.raises(LogFault) as caught:
            ask()
        assert caught.value.code == "keys"


def test_caches_are_bounded_and_forget_nothing_that_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.audit.payloads.keystore._CACHED", 2)
    keys = Keystore(tmp_path)
    names = [keys.pseudonym(TENANT, f"user {number}") for number in range(5)]
    assert [keys.pseudonym(TENANT, f"user {number}") for number in range(5)] == names
    assert [keys.user(name) for name in names] == [f"user {number}" for number in range(5)]
    keys.close()
