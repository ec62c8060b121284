"""An evidence bundle, damaged in every place, and what both verifiers say of it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.witness.keys import signers
from safeconduct.cli import main
from safeconduct.core.canonical import canonical
from safeconduct.core.merkle import leaf_hash, node_hash
from safeconduct.core.proofs import consistency
from safeconduct.core.proofs import root as root_of
from tests.support.evidence import ours, theirs
from tests.support.logs import ORIGIN, sign
from tests.support.trails import START_MS, Trail

Members = dict[str, bytes]

RECORDS, PROOFS = "records.jsonl", "proofs.jsonl"
EDITED, TRUNCATED, FORKED, UNWITNESSED = 11, 10, 12, 14


def trail() -> Trail:
    """What one agent did for one user in half an hour out of the middle; others were at it too."""
    made = Trail()
    for task, user in (("t_1", "jane"), ("t_2", "joe"), ("t_3", "jane")):
        made.start(task, user=user)
        for _ in range(3):
            made.call(task)
    made.at_ms = START_MS + 3_600_000
    made.call("t_1")
    return made


def exported(made: Trail, log: Path, where: Path) -> Path:
    """A bundle of the half hour."""
    made.write(log)
    tree = checkpoint.load(log)
    assert tree is not None
    sign(log, tree)
    given = ["--case", "C-1", "--agent", "triage", "--user", "jane", "--out", str(where)]
    until = ["--until", "2026-11-18T11:36:40Z"]
    assert main.main(["audit", "export", str(log), *given, *until]) == 0
    return where


@pytest.fixture
def bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    made = exported(trail(), tmp_path / "log", tmp_path / "case.zip")
    capsys.readouterr()
    return made


def members(bundle: Path) -> Members:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def without(found: Members, at: int) -> None:
    """Takes one record out, with its proof and out of the answer: a row of an index is gone."""
    gone = json.loads(lines(found["records.jsonl"])[at])["n"]
    for name in ("records.jsonl", "proofs.jsonl"):
        left = lines(found[name])
        del left[at]
        found[name] = b"".join(line + b"\n" for line in left)
    case = json.loads(found["case.json"])
    case["answer"] = [one for one in case["answer"] if one["n"] != gone]
    found["case.json"] = canonical(case)


def index_row_deleted(found: Members) -> None:
    without(found, 2)


def beginning_left_out(found: Members) -> None:
    case = json.loads(found["case.json"])
    starts = [json.loads(line)["task_n"] for line in lines(found["records.jsonl"])]
    assert starts[0] == 1
    for name in ("records.jsonl", "proofs.jsonl"):
        left = lines(found[name])
        found[name] = b"".join(line + b"\n" for line in [left[0], *left[3:]])
    kept = {json.loads(line)["n"] for line in lines(found["proofs.jsonl"])}
    case["answer"] = [one for one in case["answer"] if one["n"] in kept]
    found["case.json"] = canonical(case)


def end_left_out(found: Members) -> None:
    while json.loads(lines(found["records.jsonl"])[-1])["at_ms"] >= START_MS + 1_800_000:
        without(found, -1)


def answer_shortened(found: Members) -> None:
    case = json.loads(found["case.json"])
    del case["answer"][3]
    found["case.json"] = canonical(case)


def answer_with_another_leaf(found: Members) -> None:
    case = json.loads(found["case.json"])
    case["answer"][3]["leaf"] = "00" * 32
    found["case.json"] = canonical(case)


def record_edited(found: Members) -> None:
    old = lines(found["records.jsonl"])[1]
    found["records.jsonl"] = found["records.jsonl"].replace(old, old.replace(b"triage", b"triago"))


def record_invented(found: Members) -> None:
    """With the two hashes below the root, which any proof gives, in the place of one hash."""
    old, head = lines(found["records.jsonl"])[1], checkpoint.parse(found["checkpoint"].decode())
    n, path = (said := json.loads(lines(found["proofs.jsonl"])[1]))["n"], said["proof"]
    half = 1 << (head.size - 1).bit_length() - 1
    assert n < half
    left = leaf_hash(old)
    for level, node in enumerate(map(bytes.fromhex, path[:-1])):
        left = node_hash(node, left) if n >> level & 1 else node_hash(left, node)
    assert node_hash(left, bytes.fromhex(path[-1])) == head.root
    new = old.replace(b"triage", b"triago")
    found["records.jsonl"] = found["records.jsonl"].replace(old, new)
    proofs = lines(found["proofs.jsonl"])
    proofs[1] = canonical({"n": n, "proof": [left.hex() + path[-1]]})
    found["proofs.jsonl"] = b"".join(line + b"\n" for line in proofs)


def proofs_swapped(found: Members) -> None:
    first, second, *rest = lines(found["proofs.jsonl"])
    found["proofs.jsonl"] = b"".join(line + b"\n" for line in (second, first, *rest))


def checkpoint_edited(found: Members) -> None:
    tree = checkpoint.parse(found["checkpoint"].decode())
    text = Checkpoint(ORIGIN, tree.size, bytes(32)).text()
    found["checkpoint"] = found["checkpoint"].replace(tree.text().encode(), text.encode())


def other_log(found: Members) -> None:
    case = json.loads(found["case.json"])
    found["case.json"] = canonical({**case, "origin": "erp.example/audit"})


def strange_payload(found: Members) -> None:
    n = json.loads(lines(found["records.jsonl"])[2])["n"]
    found[f"payloads/{n}"] = b"something"


def nothing(found: Members) -> None:
    """Leaves it as it is."""


def added_without_an_end(found: Members) -> None:
    found["records.jsonl"] += canonical({"n": 99, "kind": "decision", "verdict": "permit"})


def completeness_not_claimed(found: Members) -> None:
    case = json.loads(found["case.json"])
    found["case.json"] = canonical({**case, "complete": None, "answer": case["answer"][:1]})


def narrowed(found: Members) -> None:
    """Says that less was asked for, and leaves out what that asks for too."""
    case = json.loads(found["case.json"])
    asked = {**case["asked"], "verdict": "permit"}
    found["case.json"] = canonical({**case, "asked": asked, "answer": []})


def opened_invented(found: Members) -> None:
    found["opened/2.json"] = b'{"arguments":{"iban":"invented"}}'


def strange_member(found: Members) -> None:
    found["../evil"] = b"x"


class Damage(NamedTuple):
    make: Callable[[Members], None]
    code: int
    ours: str
    theirs: str


NOT_UNDER = "does not stand under the checkpoint"

CORPUS: dict[str, Damage] = {
    "nothing": Damage(
        nothing,
        0,
        "audit verified: 16 records (14 asked for, 2 only as evidence), root ",
        "verified: 16 records, 14 asked for",
    ),
    "index row deleted": Damage(
        index_row_deleted,
        TRUNCATED,
        "truncated: the answer is not complete: after number 2 comes 4",
        "truncated: not complete: pair_n has a gap, or ends within the time",
    ),
    "the beginning is left out": Damage(
        beginning_left_out,
        TRUNCATED,
        "truncated: the answer is not complete: after number 1 comes 4",
        "truncated: not complete: pair_n has a gap, or ends within the time",
    ),
    "the end is left out": Damage(
        end_left_out,
        TRUNCATED,
        "truncated: the answer is not complete: nothing shows that number 14 was the last",
        "truncated: not complete: pair_n has a gap, or ends within the time",
    ),
    "the answer is shortened": Damage(
        answer_shortened,
        TRUNCATED,
        "truncated: the answer is not complete: record 4 is left out",
        "truncated: not complete: {4} are not in the answer",
    ),
    "the answer names another leaf": Damage(
        answer_with_another_leaf,
        EDITED,
        "edited: record 4: the answer names it, and it is missing or another",
        "edited: a record of the answer is missing, or is another",
    ),
    "a record is edited": Damage(
        record_edited,
        EDITED,
        f"edited: record 2: it {NOT_UNDER}",
        "edited: record 2 is not under the checkpoint",
    ),
    "a record is invented, with a proof of another length": Damage(
        record_invented,
        EDITED,
        f"edited: record 2: it {NOT_UNDER}",
        "edited: record 2 is not under the checkpoint",
    ),
    "proofs are swapped": Damage(
        proofs_swapped,
        EDITED,
        f"edited: record 2: it {NOT_UNDER}",
        "edited: record 2 is not under the checkpoint",
    ),
    "the checkpoint is edited": Damage(
        checkpoint_edited,
        EDITED,
        "edited: the checkpoint is not signed by the log's key",
        "edited: the checkpoint is not signed by the log's key",
    ),
    "case and checkpoint are of two logs": Damage(
        other_log,
        EDITED,
        "edited: the checkpoint is of another log, 'crm.example/audit'",
        "edited: case and checkpoints are of different logs",
    ),
    "a payload that no record names": Damage(
        strange_payload,
        EDITED,
        "edited: record 3: its payload is not what was sealed",
        "edited: record 3: its payload",
    ),
}


OF_THE_QUESTION: dict[str, tuple[Callable[[Members], None], int, str]] = {
    "a record without an end": (added_without_an_end, 3, "the last line of records.jsonl"),
    "completeness is not claimed any more": (
        completeness_not_claimed,
        EDITED,
        "edited: the case does not claim of its answer what follows from what was asked",
    ),
    "narrowed": (narrowed, TRUNCATED, "truncated: the answer is not complete: record 2 is left"),
    "opened, and invented": (opened_invented, EDITED, "edited: opened/2.json: there is no such"),
    "a strange member": (strange_member, EDITED, "edited: '../evil' is no member of a bundle"),
}


@pytest.mark.parametrize("name", OF_THE_QUESTION)
def test_the_question_is_held_to_its_answer_and_members_to_what_they_may_be(
    name: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, sentence = OF_THE_QUESTION[name]
    found = members(bundle)
    make(found)
    said = ours(capsys, "--bundle", write(bundle.with_name("damaged.zip"), found))
    assert said.code == code, said.text
    assert sentence in said.text


def test_a_member_that_is_there_twice_is_none(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = members(bundle)
    with (
        zipfile.ZipFile(bundle, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("records.jsonl", found["records.jsonl"])
    said = ours(capsys, "--bundle", bundle)
    assert said.code == EDITED
    assert "edited: 'records.jsonl' is no member of a bundle, or is there twice" in said.text


def test_what_is_compressed_is_not_unpacked(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(bundle, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("payloads/2", bytes(1 << 20))
    said = ours(capsys, "--bundle", bundle)
    assert (said.code, said.text.count("\n")) == (3, 1)


def test_what_was_asked_for_is_counted_apart_from_what_only_shows_that_it_is_all(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = json.loads(members(bundle)["case.json"])
    value = json.loads(ours(capsys, "--bundle", bundle, "--format", "json").text)
    assert (value["records"], value["answers"]) == (16, len(case["answer"])) == (16, 14)
    log = json.loads(ours(capsys, bundle.with_name("log"), "--format", "json").text)
    assert log["answers"] is None


@pytest.mark.parametrize("name", CORPUS)
def test_both_verifiers_say_what_was_done(
    name: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage = CORPUS[name]
    found = members(bundle)
    damage.make(found)
    damaged = write(bundle.with_name("damaged.zip"), found)
    for said, sentence in (
        (ours(capsys, "--bundle", damaged), damage.ours),
        (theirs(damaged), damage.theirs),
    ):
        assert said.code == damage.code, said.text
        assert f"\n{sentence}" in f"\n{said.text}", said.text


@pytest.mark.parametrize("hidden", [False, True])
def test_a_question_on_record_shows_what_a_clock_that_was_set_back_would_hide(
    hidden: bool, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A task of the half hour that was written after it is left out, and with it its start."""
    case = members(bundle)["case.json"]
    made = trail()
    if hidden:
        made.at_ms = START_MS + 60_000
        made.start("t_4")
        made.call("t_4")
    made.at_ms = START_MS + 3_700_000
    asked = {"kind": "audit.read", "phase": "export", "case": sha256(case).hexdigest()}
    made.add({**asked, "task": "t_4" if hidden else "t_1"})
    found = members(exported(made, tmp_path / "later", tmp_path / "later.zip"))
    kept = [
        (data, proof)
        for data, proof in zip(*(lines(found[one]) for one in (RECORDS, PROOFS)), strict=True)
        if not hidden or b'"t_4"' not in data or b"audit.read" in data
    ]
    found |= {"case.json": case}
    for at, name in enumerate((RECORDS, PROOFS)):
        found[name] = b"".join(one[at] + b"\n" for one in kept)
    forged = write(tmp_path / "forged.zip", found)
    told = ours(capsys, "--bundle", forged)
    assert "the question is not on record" not in told.text
    assert "nothing shows that number 16 was the last" in told.text or not hidden
    assert told.code == theirs(forged).code == (TRUNCATED if hidden else 0)


