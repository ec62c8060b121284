from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib

import pytest

from safeconduct.inspectors.documents.limits import Limits
from tests.support.documents import POISON, docx, paragraph, read, texts, zipped

HIDDEN = docx(paragraph(("<w:vanish/>", POISON)))


def tarred(**members: bytes) -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return into.getvalue()


@pytest.mark.parametrize(
    ("made", "named", "place"),
    [
        (zipped({"a.docx": HIDDEN}), "zip", "a.docx > word/document.xml"),
        (b"#!/bin/sh\n" + zipped({"a.docx": HIDDEN}), "zip", "a.docx > word/document.xml"),
        (tarred(a=HIDDEN), "tar", "a > word/document.xml"),
        (gzip.compress(tarred(a=HIDDEN), mtime=0), "gzip", "gzip > a > word/document.xml"),
        (bz2.compress(HIDDEN), "bzip2", "bzip2 > word/document.xml"),
        (lzma.compress(HIDDEN), "xz", "xz > word/document.xml"),
        (
            zipped({"b.zip": zipped({"c.tar": tarred(a=HIDDEN)})}),
            "zip",
            "b.zip > c.tar > a > word/document.xml",
        ),
    ],
)
def test_what_is_in_an_archive_is_read(made: bytes, named: str, place: str) -> None:
    answer = read(made)
    assert answer.format == named
    assert [piece.place for piece in answer.pieces if piece.sort == "hidden"] == [place]


def test_tables_are_text_names_are_metadata_and_programs_say_nothing() -> None:
    answer = read(zipped({"prices.csv": "a;1\nb;2", "run.exe": b"MZ\x00\x01\x02", "x/": b""}))
    assert texts(answer, "visible") == {"": "a;1\nb;2"}
    assert texts(answer, "metadata") == {"file name": "prices.csv\nrun.exe"}


def test_an_archive_that_is_encrypted_closed_or_damaged_is_refused() -> None:
    plain = zipped({"a": "text"})
    encrypted = bytearray(plain)
    struct.pack_into("<H", encrypted, plain.index(b"PK\x01\x02") + 8, 1)
    damaged = bytearray(plain)
    damaged[35] ^= 255
    twice = zipped({"a1": "x", "a2": "y"}).replace(b"a2", b"a1")
    for made in (
        *(bytes(encrypted), bytes(damaged), twice, plain[: len(plain) // 2] + b"PK\x05\x06"),
        *(
            b"7z\xbc\xaf\x27\x1c" + bytes(30),
            b"Rar!\x1a\x07\x01\x00",
            gzip.compress(b"abc", mtime=0)[:-9],
        ),
        *(b"-----BEGIN PGP MESSAGE-----\n", b"\x28\xb5\x2f\xfd\x00"),
    ):
        assert read(made).trouble == "document.unreadable", made


def test_nesting_members_and_bytes_are_limited() -> None:
    nested = b"text"
    for _ in range(3):
        nested = zipped({"a": nested})
    assert read(nested, limits=Limits(max_depth=3)).trouble == ""
    assert read(nested, limits=Limits(max_depth=2)).trouble == "document.bomb"
    many = zipped({str(number): "" for number in range(9)})
    assert read(many, limits=Limits(max_members=9)).trouble == ""
    assert read(many, limits=Limits(max_members=8)).trouble == "document.bomb"
    large = zipped({"a": bytes(5000), "b": bytes(5000)})
    assert read(large, limits=Limits(max_expanded_bytes=10_000)).trouble == ""
    assert read(large, limits=Limits(max_expanded_bytes=9_999)).trouble == "document.bomb"
    assert read(zipped({"a": "x" * 99}), limits=Limits(max_characters=99)).trouble != ""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + bytes(4)


def test_pictures_say_what_is_written_beside_them() -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", bytes(13)),
            chunk(b"tEXt", b"Comment\0" + POISON.encode()),
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"second text")),
            chunk(b"iTXt", b"Comment\0\1\0en\0\0" + zlib.compress("dritter für uns".encode())),
            chunk(b"iTXt", b"Comment\0\0\0en\0\0fourth text"),
        ]
    )
    jpeg = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(POISON) + 2) + POISON.encode() + b"\xff\xd9"
    gif = b"GIF89a\0\0<x:xmpmeta><dc:title>" + POISON.encode() + b"</dc:title></x:xmpmeta>"
    answer = read(png)
    assert answer.format == "png"
    for said in (POISON, "second text", "dritter für uns", "fourth text"):
        assert said in texts(answer, "metadata")["picture"]
    for named, made in (("jpeg", jpeg), ("gif", gif)):
        answer = read(made)
        assert answer.format == named
        assert texts(answer, "metadata") == {"picture": POISON}
    damaged = b"\x89PNG\r\n\x1a\n" + chunk(b"zTXt", b"a\0\0damaged")
    assert read(damaged).trouble == "document.unreadable"
