from __future__ import annotations

import stat
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged

# The example of C2SP tlog-checkpoint.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SIGNATURE = "\n\u2014 example.com/behind-the-sofa Az3grlgt\n"
EXAMPLE = Checkpoint(
    "example.com/behind-the-sofa",
    20852163,
    bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"),
)


def test_the_text_is_that_of_the_specification() -> None:
    assert EXAMPLE.text() == TEXT
    assert checkpoint.parse(TEXT) == EXAMPLE


def test_signatures_and_extensions_are_left_to_those_who_know_them() -> None:
    assert checkpoint.parse(TEXT + SIGNATURE) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT.replace("example.com/behind-the-sofa", ""),
        TEXT.replace("behind-the-sofa", "behind the sofa"),
        TEXT.replace("-the-", "+the+"),
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "-1"),
        TEXT.replace("20852163", "٣"),
        TEXT.replace("20852163", "9" * 30),
        TEXT.replace("CsUY", ""),
        TEXT.replace("CsUY", "Cs U"),
        TEXT.replace("CsUY", "CsU"),
        TEXT.replace("=", ""),
        "\n" + TEXT,
    ],
)
def test_anything_else_is_no_checkpoint(text: str) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.parse(text)


@pytest.mark.parametrize("origin", ["", "two words", "a\nb", "a+b", "a\u2003b"])
def test_an_origin_fits_on_its_line(origin: str) -> None:
    assert not checkpoint.is_origin(origin)
    assert checkpoint.is_origin("crm.example/audit")


def test_what_is_stored_is_loaded(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    checkpoint.store(tmp_path, Checkpoint("o", 1, bytes(32)))
    checkpoint.store(tmp_path, EXAMPLE)
    assert checkpoint.load(tmp_path) == EXAMPLE
    checkpoint.store(tmp_path, EXAMPLE, SIGNATURE[1:])
    assert checkpoint.load(tmp_path) == EXAMPLE
    assert (tmp_path / "checkpoint").read_text() == TEXT + SIGNATURE
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert stat.S_IMODE((tmp_path / "checkpoint").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\xff\n1\nx\n", b"\x00" * 100])
def test_a_file_that_holds_no_checkpoint_is_an_edit(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(Damaged, match="no checkpoint") as caught:
        checkpoint.load(tmp_path)
    assert caught.value.code == "edited"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "checkpoint.new").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        checkpoint.store(tmp_path, EXAMPLE)
    assert victim.read_text() == "precious"
