from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safeconduct.audit import checkpoint, notes, segments, tail, tiles
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.checkpointing import OpenSigner
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.notes import parse_key
from safeconduct.audit.signer import Refused, Unavailable, keys
from safeconduct.audit.signer.notary import MEMORY, PUBLIC, Notary
from safeconduct.audit.walk import Walk
from safeconduct.core import proofs
from safeconduct.core.merkle import EMPTY_ROOT, leaf_hash
from tests.support.logs import ORIGIN, forget, numbers, opened, rewind, written


def signed(directory: Path) -> tuple[Checkpoint, str]:
    """The checkpoint and who signed it."""
    note = notes.parse((directory / checkpoint.NAME).read_bytes())
    (found,) = notes.verify(note, [parse_key((directory / PUBLIC).read_text().strip())])
    return checkpoint.parse(note.text), found.key.name


def notary(directory: Path) -> Notary:
    return Notary(directory, directory, ORIGIN)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    written(tmp_path, *numbers(5))
    return tmp_path


@pytest.fixture
def here(directory: Path) -> Iterator[Notary]:
    made = notary(directory)
    made.start()
    yield made
    made.close()


def test_a_log_is_signed_from_its_first_moment_on(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert signed(tmp_path) == (Checkpoint(ORIGIN, 0, EMPTY_ROOT), ORIGIN)
    log.close()
    for name in (keys.NAME, MEMORY, checkpoint.NAME, PUBLIC):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_what_is_signed_is_the_log(directory: Path) -> None:
    walk = Walk(directory)
    assert len(list(walk)) == 5
    assert signed(directory) == (Checkpoint(ORIGIN, 5, walk.tree.root()), ORIGIN)
    assert (directory / MEMORY).read_text() == (directory / checkpoint.NAME).read_text()


def test_the_same_key_signs_after_the_next_start(directory: Path) -> None:
    before = (directory / PUBLIC).read_bytes()
    log = opened(directory)
    log.close()
    assert (directory / PUBLIC).read_bytes() == before
    assert signed(directory)[0].size == 5


def test_what_was_signed_is_given_again_and_not_signed_again(here: Notary) -> None:
    assert here.sign(5) == here.sign(5)


def test_a_size_at_which_no_group_ends_is_not_signed(tmp_path: Path) -> None:
    written(tmp_path, [{"i": 1}, {"i": 2}])
    forget(tmp_path)
    made = notary(tmp_path)
    made.start()
    with pytest.raises(Refused) as caught:
        made.sign(1)
    assert caught.value.code == "edited"
    made.close()


def test_what_is_not_there_is_not_signed_now_or_later(here: Notary, directory: Path) -> None:
    with pytest.raises(Refused, match="6 records were written, the log holds 5") as caught:
        here.sign(6)
    assert caught.value.code == "truncated"
    with pytest.raises(Refused):
        here.sign(5)
    assert signed(directory)[0].size == 5


def kept(state: Path) -> OpenSigner:
    """Signers with key and memory in a state directory."""
    state.mkdir(exist_ok=True)
    return lambda directory, origin: Notary(directory, state, origin)


@pytest.mark.parametrize("signed", [3, 300])
def test_a_log_that_was_put_back_does_not_open(tmp_path: Path, signed: int) -> None:
    """As a whole, with the checkpoint of then: all that still knows better is the signer."""
    log, signer = tmp_path / "audit", kept(tmp_path / "state")
    written(log, *numbers(2), signer=signer)
    shutil.copytree(log, tmp_path / "copy")
    opened(log, signer=signer).close()
    shutil.rmtree(log)
    shutil.rmtree(tmp_path / "state")
    written(log, *numbers(signed), signer=signer)
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "copy", log)
    (log / checkpoint.NAME).write_bytes((tmp_path / "state" / MEMORY).read_bytes())
    with pytest.raises(LogFault, match=f"knows {signed} records") as caught:
        opened(log, signer=signer)
    assert caught.value.code == "truncated"


def test_a_log_put_back_with_its_checkpoint_is_not_signed(tmp_path: Path) -> None:
    log, signer = tmp_path / "audit", kept(tmp_path / "state")
    projection = written(log, *numbers(3), signer=signer)
    shutil.copytree(log, tmp_path / "copy")
    again = opened(log, projection, signer)
    asyncio.run(again.append({"i": 4}))
    again.close()
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "copy", log)
    with pytest.raises(LogFault, match="4 records were signed, and the log holds 3") as caught:
        opened(log, signer=signer)
    assert caught.value.code == "truncated"
    assert "begin a new log, with an `audit.origin` of its own" in caught.value.sentence
    assert checkpoint.load(log) == checkpoint.load(tmp_path / "copy")


