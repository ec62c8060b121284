"""Each way in which a log has been known to be damaged, and what both verifiers say of it.

The stand-alone one shares no code with the other: what only one of them finds, one of them misses.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import Signer
from safeconduct.audit.payloads import blobs
from safeconduct.audit.records import encode
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.signer.rotation import Rotation
from safeconduct.audit.walk import Walk
from safeconduct.audit.witness.keys import signers
from tests.support import evidence
from tests.support.evidence import BEFORE, STAND_ALONE, Evidence, ours, rewritten, sign, theirs
from tests.support.logs import ORIGIN, Memory, opened, restart

TRUNCATED, EDITED, FORKED, MISSING, UNWITNESSED = 10, 11, 12, 13, 14


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    return evidence.evidence(tmp_path, monkeypatch)


def edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1, data.count(old)
    path.write_bytes(data.replace(old, new))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def drop_last_group(log: Evidence) -> None:
    path = segments.listing(log.directory)[-1]
    data = path.read_bytes()
    last = data.rindex(b"T\x00\x28", 0, len(data) - 50)  # of the trailer before the last
    path.write_bytes(data[: last + 43])


def tear(log: Evidence) -> None:
    path = segments.listing(log.directory)[-1]
    path.write_bytes(path.read_bytes()[:-1])


def delete_all(log: Evidence) -> None:
    shutil.rmtree(log.directory)
    log.directory.mkdir()


def begin_anew(log: Evidence) -> None:
    """Deletes all, and writes another, shorter log of that name with the same key."""
    key = (log.directory / "audit.key").read_bytes()
    delete_all(log)
    (log.directory / "audit.key").write_bytes(key)
    (log.directory / "audit.key").chmod(0o600)
    restart(log.directory)
    evidence.append(log.directory, Memory(), [[{"kind": "config"}]])


def drop_two_checkpoints(log: Evidence) -> None:
    """Puts log and checkpoint back to where they were two checkpoints ago."""
    rewritten(log, lambda entries: entries[:BEFORE])
    shutil.copy(log.kept, log.directory / "checkpoint")


def edit_with_checksum(log: Evidence) -> None:
    path = log.segment(1)
    data = path.read_bytes()
    old = next(frame for frame in frames_of(path) if b'"outcome"' in frame[1])
    new = old[1].replace(b'"status":"ok"', b'"status":"no"')
    framed = segments.frame(segments.ENTRY, new)
    path.write_bytes(data.replace(segments.frame(segments.ENTRY, old[1]), framed))


def frames_of(path: Path) -> list[tuple[int, bytes, int]]:
    with path.open("rb") as file:
        return list(segments.frames(file.fileno(), 0))


def edit_with_trailers(log: Evidence) -> None:
    def change(entries: list[bytes]) -> list[bytes]:
        return [entry.replace(b'"status":"ok"', b'"status":"no"') for entry in entries]

    rewritten(log, change)


def swap_segments(log: Evidence) -> None:
    first, second, aside = log.segment(1), log.segment(2), log.directory / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def remove_a_segment(log: Evidence) -> None:
    log.segment(1).unlink()


def fork(log: Evidence) -> None:
    """Two checkpoints of one size, both signed by the log."""
    sign(log, Checkpoint(ORIGIN, BEFORE, bytes(32)), log.kept)


def unsign(log: Evidence) -> None:
    path = log.directory / checkpoint.NAME
    path.write_text(path.read_text().partition("\n\n")[0] + "\n")


def forge(log: Evidence) -> None:
    """Signs with another key, and leaves the log's in its place."""
    public = (log.directory / PUBLIC).read_text()
    evidence.replace_key(log)
    evidence.signed_anew(log)
    (log.directory / PUBLIC).write_text(public)


def replace_key(log: Evidence) -> None:
    key = evidence.replace_key(log)
    evidence.signed_anew(log)
    (log.directory / PUBLIC).write_text(f"{key}\n")


def skip_a_counter(log: Evidence) -> None:
    """The writer itself leaves out a record of a task."""

    def change(entries: list[bytes]) -> list[bytes]:
        records = [json.loads(entry) for entry in entries]
        del records[4:6]  # a call with its outcome
        return [encode({**record, "n": n}) for n, record in enumerate(records)]

    rewritten(log, change)
    evidence.signed_anew(log)


def drop_a_permit(log: Evidence) -> None:
    def change(entries: list[bytes]) -> list[bytes]:
        return [entry.replace(b'"verdict":"permit"', b'"verdict":"deny"') for entry in entries]

    rewritten(log, change)
    evidence.signed_anew(log)