def test_what_was_witnessed_has_to_be_a_beginning_of_what_is_proven(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The export proves it; another history, which the log signed too, has no such proof."""
    log, found = tmp_path / "log", members(bundle)
    head = checkpoint.parse(found["checkpoint"].decode())
    hashes = Hashes(log, head.size)
    path = [node.hex() for node in consistency(5, head.size, hashes)]
    said = {"from": 5, "to": head.size, "proof": path}
    texts = [""] * 2
    for root, code in ((root_of(5, hashes), 0), (bytes(32), FORKED)):
        sign(log, Checkpoint(ORIGIN, 5, root))
        more = {"witnessed": (log / "checkpoint").read_bytes(), "consistency.json": canonical(said)}
        made = write(tmp_path / "witnessed.zip", {**found, **more})
        both = ours(capsys, "--bundle", made), theirs(made)
        texts = [one.text for one in both]
        assert [one.code for one in both] == [code, code], texts
    assert "forked: the witnessed checkpoint and the log have different roots for" in texts[0]
    assert "forked: the witnessed checkpoint is not of the checkpoint's tree" in texts[1]


def write(where: Path, found: Members) -> Path:
    with zipfile.ZipFile(where, "w") as archive:
        for member, data in found.items():
            archive.writestr(member, data)
    return where


def test_a_bundle_is_held_to_a_key_and_to_witnesses_from_elsewhere(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, other, policy = (
        (tmp_path / "log" / "log.pub").read_text(),
        key_of_another(tmp_path),
        tmp_path / "policy",
    )
    policy.write_text(f"witness w {signers(tmp_path, 'w.example')[0].key}\nquorum w\n")
    for given, code in (
        (["--key", key], 0),
        (["--key", other], EDITED),
        (["--witness-policy", policy], UNWITNESSED),
    ):
        assert ours(capsys, "--bundle", bundle, *given).code == code
        assert theirs(bundle, *given).code == code


def key_of_another(tmp_path: Path) -> str:
    (tmp_path / "other").mkdir()
    sign(tmp_path / "other", Checkpoint(ORIGIN, 0, bytes(32)))
    return (tmp_path / "other" / "log.pub").read_text()


def test_what_is_no_bundle_is_said_to_be_none(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text"
    text.write_text("no archive")
    said = ours(capsys, "--bundle", text)
    assert said.code == 3
    assert said.text.startswith(f"safeconduct: {text} is no evidence bundle: ")
    assert theirs(text).code == 3
    assert ours(capsys, "--bundle", bundle, tmp_path).code == 2