def test_another_log_of_that_length_is_not_signed(tmp_path: Path) -> None:
    log, other, signer = tmp_path / "audit", tmp_path / "other", kept(tmp_path / "state")
    written(log, *numbers(3), signer=signer)
    written(other, *numbers(4, first=50))
    segments.path(log, 0).write_bytes(segments.path(other, 0).read_bytes())
    made = signer(log, ORIGIN)
    made.start()
    for _ in range(2):
        with pytest.raises(Refused, match="not those that were signed") as caught:
            made.sign(4)
        assert caught.value.code == "forked"
    made.close()


def test_an_edited_checkpoint_opens_nothing(directory: Path) -> None:
    """The right text without its signature, or with another one."""
    path = directory / checkpoint.NAME
    whole = path.read_text()
    text, _, signature = whole.partition("\n\n")
    for content in (f"{text}\n", whole.replace(signature[-8:-3], "AAAAA"), f"{text}\n\n"):
        path.write_text(content)
        with pytest.raises(LogFault, match="the checkpoint: ") as caught:
            opened(directory)
        assert caught.value.code == "edited"
    path.write_text(whole)
    opened(directory).close()


def test_a_log_of_a_version_without_signer_is_taken_on_once(directory: Path) -> None:
    tree = checkpoint.load(directory)
    assert tree is not None
    forget(directory)
    shutil.rmtree(directory / "tile", ignore_errors=True)
    checkpoint.store(directory, tree)
    opened(directory).close()
    assert signed(directory) == (tree, ORIGIN)
    checkpoint.store(directory, tree)
    with pytest.raises(LogFault, match="a note without signatures"):
        opened(directory)


@pytest.mark.parametrize(
    ("gone", "sentence"), [(keys.NAME, "audit.key is gone"), (MEMORY, "audit.signed is gone")]
)
def test_a_signer_that_forgot_does_not_begin_anew(
    directory: Path, gone: str, sentence: str
) -> None:
    (directory / gone).unlink()
    for _ in range(2):
        with pytest.raises(LogFault, match=sentence) as caught:
            opened(directory)
        assert caught.value.code == "edited"


def test_a_memory_that_the_key_did_not_sign_is_none(directory: Path) -> None:
    memory = directory / MEMORY
    memory.write_text(memory.read_text().replace(f"{ORIGIN}\n5", f"{ORIGIN}\n4"))
    with pytest.raises(LogFault, match=r"audit\.signed: the signature .* is not good") as caught:
        opened(directory)
    assert caught.value.code == "edited"
    memory.write_text("")
    with pytest.raises(LogFault, match=r"audit\.signed: a note without signatures"):
        opened(directory)


def test_a_key_signs_for_one_log(directory: Path, tmp_path: Path) -> None:
    made = Notary(tmp_path / "another", directory, "another/log")
    with pytest.raises(Refused, match=f"is of the log '{ORIGIN}', not of 'another/log'") as caught:
        made.start()
    assert caught.value.code == "foreign"


def test_a_key_that_others_can_read_is_not_used(directory: Path) -> None:
    (directory / keys.NAME).chmod(0o640)
    with pytest.raises(LogFault, match="others may read the key") as caught:
        opened(directory)
    assert caught.value.code == "unsafe"


def test_a_key_of_another_kind_is_none(directory: Path) -> None:
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (pem, b"", b"no key"):
        (directory / keys.NAME).write_bytes(content)
        with pytest.raises(LogFault, match="is not an Ed25519 key") as caught:
            opened(directory)
        assert caught.value.code == "unsafe"