def append_an_erasure(log: Evidence) -> None:
    """Appends to the file what excuses the payloads that go, as one who has no key."""
    walk = Walk(log.directory)
    for _ in walk:
        pass
    tree, n = walk.tree.copy(), walk.tree.size
    entry = encode({"kind": "erasure", "pseudonym": "u_1", "kids": ["k_0", "k_1"], "n": n})
    tree.extend([entry])
    with segments.path(log.directory, walk.segment).open("r+b") as file:
        file.seek(walk.end)
        file.write(segments.group([entry], tree.size, tree.root()))
    log.blob.write_bytes(bytes(log.blob.stat().st_size))


def rewrite_behind_an_old_checkpoint(log: Evidence) -> None:
    def change(entries: list[bytes]) -> list[bytes]:
        after = [entry.replace(b'"tool"', b'"toil"') for entry in entries[BEFORE:]]
        return [*entries[:BEFORE], *(one.replace(b'"ok"', b'"no"') for one in after)]

    rewritten(log, change)
    shutil.copy(log.kept, log.directory / checkpoint.NAME)


def remove_key(log: Evidence) -> None:
    (log.directory / PUBLIC).unlink()


def edit_payload(log: Evidence) -> None:
    flip(log.blob, 20)


def edit_payload_with_checksum(log: Evidence) -> None:
    data = log.blob.read_bytes()
    length = int.from_bytes(data[4:8])
    log.blob.write_bytes(blobs.frame(b"x" * length) + data[8 + length :])


def remove_payloads(log: Evidence) -> None:
    log.blob.unlink()


def blank_a_payload(log: Evidence) -> None:
    data = log.blob.read_bytes()
    length = int.from_bytes(data[4:8])
    log.blob.write_bytes(bytes(8 + length) + data[8 + length :])


def witness(log: Evidence, name: str = "witness.example") -> tuple[Signer, Signer]:
    """A witness with both kinds of keys; `policy` is written to trust one of them, or both."""
    room = log.kept.with_name("witness")
    room.mkdir(exist_ok=True)
    return signers(room, name)


def cosign(log: Evidence, *by: Signer) -> None:
    """Keeps the newest checkpoint as a witnessed one."""
    note = notes.parse((log.directory / checkpoint.NAME).read_bytes())
    lines = "".join(str(notes.sign(note.text, one, 1_795_000_000)) for one in by)
    (log.directory / "witnessed").write_text(f"{note}{lines}")


def trust_a_witness(log: Evidence, quorum: str = "both") -> None:
    classic, lasting = witness(log)
    log.kept.with_name("policy").write_text(
        f"# who has to have seen it\nwitness a {classic.key}\nwitness b {lasting.key}\n"
        f"group either any a b\ngroup both all a b\nquorum {quorum}\n"
    )


def roll_back_below_witnessed(log: Evidence) -> None:
    trust_a_witness(log)
    cosign(log, *witness(log))
    drop_two_checkpoints(log)


def cosign_falsely(log: Evidence) -> None:
    trust_a_witness(log)
    cosign(log, *witness(log))
    path = log.directory / "witnessed"
    lines = path.read_text().splitlines(keepends=True)
    name, signature = lines[-1].rstrip().rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[-1] ^= 1
    path.write_text("".join([*lines[:-2], f"{name} {base64.b64encode(raw).decode()}\n"]))


def nothing(log: Evidence) -> None:
    """Leaves the log as it is."""


class Damage(NamedTuple):
    """What is done, what the verifiers are given besides, and what both say: sentences begin so."""

    make: Callable[[Evidence], None]
    given: tuple[str, ...]
    code: int
    ours: str
    theirs: str


KEPT = ("--since-checkpoint", "{kept}")
NEWEST = ("--since-checkpoint", "{newest}")
KEY = ("--key", "{key}")
POLICY = ("--witness-policy", "{policy}")

GONE = "truncated: the checkpoint is gone, and perhaps what it knew of\n"
NOT_SEALED = r"edited: record 2: its payload is not what was sealed \(payload-00000000.blob at 0\)"
NOT_THERE = r"payload-missing: record 2: its payload is gone \(payload-00000000.blob at 0\)"
NOT_SIGNED = (
    r"edited: the checkpoint is not signed by the log's key crm.example/audit\+[0-9a-f]{8}: "
)
UNKNOWN_KEY = NOT_SIGNED + "no known key signed this note"
NO_GROUP = r"from record \d+ on: \d+ bytes are no group"

