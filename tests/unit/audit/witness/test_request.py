import re
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.audit.witness.request import MAX_BYTES, MAX_HASHES, Submission, parse

HASH = sha256(b"a").digest()
LINE = b64encode(HASH)
NOTE = b"a log\n5\nroot\n\n\xe2\x80\x94 a AAAA\n"

hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES).map(tuple)


@given(st.integers(0, 2**53), hashes, st.binary(max_size=2000))
def test_what_is_sent_is_what_is_read(old: int, proof: tuple[bytes, ...], note: bytes) -> None:
    sent = Submission(old, proof, note)
    assert parse(sent.body()) == sent


def test_a_note_keeps_its_empty_lines() -> None:
    assert parse(b"old 0\n\n" + NOTE) == Submission(0, (), NOTE)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no empty line before the checkpoint"),
        (b"old 5\n" + LINE, "no empty line before the checkpoint"),
        (b"new 5\n\n" + NOTE, "the first line is not `old` and a size"),
        (b"old 05\n\n" + NOTE, "the first line is not `old` and a size"),
        (b"old -1\n\n" + NOTE, "the first line is not `old` and a size"),
        (b"old  5\n\n" + NOTE, "the first line is not `old` and a size"),
        (b"old 5\r\n\n" + NOTE, "the first line is not `old` and a size"),
        (b"old " + b"9" * 19 + b"\n\n" + NOTE, "the first line is not `old` and a size"),
        ("old ５\n\n".encode() + NOTE, "the proof is not ASCII"),
        (b"old 5\n!\n\n" + NOTE, "a line of the proof is not base64"),
        (b"old 5\n" + LINE[:-4] + b"\n\n" + NOTE, "a line of the proof is not a SHA-256 hash"),
        (b"old 5\n" + LINE + LINE + b"\n\n" + NOTE, "a line of the proof is not base64"),
        (
            b"old 5\n" + b"\n".join([LINE] * 64) + b"\n\n" + NOTE,
            "more than 63 hashes in the proof",
        ),
        (b"old 5\n\n" + b"x" * MAX_BYTES, f"more than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_no_submission_is_told_why(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(why)}$"):
        parse(body)


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_worse(body: bytes) -> None:
    with suppress(ValueError):
        parse(body)
