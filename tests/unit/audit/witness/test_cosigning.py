import logging
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from safeconduct.audit import notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import Note
from safeconduct.audit.witness import keys
from safeconduct.audit.witness.cosigning import SIZE, Cosigner, Reply
from safeconduct.audit.witness.memory import Latest, Memory
from safeconduct.audit.witness.policy import parse
from safeconduct.audit.witness.request import Submission
from tests.support.logs_of_others import OtherLog

NOW_S = 1_800_000_000


@pytest.fixture
def log() -> OtherLog:
    log = OtherLog()
    log.grow(5)
    return log


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    memory = Memory(tmp_path / "memory")
    yield memory
    memory.close()


@pytest.fixture
def cosigner(tmp_path: Path, log: OtherLog, memory: Memory) -> Cosigner:
    signers = keys.signers(tmp_path, "w.example")
    policy = parse(f"log {log.signer.key}\nquorum none")
    return Cosigner(signers, policy, memory, lambda: NOW_S)


def signed(reply: Reply, note: Note, tmp_path: Path) -> set[tuple[int, int | None]]:
    """The kinds of the good cosignatures in an answer, with their times."""
    assert reply.status == 200
    answered = notes.parse(f"{note.text}\n{reply.body}".encode())
    known = [one.key for one in keys.signers(tmp_path, "w.example")]
    return {(one.key.kind, one.time_s) for one in notes.verify(answered, known)}


def test_a_log_is_followed_as_it_grows_with_both_kinds_of_signature(
    cosigner: Cosigner, log: OtherLog, tmp_path: Path
) -> None:
    both = {(notes.COSIGNATURE, NOW_S), (notes.COSIGNATURE_ML_DSA, NOW_S)}
    assert signed(cosigner.add(log.submission(0).body()), log.note(), tmp_path) == both
    for old, more in ((5, 1), (6, 0), (6, 90), (96, 4000)):
        log.grow(more)
        assert signed(cosigner.add(log.submission(old).body()), log.note(), tmp_path) == both


def test_an_empty_log_is_cosigned_too(cosigner: Cosigner, log: OtherLog, tmp_path: Path) -> None:
    assert signed(cosigner.add(log.submission(0, 0).body()), log.note(0), tmp_path)
    assert signed(cosigner.add(log.submission(0).body()), log.note(), tmp_path)


def test_who_does_not_know_what_was_cosigned_is_told(cosigner: Cosigner, log: OtherLog) -> None:
    cosigner.add(log.submission(0).body())
    log.grow(4)
    told = Reply(409, "5\n", SIZE)
    assert cosigner.add(log.submission(0).body()) == told
    assert cosigner.add(log.submission(4).body()) == told


def test_a_log_that_went_back_is_not_cosigned(cosigner: Cosigner, log: OtherLog) -> None:
    cosigner.add(log.submission(0).body())
    assert cosigner.add(log.submission(0, 3).body()) == Reply(409, "5\n", SIZE)
    assert cosigner.add(log.submission(3, 3).body()) == Reply(409, "5\n", SIZE)
    assert cosigner.add(log.submission(5, 3).body()).status == 400


def test_another_history_is_not_cosigned(cosigner: Cosigner, log: OtherLog) -> None:
    cosigner.add(log.submission(0).body())
    other = OtherLog(leaves=log.leaves[:4])
    other.grow(6, b"rewritten")
    for proof in (other.submission(5).proof, (), log.submission(0).proof):
        sent = Submission(5, proof, str(other.note()).encode())
        assert cosigner.add(sent.body()).status == 422
    log.grow(5)
    assert cosigner.add(log.submission(5).body()).status == 200


def test_two_trees_of_one_size_raise_an_alarm_and_both_are_kept(
    cosigner: Cosigner, log: OtherLog, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    cosigner.add(log.submission(0).body())
    other = OtherLog(leaves=log.leaves[:4])
    other.grow(1, b"rewritten")
    with caplog.at_level(logging.CRITICAL):
        for old in (5, 0):
            assert cosigner.add(other.submission(old).body()).status == 422
    assert "signed two different trees of 5" in caplog.text
    kept = {
        one.note.decode().partition("\n\n")[0] + "\n" for one in memory.contradictions(log.origin)
    }
    assert kept == {log.note().text, other.note().text}


def test_the_empty_tree_has_one_root(cosigner: Cosigner, log: OtherLog) -> None:
    text = Checkpoint(log.origin, 0, sha256(b"x").digest()).text()
    note = Note(text, (notes.sign(text, log.signer),))
    assert cosigner.add(Submission(0, (), str(note).encode()).body()).status == 422


def test_the_first_checkpoint_needs_no_proof_and_takes_none(
    cosigner: Cosigner, log: OtherLog
) -> None:
    sent = Submission(0, (bytes(32),), str(log.note()).encode())
    assert cosigner.add(sent.body()).status == 422


def test_only_known_logs_that_signed_are_looked_at(cosigner: Cosigner, log: OtherLog) -> None:
    stranger = OtherLog("stranger.example/audit")
    stranger.grow(3)
    assert cosigner.add(stranger.submission(0).body()).status == 404
    note = log.note()
    by_another = Note(note.text, (notes.sign(note.text, stranger.signer),))
    assert cosigner.add(Submission(0, (), str(by_another).encode()).body()).status == 403
    broken = note.lines[0]._replace(signature=bytes(64))
    assert (
        cosigner.add(Submission(0, (), str(Note(note.text, (broken,))).encode()).body()).status
        == 403
    )


@pytest.mark.parametrize(
    "body", [b"", b"old 0\n\nno note", b"old 0\n\n\n\n\xe2\x80\x94 a AAAAAA==\n"]
)
def test_what_is_no_checkpoint_is_refused(cosigner: Cosigner, body: bytes) -> None:
    assert cosigner.add(body).status == 400


def test_the_last_checkpoint_is_shown_with_what_was_verified_and_no_more(
    cosigner: Cosigner, log: OtherLog, tmp_path: Path
) -> None:
    name = sha256(log.origin.encode()).hexdigest()
    assert cosigner.checkpoint(name).status == 404
    note = log.note()
    foreign = notes.sign(note.text, OtherLog("x.example").signer)
    crowded = Note(note.text, (*note.lines, foreign))
    cosigner.add(Submission(0, (), str(crowded).encode()).body())
    shown = cosigner.checkpoint(name)
    assert shown.status == 200
    kept = notes.parse(shown.body.encode())
    known = [log.signer.key, *(one.key for one in keys.signers(tmp_path, "w.example"))]
    assert {one.key for one in notes.verify(kept, known)} == set(known)
    assert len(kept.lines) == 3
    assert cosigner.checkpoint("0" * 64).status == 404


def test_what_cannot_be_remembered_is_not_cosigned(
    cosigner: Cosigner, log: OtherLog, memory: Memory
) -> None:
    memory.close()
    with pytest.raises(sqlite3.Error):
        cosigner.add(log.submission(0).body())


def test_who_was_overtaken_does_not_take_the_log_back(
    tmp_path: Path, log: OtherLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race of C2SP tlog-witness: two requests see the same last checkpoint."""
    memory = Memory(tmp_path / "memory")
    policy = parse(f"log {log.signer.key}\nquorum none")

    def overtaken() -> int:
        later = Memory(tmp_path / "memory")
        later.advance(log.origin, 0, Latest(9, b"9" * 32, b"later"))
        later.close()
        return NOW_S

    slow = Cosigner(keys.signers(tmp_path, "w.example"), policy, memory, overtaken)
    assert slow.add(log.submission(0).body()) == Reply(409, "9\n", SIZE)
    memory.close()
