"""Whoever can write the audit directory, and holds no key."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app import noting
from safeconduct.audit import changes, checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.checkpointing import OpenSigner
from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Erased, Keystore
from safeconduct.audit.records import encode
from safeconduct.audit.retention.erasing import forget
from safeconduct.audit.retention.holding import resolved
from safeconduct.audit.retention.pruning import Plan, require
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import CLOSED, MEMORY, PUBLIC, Notary
from safeconduct.audit.signer.rotation import Rotation
from safeconduct.audit.verify import Held, verify
from safeconduct.audit.walk import Walk
from safeconduct.cli import main
from safeconduct.config import load
from safeconduct.ports import LedgerConflict
from safeconduct.tasks.state import TaskState
from tests.support.logs import ORIGIN, Memory, numbers, opened, written
from tests.support.trails import raw

ERASURE = {"kind": "erasure", "user": "u_1", "pseudonym": "u_1", "kids": ["k_1"]}
RELEASE = {"kind": "hold", "phase": "released", "what": "user", "id": "u_1", "reason": "x"}
REVOCATION = {"kind": "revocation", "what": "agent", "id": "triage"}


def append(log: Path, *records: dict[str, Any]) -> None:
    """Puts whole groups behind a log, with nothing but its bytes at hand."""
    walk = Walk(log)
    list(walk)
    tree = walk.tree.copy()
    entries = [encode({**record, "n": tree.size + at}) for at, record in enumerate(records)]
    tree.extend(entries)
    fd = os.open(segments.path(log, walk.segment), os.O_RDWR)
    os.pwrite(fd, segments.group(entries, tree.size, tree.root()), walk.end)
    os.close(fd)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


@pytest.fixture
def signer(state: Path) -> OpenSigner:
    return lambda directory, origin: Notary(directory, state, origin)


@pytest.mark.parametrize("forged", [ERASURE, RELEASE, REVOCATION], ids=lambda one: one["kind"])
def test_records_put_behind_a_closed_log_are_not_signed(
    log: Path, signer: OpenSigner, forged: dict[str, Any]
) -> None:
    known = written(log, *numbers(3), signer=signer)
    before = (log / checkpoint.NAME).read_bytes()
    append(log, forged)
    for _ in range(2):
        with pytest.raises(LogFault, match="1 records stand behind the 3 that were") as caught:
            opened(log, known, signer)
        assert caught.value.code == "edited"
    assert known.replayed == []
    assert (log / checkpoint.NAME).read_bytes() == before


def test_an_older_checkpoint_put_back_opens_nothing(log: Path, signer: OpenSigner) -> None:
    known = written(log, *numbers(2), signer=signer)
    old = (log / checkpoint.NAME).read_bytes()
    for value in numbers(2, first=2):
        again = opened(log, known, signer)
        _add(again, value[0])
        again.close()
    (log / checkpoint.NAME).write_bytes(old)
    with pytest.raises(LogFault, match="is not the one of when the log was closed") as caught:
        opened(log, known, signer)
    assert caught.value.code == "edited"


@pytest.mark.parametrize("kids", [[], ["k_1"]])
def test_an_erasure_behind_what_a_crash_left_is_the_gateways_own_or_opens_nothing(
    log: Path, state: Path, signer: OpenSigner, kids: list[str]
) -> None:
    """Once it were signed, the next start would take it for what somebody asked for."""
    known = written(log, *numbers(3), signer=signer)
    (state / CLOSED).unlink()
    append(log, {"kind": "config"}, {**ERASURE, "kids": kids})
    before = {path: path.read_bytes() for path in log.iterdir() if path.is_file()}
    keystore = Keystore(state / "keys")
    boundary = Boundary(keystore, "crm.example", ())

    def start() -> None:
        Log.open(log, known, origin=ORIGIN, boundary=boundary, signer=signer).close()

    keystore.ask(Erased("u_2", ("k_1",)))
    for asked in (None, Erased("u_1", ("k_2",)) if kids else None):
        if asked is not None:
            keystore.ask(asked)
        for _ in range(2):
            with pytest.raises(LogFault, match="record 4: it forgets a user, and nobody") as caught:
                start()
            assert caught.value.code == "edited"
    assert {path: path.read_bytes() for path in log.iterdir() if path.is_file()} == before
    assert known.replayed == []
    keystore.ask(Erased("u_1", ("k_1",)))
    start()
    assert known.replayed == [3, 4]
    keystore.close()


def test_what_is_no_record_behind_what_a_crash_left_opens_nothing(
    log: Path, state: Path, signer: OpenSigner
) -> None:
    known = written(log, *numbers(3), signer=signer)
    (state / CLOSED).unlink()
    append(log, {**ERASURE, "kids": 5})
    keystore = Keystore(state / "keys")
    boundary = Boundary(keystore, "crm.example", ())
    with pytest.raises(LogFault, match="record 3: ") as caught:
        Log.open(log, known, origin=ORIGIN, boundary=boundary, signer=signer)
    assert caught.value.code == "edited"
    keystore.close()


def test_a_log_that_failed_half_way_is_not_taken_for_closed(
    log: Path, state: Path, signer: OpenSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reached the disk before it failed may have been all of it."""
    open_log = opened(log, Memory(), signer)
    monkeypatch.setattr(
        "safeconduct.audit.tail.Tail.append", lambda *_: (_ for _ in ()).throw(OSError(5, "EIO"))
    )
    with pytest.raises(LogFault):
        _add(open_log, {"kind": "config"})
    open_log.close()
    assert not (state / CLOSED).exists()