CORPUS: dict[str, Damage] = {
    "nothing": Damage(
        nothing,
        (*KEPT, *KEY),
        0,
        "audit verified: 22 records, 20 payloads, root [0-9a-f]{64}$",
        "verified: 22 records, 20 payloads, 0 erased$",
    ),
    "tail truncate": Damage(
        drop_last_group,
        (),
        TRUNCATED,
        "truncated: the checkpoint knows 22 records, the log holds 21$",
        "truncated: the checkpoint knows 22 records, there are 21$",
    ),
    "torn tail": Damage(
        tear,
        (),
        TRUNCATED,
        r"truncated: \d+ bytes at the end are no whole group: a torn write, or a cut$",
        rf"truncated: segment-00000002.log {NO_GROUP}$",
    ),
    "whole-log delete": Damage(
        delete_all,
        (*NEWEST, *KEY),
        TRUNCATED,
        GONE + "truncated: the checkpoint in .* knows 22 records, the log holds 0$",
        GONE + "truncated: the one in .* knows 22 records, there are 0$",
    ),
    "whole-log delete, begun anew": Damage(
        begin_anew,
        KEPT,
        TRUNCATED,
        "truncated: the checkpoint in .* knows 6 records, the log holds 1$",
        "truncated: the one in .* knows 6 records, there are 1$",
    ),
    "drop two checkpoints": Damage(
        drop_two_checkpoints,
        NEWEST,
        TRUNCATED,
        "truncated: the checkpoint in .* knows 22 records, the log holds 6$",
        "truncated: the one in .* knows 22 records, there are 6$",
    ),
    "middle edit with fixed CRC": Damage(
        edit_with_checksum,
        (),
        EDITED,
        r"edited: records \d+ to \d+ do not give their trailer's root$",
        rf"edited: segment-00000001.log {NO_GROUP}$",
    ),
    "middle edit with fixed CRC and trailers": Damage(
        edit_with_trailers,
        (),
        FORKED,
        "forked: the checkpoint and the log have different roots for the first 22 records$",
        "forked: the checkpoint has another root for the first 22 records$",
    ),
    "payload-only edit": Damage(
        edit_payload, (), EDITED, NOT_SEALED, "edited: record 2: its payload$"
    ),
    "payload-only edit with fixed CRC": Damage(
        edit_payload_with_checksum, (), EDITED, NOT_SEALED, "edited: record 2: its payload$"
    ),
    "payloads removed": Damage(
        remove_payloads, (), MISSING, NOT_THERE, "payload missing: record 2: its payload$"
    ),
    "a payload blanked": Damage(
        blank_a_payload, (), MISSING, NOT_THERE, "payload missing: record 2: its payload$"
    ),
    "counter gap": Damage(
        skip_a_counter,
        (),
        EDITED,
        "gap: task t_1: record 4 of theirs is missing, 6 is there$",
        "edited: record 4: task_n is not 4: a gap$",
    ),
    "outcome without a permit": Damage(
        drop_a_permit,
        (),
        EDITED,
        "unpaired: record 3: an outcome for d_0, for which no permit waits$",
        "edited: record 3: an outcome that no permit waits for$",
    ),
    "fork": Damage(
        fork,
        KEPT,
        FORKED,
        "forked: the checkpoint in .* and the log have different roots for the first 6 records$",
        "forked: the one in .* has another root for the first 6 records$",
    ),
    "swapped segments": Damage(
        swap_segments,
        (),
        EDITED,
        "edited: segment 1 does not continue the one before it$",
        rf"edited: segment-00000001.log {NO_GROUP}$",
    ),
    "a segment removed": Damage(
        remove_a_segment,
        (),
        EDITED,
        "edited: segment-00000001.log is missing, and segment-00000002.log exists$",
        rf"edited: segment-00000002.log {NO_GROUP}$",
    ),
    "unsigned": Damage(
        unsign, (), EDITED, NOT_SIGNED + "it has no signature$", "edited: not of the form"
    ),
    "the key is gone": Damage(
        remove_key,
        (),
        TRUNCATED,
        "truncated: nothing says whose signature the checkpoint needs: log.pub is gone$",
        "truncated: the checkpoint is not signed by the log's key$",
    ),
    "an erasure appended that nobody signed": Damage(
        append_an_erasure, (), MISSING, NOT_THERE, "payload missing: record 2: its payload$"
    ),
    "all rewritten behind an old checkpoint": Damage(
        rewrite_behind_an_old_checkpoint,
        KEY,
        EDITED,
        "unsigned: records from 6 on are not signed, and nobody is writing$",
        "edited: records from 6 on are not signed$",
    ),
    "foreign key": Damage(
        forge, (), EDITED, UNKNOWN_KEY, "edited: the checkpoint is not signed by the log's key$"
    ),
    "foreign key in the place of the log's": Damage(
        replace_key,
        KEY,
        EDITED,
        UNKNOWN_KEY,
        "edited: the checkpoint is not signed by the log's key$",
    ),
    "not witnessed": Damage(
        trust_a_witness,
        POLICY,
        UNWITNESSED,
        "unwitnessed: not witnessed as the policy asks: cosigned by nobody$",
        "not witnessed: the policy asks for more than nobody$",
    ),
    "witnessed, and put back below that": Damage(
        roll_back_below_witnessed,
        POLICY,
        TRUNCATED,
        "truncated: the witnessed checkpoint knows 22 records, the log holds 6$",
        "truncated: the witnessed knows 22 records, there are 6$",
    ),
    "witnessed by one who only bears the name": Damage(
        cosign_falsely,
        POLICY,
        UNWITNESSED,
        "unwitnessed: not witnessed as the policy asks: the signature of witness.example is not",
        "not witnessed: the policy asks for more than nobody$",
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_both_verifiers_say_what_was_done(
    name: str, log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    damage = CORPUS[name]
    given = words(log, damage.given)
    damage.make(log)
    for said, sentence in (
        (ours(capsys, *given, log.directory), damage.ours),
        (theirs(*given, log.directory), damage.theirs),
    ):
        assert said.code == damage.code, said.text
        assert re.search(f"^{sentence}", said.text, re.MULTILINE), said.text


def test_a_key_that_lies_with_the_log_is_believed_and_said_to_lie_there(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_key(log)
    said = ours(capsys, log.directory)
    assert said.code == 0
    assert "signed with the key that lies beside the log; --key holds it to another" in said.text
    assert theirs(log.directory).code == 0


def test_the_worst_of_several_is_the_exit_code(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    remove_payloads(log)
    assert ours(capsys, log.directory).code == theirs(log.directory).code == MISSING
    drop_last_group(log)
    assert ours(capsys, log.directory).code == theirs(log.directory).code == TRUNCATED
    fork(log)
    given = words(log, KEPT)
    assert ours(capsys, log.directory, *given).code == FORKED
    assert theirs(log.directory, *given).code == FORKED


def words(log: Evidence, given: tuple[str, ...]) -> list[str]:
    places = {**log._asdict(), "policy": log.kept.with_name("policy")}
    return [word.format(**places) for word in given]


@pytest.mark.parametrize(
    ("quorum", "by", "code"),
    [
        ("both", (0, 1), 0),
        ("both", (0,), UNWITNESSED),
        ("both", (1,), UNWITNESSED),
        ("either", (0,), 0),
        ("either", (1,), 0),
        ("a", (0,), 0),
        ("b", (1,), 0),
        ("b", (0,), UNWITNESSED),
        ("none", (), 0),
    ],
)
def test_witnesses_of_both_kinds_count_as_the_policy_says(
    quorum: str, by: tuple[int, ...], code: int, log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    trust_a_witness(log, quorum)
    cosign(log, *(witness(log)[number] for number in by))
    given = words(log, POLICY)
    assert ours(capsys, log.directory, *given).code == code
    assert theirs(log.directory, *given).code == code


def test_what_came_after_what_the_witnesses_saw_is_said_not_to_be_witnessed(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    trust_a_witness(log)
    newest = (log.directory / checkpoint.NAME).read_bytes()
    shutil.copy(log.kept, log.directory / checkpoint.NAME)
    cosign(log, *witness(log))
    (log.directory / checkpoint.NAME).write_bytes(newest)
    said = ours(capsys, log.directory, *words(log, POLICY))
    assert said.code == 0
    assert "the witnesses saw the first 6 of 22 records, and not the rest" in said.text
    assert "audit verified: 22 records, 16 of them not witnessed, " in said.text


@pytest.mark.parametrize(
    "name", ["payload-00000000.blob", "witnessed", "segment-00000003.log", "checkpoint"]
)
def test_a_pipe_in_the_place_of_a_file_keeps_neither_waiting(
    name: str, log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log.directory / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    said = ours(capsys, log.directory)
    assert (said.code, said.text.count("\n")) == (3, 1)
    assert str(path) in said.text or "seek" in said.text, said.text
    assert "Traceback" not in theirs(log.directory).text


def test_what_stands_in_a_log_steers_no_terminal(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    steering = "\x1b[2K\x1b[1Aaudit verified: all is well\x1b[8m"
    evidence.append(
        log.directory, Memory(), [[{"kind": "decision", "verdict": "permit", "decision": steering}]]
    )
    for said in (ours(capsys, log.directory), theirs(log.directory)):
        assert "\x1b" not in said.text


def test_a_key_or_policy_that_cannot_be_read_makes_no_sense(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    for given in (["--key", "nofile"], ["--key", "a+b+c"], ["--witness-policy", "nofile"]):
        said = ours(capsys, log.directory, *given)
        assert (said.code, said.text.count("\n")) == (2, 1), said.text
        said = theirs(log.directory, *given)
        assert said.code == 2, said.text
        assert said.text.splitlines()[-1].startswith("verify_log.py: error: name a key, ")


def test_the_stand_alone_one_says_what_it_lacks(log: Evidence, tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ImportError('there is none')")
    done = subprocess.run(
        [sys.executable, STAND_ALONE, log.directory],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "it needs the package `cryptography`: there is none" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_a_change_of_the_key_the_stand_alone_one_needs_both_keys(
    log: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rotation = Rotation(log.directory)
    ledger = opened(log.directory, Memory(), rotation.signer)
    asyncio.run(ledger.append(rotation.record(ledger.head, at_ms=1_795_000_000_000)))
    ledger.close()
    new = rotation.finish(log.directory)
    evidence.append(log.directory, Memory(), [[{"kind": "config"}]])
    both = tmp_path / "both"
    both.write_text(f"{log.key}{new}\n")
    for key, theirs_too in ((log.key, EDITED), (str(new), EDITED), (str(both), 0)):
        given = ("--key", key, *words(log, KEPT))
        assert ours(capsys, log.directory, *given).code == 0
        # The one was signed with the old key, the other with the new one.
        assert theirs(log.directory, *given).code == theirs_too


def test_of_several_keys_any_signs(log: Evidence, tmp_path: Path) -> None:
    """Where a log's key was changed, who has both gives both."""
    other = evidence.replace_key(log)
    both = tmp_path / "both"
    both.write_text(f"{other}\n{log.key}")
    assert theirs(log.directory, "--key", both).code == 0
    both.write_text(f"{other}\n")
    assert theirs(log.directory, "--key", both).code == EDITED


def test_a_policy_without_a_quorum_is_content_with_nothing(log: Evidence, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"witness a {witness(log)[0].key}\n")
    assert theirs(log.directory, "--witness-policy", policy).code == UNWITNESSED


def test_what_was_erased_is_counted_and_missing_it_is_no_fault(
    log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [json.loads(entry) for group in Walk(log.directory) for entry in group.entries]
    gone = [one["payload"] for one in entries if one.get("payload", {}).get("kid") == "k_1"]
    data = bytearray(log.blob.read_bytes())
    for one in gone:
        offset = one["at"][1]
        data[offset : offset + 8 + one["bytes"]] = bytes(8 + one["bytes"])
    log.blob.write_bytes(data)
    assert ours(capsys, log.directory).code == theirs(log.directory).code == MISSING
    for whose, code in (("u_2", MISSING), ("u_1", 0)):
        erased = {"kind": "erasure", "pseudonym": whose, "kids": ["k_1"]}
        evidence.append(log.directory, Memory(), [[erased]])
        assert ours(capsys, log.directory).code == theirs(log.directory).code == code
    said = ours(capsys, log.directory)
    assert (said.code, len(gone)) == (0, 10)
    assert "audit verified: 24 records, 10 payloads, 10 payloads erased, root " in said.text
    assert theirs(log.directory) == (
        0,
        "verified: 24 records, 10 payloads, 10 erased; by the key that lies with it\n",
    )


def test_neither_takes_nothing_for_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (ours(capsys, tmp_path).code, theirs(tmp_path).code) == (3, 3)


class TestStandAlone:
    """`scripts/verify_log.py` is there to be read and carried away."""

    def test_it_needs_the_standard_library_and_cryptography_alone(self) -> None:
        tree = ast.parse(STAND_ALONE.read_text("utf-8"))
        names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names.add(str(node.module).partition(".")[0])
        assert names <= {*sys.stdlib_module_names, "cryptography"}
        assert "importlib" not in names
        assert not {"eval", "exec", "__import__"} & {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
        }

    def test_it_is_short_enough_to_be_read(self) -> None:
        assert len(STAND_ALONE.read_text("utf-8").splitlines()) <= 300

    def test_its_help_teaches_every_exit_code(self) -> None:
        said = theirs("--help")
        assert said.code == 0
        for code in (0, 2, 3, 10, 11, 12, 13, 14):
            assert re.search(rf"\b{code}  ", said.text), code
