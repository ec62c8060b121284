import asyncio
import shutil
from pathlib import Path

import pytest

from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.opening import opener
from safeconduct.audit.reading import read
from safeconduct.audit.retention.erasing import NobodyToForget, forget, forget_again, wipe
from safeconduct.audit.verify import verify
from safeconduct.ports import LedgerConflict
from tests.unit.audit.retention.conftest import BOB, JANE, NOW_MS, TENANT, Kept


def forgotten(kept: Kept, user: str = JANE) -> frozenset[str]:
    gone = asyncio.run(
        forget(kept.log, kept.keys, tenant=TENANT, user=user, by="uid:0", at_ms=NOW_MS)
    )
    return frozenset(gone.kids)


def seen(kept: Kept) -> list[object]:
    """Of each payload, in the log's order: whose it was, or why it cannot be seen."""
    keys = opener(kept.directory)
    opened = [keys.opened(one) for one in read(kept.directory) if "payload" in one]
    keys.close()
    return [one.why or "open" for one in opened if one is not None]


def called(kept: Kept) -> None:
    kept.start("t_1")
    kept.start("t_2", BOB)
    kept.call("t_1")
    kept.call("t_2", BOB)


def test_erase_then_verify(kept: Kept) -> None:
    called(kept)
    root = kept.log.root
    kids = forgotten(kept)
    kept.close()  # a checkpoint covers the erasure
    kept.open()
    report = verify(kept.directory)
    assert (report.exit_code, report.payloads, report.erased) == (0, 2, 2)
    assert report.sentence.startswith("audit verified: 7 records, 2 payloads, 2 payloads erased")
    assert root != kept.log.root
    assert wipe(kept.directory, kids) == 2
    after = verify(kept.directory)
    assert (after.exit_code, after.payloads, after.erased) == (0, 2, 2)
    assert seen(kept) == ["erased", "erased", "open", "open"]


def test_nothing_on_disk_tells_who_it_was_or_opens_what_was_sealed(
    kept: Kept, tmp_path: Path
) -> None:
    called(kept)
    shutil.copytree(tmp_path / "keys", tmp_path / "backup")
    before = [one for one in read(kept.directory) if "payload" in one]
    wipe(kept.directory, forgotten(kept))
    kept.close()
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not [file for file in files if JANE.encode() in file.read_bytes()]
    # Not even with the keys from a backup.
    shutil.rmtree(tmp_path / "keys")
    (tmp_path / "backup").rename(tmp_path / "keys")
    keys = opener(kept.directory)
    assert [one.why for record in before if (one := keys.opened(record))][:2] == ["damaged"] * 2
    keys.close()
    kept.open()


def test_erase_and_a_restored_backup_of_the_keys(kept: Kept, tmp_path: Path) -> None:
    called(kept)
    shutil.copytree(tmp_path / "keys", tmp_path / "backup")
    forgotten(kept)
    kept.close()
    shutil.rmtree(tmp_path / "keys")
    (tmp_path / "backup").rename(tmp_path / "keys")
    kept.open()
    assert kept.keys.known(TENANT, JANE) is not None
    erased = kept.state.erased()
    assert forget_again(kept.keys, erased) == [erased[0][0]]
    assert kept.keys.known(TENANT, JANE) is None
    assert seen(kept)[:2] == ["erased", "erased"]
    assert forget_again(kept.keys, kept.state.erased()) == []


def test_who_comes_back_is_somebody_new(kept: Kept) -> None:
    called(kept)
    forgotten(kept)
    kept.start("t_3")
    kept.call("t_3")
    assert verify(kept.directory).exit_code == 0
    users = {one["user"] for one in read(kept.directory) if one["kind"] == "decision"}
    assert len(users) == 3
    kept.close()
    (kept.state_directory / "state.sqlite3").unlink()
    kept.open()  # what was erased can be replayed into an empty state
    assert kept.state.parties("t_3")[1].id == JANE
    assert kept.state.parties("t_1")[1].id == kept.state.erased()[0][0]


def test_nobody_is_forgotten_who_is_held(kept: Kept) -> None:
    called(kept)
    kept.append({"kind": "hold", "phase": "placed", "what": "user", "id": JANE, "reason": "case 7"})
    with pytest.raises(LedgerConflict, match="held"):
        forgotten(kept)
    assert seen(kept) == ["open"] * 4
    assert JANE not in str(list(read(kept.directory)))


def test_what_a_hold_prevented_was_not_asked_for_any_more(kept: Kept) -> None:
    called(kept)
    found = kept.keys.concerning(TENANT, JANE)
    assert found is not None
    kept.append({"kind": "hold", "phase": "placed", "what": "user", "id": JANE, "reason": "case 7"})
    with pytest.raises(LedgerConflict, match="held"):
        forgotten(kept)
    assert not kept.keys.asked(found.pseudonym, found.kids)


def test_no_record_forgets_keys_that_nobody_asked_to_forget_of_that_user(kept: Kept) -> None:
    called(kept)
    jane, bob = kept.keys.concerning(TENANT, JANE), kept.keys.concerning(TENANT, BOB)
    assert jane is not None
    assert bob is not None
    kept.keys.ask(jane)
    kept.keys.ask(bob)
    size = kept.log.size
    told = {"kind": "erasure", "tenant": TENANT, "user": JANE, "pseudonym": jane.pseudonym}
    with pytest.raises(ValueError, match="nobody asked this gateway to"):
        kept.append({**told, "kids": list(bob.kids)})
    assert kept.log.size == size
    kept.append({**told, "kids": list(jane.kids)})


def test_a_crash_between_record_and_keys_is_made_good_when_the_log_opens(kept: Kept) -> None:
    called(kept)
    found = kept.keys.concerning(TENANT, JANE)
    assert found is not None
    kept.keys.ask(found)
    told = {"kind": "erasure", "tenant": TENANT, "user": JANE, "pseudonym": found.pseudonym}
    kept.append({**told, "kids": list(found.kids)})
    kept.close()
    kept.open()
    assert forget_again(kept.keys, kept.state.erased()) == [found.pseudonym]
    assert seen(kept)[:2] == ["erased", "erased"]


def test_nobody_is_forgotten_who_is_nobody(kept: Kept) -> None:
    with pytest.raises(NobodyToForget):
        forgotten(kept)


def test_a_key_that_was_made_meanwhile_goes_and_is_named_too(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    called(kept)
    erase = Keystore.erase

    def late(keys: Keystore, tenant: str, user: str) -> object:
        keys.key(tenant, user, NOW_MS + 40 * 86_400_000)
        return erase(keys, tenant, user)

    monkeypatch.setattr(Keystore, "erase", late)
    kids = forgotten(kept)
    named = [one["kids"] for one in read(kept.directory) if one["kind"] == "erasure"]
    assert (len(kids), named[-1]) == (2, sorted(kids))
    assert verify(kept.directory).exit_code == 0