def test_a_key_without_its_memory_signs_no_other_history(
    log: Path, state: Path, signer: OpenSigner
) -> None:
    written(log, *numbers(3), signer=signer)
    for path in (state / MEMORY, log / checkpoint.NAME, log / PUBLIC):
        path.unlink()
    for path in segments.listing(log):
        path.unlink()
    with pytest.raises(LogFault, match=r"audit\.signed is gone: bring it back") as caught:
        opened(log, signer=signer)
    assert caught.value.code == "edited"


def test_a_key_is_never_there_without_a_memory(
    log: Path, state: Path, signer: OpenSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash while both are made leaves what the next start makes anew."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "EIO")))
        with pytest.raises(LogFault, match="EIO"):
            opened(log, signer=signer)
    assert not (state / keys.NAME).exists()
    with monkeypatch.context() as patch:
        patch.setattr(
            "safeconduct.audit.signer.notary.flush_directory",
            lambda _: (_ for _ in ()).throw(OSError(5, "EIO")),
        )
        with pytest.raises(LogFault, match="EIO"):
            opened(log, signer=signer)
    assert (state / MEMORY).exists()
    (state / keys.NAME).unlink()
    opened(log, signer=signer).close()


def test_a_retired_key_forges_nothing_for_who_knows_the_new_one(tmp_path: Path) -> None:
    """With the record of the change, which is no secret, moved to the end of another history."""
    log, forged = tmp_path / "audit", tmp_path / "forged"
    known = written(log, *numbers(5))
    stolen = keys.load(log / keys.NAME, ORIGIN)
    rotation = Rotation(log)
    ledger = opened(log, known, rotation.signer)
    asyncio.run(ledger.append(rotation.record(ledger.head, at_ms=1)))
    ledger.close()
    new = rotation.finish(log)
    (record,) = [one for one in known.records if one["kind"] == changes.KIND]
    assert changes.change(record).before == Checkpoint(ORIGIN, 5, _root(log, 5))

    raw(forged, [encode({"kind": "config", "n": 0, "value": "another"})])
    append(forged, {**record, "n": 1})
    tree = Checkpoint(ORIGIN, 1, _root(forged, 1))
    checkpoint.store(forged, tree, str(notes.sign(tree.text(), stolen)))
    assert verify(forged, Held(keys=(new,))).exit_code == 11
    assert verify(log, Held(keys=(new,))).exit_code == 0
    with pytest.raises(notes.BadNote, match="stands elsewhere than where it was made"):
        changes.change({**record, "n": 1})


@pytest.mark.parametrize("length", [5, 4])
def test_a_new_key_forges_nothing_for_who_knows_the_old_one(tmp_path: Path, length: int) -> None:
    """With the record of the change at its place, or behind it, in a history that it is not of."""
    log, forged = tmp_path / "audit", tmp_path / "forged"
    known = written(log, *numbers(5))
    old = keys.load(log / keys.NAME, ORIGIN).key
    rotation = Rotation(log)
    ledger = opened(log, known, rotation.signer)
    asyncio.run(ledger.append(rotation.record(ledger.head, at_ms=1)))
    ledger.close()
    rotation.finish(log)
    stolen = keys.load(log / keys.NAME, ORIGIN)
    (record,) = [one for one in known.records if one["kind"] == changes.KIND]

    others = [{"kind": "config", "n": n, "value": "another"} for n in range(length)]
    raw(forged, [encode(one) for one in others])
    append(forged, *[{"kind": "config"}] * (5 - length), {**record, "n": 5})
    tree = Checkpoint(ORIGIN, 6, _root(forged, 6))
    checkpoint.store(forged, tree, str(notes.sign(tree.text(), stolen)))
    report = verify(forged, Held(keys=(old,)))
    assert report.findings[0].code == "edited"
    assert report.findings[0].sentence == (
        "record 5: a change of keys that was made in another history"
    )
    assert verify(log, Held(keys=(old,))).exit_code == 0


def _root(log: Path, size: int) -> bytes:
    (root,) = [group.root for group in Walk(log) if group.size == size]
    return root


def _add(log: Log, record: dict[str, Any]) -> None:
    asyncio.run(log.append(record))


@pytest.mark.parametrize("as_said", [False, True], ids=["resolved", "as it was said"])
async def test_a_hold_on_a_pseudonym_holds(tmp_path: Path, *, as_said: bool) -> None:
    """Also where one stands in a log that was recorded as it was said."""
    keystore = Keystore(tmp_path / "keys")
    tasks = TaskState(tmp_path / "state.sqlite3")
    boundary = Boundary(keystore, "crm.example", ())
    log = Log.open(tmp_path / "audit", tasks, origin=ORIGIN, boundary=boundary)
    name = keystore.pseudonym("crm.example", "jane")
    hold = {"kind": "hold", "phase": "placed", "what": "user", "id": name, "reason": "case 7"}
    await log.append(hold if as_said else resolved(hold, keystore))
    with pytest.raises(LedgerConflict):
        await forget(log, keystore, tenant="crm.example", user="jane", by="uid:0", at_ms=1)
    assert tasks.held() == {f"user {name if as_said else 'jane'}": "case 7"}
    assert keystore.user(name) == "jane"
    log.close()
    keystore.close()
    tasks.close()


def test_a_note_cannot_say_that_more_goes_than_may_go() -> None:
    """Whoever speaks to the operator socket may say what they like."""
    most = Plan(segments_before=1, records_before=100, payloads_before=2)
    less = {"segments_before": 0, "records_before": 0, "payloads_before": 2}
    require(less, most)
    for name in less:
        with pytest.raises(ValueError, match="more would go than"):
            require({**less, name: 101}, most)


def test_without_a_retention_nothing_goes(tmp_path: Path) -> None:
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    configuration = load(tmp_path / "gateway")
    (tmp_path / "gateway" / configuration.root.gateway.state).mkdir(mode=0o700)
    said = {"segments_before": 1, "records_before": 1, "payloads_before": 0, "holds": 0}
    with pytest.raises(ValueError, match="more would go than"):
        noting.append(configuration, {"kind": "retention", **said})
    with noting.opened(configuration) as (log, _, _):
        assert log.size == 0