def test_two_do_not_sign_with_one_key(
    directory: Path, here: Notary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_PAUSE_S", 0)
    with pytest.raises(Refused, match="another process signs") as caught:
        notary(directory).start()
    assert caught.value.code == "busy"


def test_a_change_of_keys_that_did_not_end_is_ended_first(directory: Path) -> None:
    keys.create(directory / keys.NEXT)
    with pytest.raises(LogFault, match="`safeconduct audit rotate-key` ends it"):
        opened(directory)


def test_without_room_nothing_is_signed_and_later_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = written(tmp_path, *numbers(300))
    rewind(tmp_path, Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    made = notary(tmp_path)
    made.start()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for where in ("safeconduct.audit.signer.tiler.flush", "safeconduct.kit.files.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            with pytest.raises(Unavailable, match="No space left"):
                made.sign(300)
        assert checkpoint.load(tmp_path) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    note = notes.parse(made.sign(300).encode())
    assert checkpoint.parse(note.text).size == len(projection.records) == 300
    made.close()


def test_a_state_that_cannot_be_used_is_said_to_be(tmp_path: Path) -> None:
    made = Notary(tmp_path, tmp_path / "file" / "state", ORIGIN)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Not a directory"):
        made.start()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 records, seven a group, in many segments."""
    directory = tmp_path_factory.mktemp("audit")
    groups = [[{"value": first + at} for at in range(7)] for first in range(0, 700, 7)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "SEGMENT_BYTES", 10_000)
        written(directory, *groups)
    return directory


class TestTiles:
    """Full hash tiles are there before the checkpoint that needs them."""

    def leaves(self, log: Path) -> list[bytes]:
        return [leaf_hash(entry) for group in Walk(log) for entry in group.entries]

    def test_they_hold_the_leaves(self, log: Path) -> None:
        leaves = self.leaves(log)
        found = sorted(path.relative_to(log).as_posix() for path in log.glob("tile/**/*.*"))
        assert not found
        files = sorted(path for path in log.glob("tile/**/*") if path.is_file())
        assert [path.relative_to(log).as_posix() for path in files] == [
            "tile/0/000",
            "tile/0/001",
        ]
        assert b"".join(path.read_bytes() for path in files) == b"".join(leaves[:512])
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((log / "tile").stat().st_mode) == 0o700

    def test_every_proof_can_be_made_of_them(self, log: Path) -> None:
        leaves = self.leaves(log)
        for size in (1, 255, 256, 257, 512, 699, 700):
            hashes = tiles.Hashes(log, size)
            root = proofs.root(size, hashes)
            for index in range(0, size, 37):
                proof = proofs.inclusion(index, size, hashes)
                assert proofs.is_included(leaves[index], index, size, proof, root)

    @pytest.mark.parametrize("lost", [["000"], ["001"], ["000", "001"]])
    def test_without_them_the_segments_serve(
        self, log: Path, tmp_path: Path, lost: list[str]
    ) -> None:
        copy = shutil.copytree(log, tmp_path / "copy")
        for name in lost:
            (copy / "tile" / "0" / name).write_bytes(b"short")
        assert proofs.root(700, tiles.Hashes(copy, 700)) == proofs.root(700, tiles.Hashes(log, 700))

    def test_more_than_there_is_has_no_hashes(self, log: Path) -> None:
        with pytest.raises(Damaged, match="does not hold 1000 records"):
            proofs.root(1000, tiles.Hashes(log, 1000))

    @pytest.mark.parametrize("size", [0, 7, 252, 511 // 7 * 7, 518, 700])
    def test_a_signer_goes_on_from_wherever_it_was(
        self, log: Path, tmp_path: Path, size: int
    ) -> None:
        copy = shutil.copytree(log, tmp_path / "copy")
        shutil.rmtree(copy / "tile")
        rewind(copy, Checkpoint(ORIGIN, size, proofs.root(size, tiles.Hashes(log, size))))
        made = notary(copy)
        made.start()
        made.sign(size)
        assert checkpoint.parse(made.sign(700)) == checkpoint.load(log)
        made.close()
        for name in ("tile/0/000", "tile/0/001"):
            assert (copy / name).read_bytes() == (log / name).read_bytes()

    @pytest.mark.parametrize("lost", ["tile/0/000", "tile/0/001"])
    def test_they_are_not_made_again_of_segments_that_were_pruned(
        self, log: Path, tmp_path: Path, lost: str
    ) -> None:
        copy = shutil.copytree(log, tmp_path / "copy")
        segments.path(copy, 0).unlink()
        (copy / segments.PRUNED).write_text("1")
        opened_again = notary(copy)
        opened_again.start()
        assert checkpoint.parse(opened_again.sign(700)) == checkpoint.load(log)
        opened_again.close()
        (copy / lost).write_bytes(bytes(tiles.TILE_BYTES))
        opened_again = notary(copy)
        opened_again.start()
        with pytest.raises(Refused, match="hash tiles are missing or changed") as caught:
            opened_again.sign(700)
        assert caught.value.code == "edited"
        opened_again.close()
