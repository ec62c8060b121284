from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.audit import notes
from safeconduct.audit.notes import BadNote, Kind, Line, Note, Signer

# The example of C2SP signed-note, and that of Go's golang.org/x/mod/sumdb/note.
KEYS = (
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
)
FOO = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH"
    "3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
NEUMANN = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdn"
    "gotpRZb6KE6RyyBwJnAM=\n"
)
NOTES = (FOO, NEUMANN)
# The example of C2SP tlog-cosignature, whose keys are not told.
COSIGNED = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
    "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlr"
    "DJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
CHECKPOINT = COSIGNED.partition("\n\n")[0] + "\n"


def ed25519(name: str, kind: Kind = notes.ED25519) -> Signer:
    private = Ed25519PrivateKey.generate()
    return Signer(notes.key(name, kind, private.public_key().public_bytes_raw()), private.sign)


def ml_dsa(name: str) -> Signer:
    private = MLDSA44PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return Signer(notes.key(name, notes.COSIGNATURE_ML_DSA, public), private.sign)


LOG = ed25519("example.com/log")
WITNESS = ed25519("witness.example/w1", notes.COSIGNATURE)
PQ_WITNESS = ml_dsa("witness.example/w2")


@pytest.mark.parametrize(("key", "note"), [*zip(KEYS, NOTES, strict=True)])
def test_the_examples_verify_and_are_written_alike(key: str, note: str) -> None:
    signer = notes.parse_key(key)
    read = notes.parse(note.encode())
    assert notes.verify(read, [signer]) == ((signer, None),)
    assert (str(signer), str(read)) == (key, note)
    assert read.text == note.partition("\n\n")[0] + "\n"


def test_the_example_of_a_cosignature_is_read() -> None:
    note = notes.parse(COSIGNED.encode())
    assert (note.text, str(note)) == (CHECKPOINT, COSIGNED)
    assert [line.name for line in note.lines] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert note.lines[1].id.hex() == "8d66cf3f"
    assert int.from_bytes(note.lines[1].signature[:8]) == 1679315147


@pytest.mark.parametrize("signer", [LOG, WITNESS, PQ_WITNESS], ids=["0x01", "0x04", "0x06"])
def test_what_is_signed_verifies_and_nothing_else_does(signer: Signer) -> None:
    time_s = None if signer is LOG else 1679315147
    line = notes.sign(CHECKPOINT, signer, time_s)
    note = notes.parse(str(Note(CHECKPOINT, (line,))).encode())
    assert notes.verify(note, [signer.key]) == ((signer.key, time_s),)
    for at in (0, 7, -1):
        broken = bytearray(line.signature)
        broken[at] ^= 1
        with pytest.raises(BadNote, match="is not good"):
            notes.verify(
                note._replace(lines=(line._replace(signature=bytes(broken)),)), [signer.key]
            )
    with pytest.raises(BadNote, match="is not good"):
        notes.verify(note._replace(text=CHECKPOINT.replace("2163", "2164")), [signer.key])
    with pytest.raises(BadNote, match=r"is not good|is cut"):
        notes.verify(note._replace(lines=(line._replace(signature=b"\0"),)), [signer.key])


def test_the_message_of_a_cosignature_is_the_specifications() -> None:
    signed: list[bytes] = []

    def remember(message: bytes) -> bytes:
        signed.append(message)
        return bytes(64)

    notes.sign(CHECKPOINT, Signer(WITNESS.key, remember), 1679315147)
    notes.sign(CHECKPOINT, Signer(PQ_WITNESS.key, remember), 1679315147)
    assert signed[0].decode() == f"cosignature/v1\ntime 1679315147\n{CHECKPOINT}"
    root = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    assert signed[1] == (
        b"subtree/v1\n\0\x12witness.example/w2"
        + (1679315147).to_bytes(8)
        + b"\x1bexample.com/behind-the-sofa"
        + (0).to_bytes(8)
        + (20852163).to_bytes(8)
        + root
    )


def test_the_same_key_under_another_name_or_kind_is_another_key() -> None:
    other = notes.key("example.com/other", 1, LOG.key.public)
    cosigner = notes.key("example.com/log", notes.COSIGNATURE, LOG.key.public)
    assert len({LOG.key.id, other.id, cosigner.id}) == 3


def test_signatures_of_nobody_known_are_passed_over() -> None:
    unknown = Line(LOG.key.name, b"none", b"anything")
    namesake = Line("elsewhere", LOG.key.id, b"anything")
    lines = (unknown, notes.sign("text\n", LOG), namesake)
    assert notes.verify(Note("text\n", lines), [LOG.key, WITNESS.key]) == ((LOG.key, None),)
    with pytest.raises(BadNote, match="no known key"):
        notes.verify(Note("text\n", lines), [WITNESS.key])
    with pytest.raises(BadNote, match="no known key"):
        notes.verify(Note("text\n", lines), [])


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    good = notes.sign("text\n", LOG)
    bad = good._replace(signature=bytes(64))
    for lines in ((good, bad), (bad, good)):
        with pytest.raises(BadNote, match=r"signature of example\.com/log is not good"):
            notes.verify(Note("text\n", lines), [LOG.key])


def test_a_key_that_signed_twice_is_named_once() -> None:
    lines = [notes.sign(CHECKPOINT, WITNESS, time_s) for time_s in (5, 6)]
    assert notes.verify(Note(CHECKPOINT, tuple(lines)), [WITNESS.key]) == ((WITNESS.key, 5),)


def test_only_cosignatures_have_a_time() -> None:
    with pytest.raises(ValueError, match="has a time"):
        notes.sign(CHECKPOINT, LOG, 5)
    with pytest.raises(ValueError, match="has a time"):
        notes.sign(CHECKPOINT, WITNESS)
    with pytest.raises(ValueError, match="a time that"):
        notes.sign(CHECKPOINT, WITNESS, 1 << 63)


@pytest.mark.parametrize("signer", [WITNESS, PQ_WITNESS], ids=["0x04", "0x06"])
def test_cosigners_sign_checkpoints_alone(signer: Signer) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        notes.sign("text\n", signer, 5)
    line = Line(signer.key.name, signer.key.id, bytes(2428))
    with pytest.raises(BadNote, match="is not good"):
        notes.verify(Note("text\n", (line,)), [signer.key])


def test_names_that_do_not_fit_are_not_signed() -> None:
    with pytest.raises(ValueError, match=r"bytes must be in range|not in range"):
        notes.sign(CHECKPOINT.replace("sofa", "s" * 256), PQ_WITNESS, 5)


@pytest.mark.parametrize("text", ["", "no end", "a\tb\n", "a\rb\n", "\0\n", "\ud800\n"])
def test_what_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match=r"whole lines|surrogates"):
        notes.sign(text, LOG)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+530d903a",
        "name+530d903a+",
        "name+530d903a+AQ==",
        KEYS[0].replace("530d903a", "530D903A"),
        KEYS[0].replace("530d903a", "530d903b"),
        KEYS[0].replace("example", "examplf"),
        KEYS[0].replace("AekyeR", "AukyeR"),
        KEYS[0].replace("AekyeR", "AekyeR "),
        KEYS[0].replace("AekyeR", "AekyeRéé"),
        KEYS[0].replace("/foo", " foo"),
        KEYS[0].replace("example.com/foo", ""),
        KEYS[0][:-4],
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"verifier key|cannot be the name|has 32 bytes"):
        notes.parse_key(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u2003b", "a\x01b"])
def test_a_key_has_a_name_that_fits_on_its_line(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        notes.key(name, 1, bytes(32))


def changed(old: str, new: str) -> bytes:
    note = FOO.replace(old, new)
    assert note != FOO
    return note.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n\n",
        b"text\n",
        b"text\n\n\n",
        changed("aQM=\n", "aQM="),
        changed("aQM=\n", "aQM=\n\n"),
        changed("aQM=\n", "aQM=\nmore\n"),
        changed("aQM=\n", "aQM=\n\u2014 a b c\n"),
        changed("aQM=\n", "aQM=\n\u2014 a+b AAAAAAA=\n"),
        changed("aQM=\n", "aQM=\n\u2014 name AAAAAA==\n"),
        changed("aQM=\n", "aQM=\n\u2014  AAAAAAA=\n"),
        changed("aQM=\n", "aQN=\n"),
        changed("aQM=\n", "aQM\n"),
        changed("\u2014 ", "- "),
        changed("\u2014 ", "\u2014"),
        changed("\n", "\r\n"),
        changed("example message", "example\tmessage"),
        FOO.encode() + b"\xff",
        FOO.encode("utf-16"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(BadNote, match="a note"):
        notes.parse(data)


def test_notes_have_a_limit_and_16_of_the_longest_signatures_are_within() -> None:
    lines = tuple(Line(f"witness.example/{at}", b"1234", bytes(5000)) for at in range(16))
    assert notes.parse(str(Note(CHECKPOINT, lines)).encode()).lines == lines
    with pytest.raises(BadNote, match="more than 64 signatures"):
        notes.parse(str(Note("text\n", (Line("a", b"1234", b"x"),) * 65)).encode())
    with pytest.raises(BadNote, match="more than 262144 bytes"):
        notes.parse(b"x" * (notes.MAX_BYTES + 1))


def test_an_empty_line_in_the_text_is_of_the_text() -> None:
    text = "a\n\nb\n\n"
    note = Note(text, (notes.sign(text, LOG),))
    assert notes.parse(str(note).encode()) == note


@given(
    st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode(errors="ignore"))
)
def test_garbage_is_a_note_that_is_written_alike_or_none(data: bytes) -> None:
    try:
        note = notes.parse(data)
    except BadNote:
        return
    assert str(note).encode() == data


SIGNED = FOO.encode()


@given(st.integers(0, len(SIGNED)), st.integers(0, 12), st.binary(max_size=12))
def test_no_change_of_a_signed_note_goes_unnoticed(at: int, cut: int, new: bytes) -> None:
    data = SIGNED[:at] + new + SIGNED[at + cut :]
    try:
        note = notes.parse(data)
        notes.verify(note, [notes.parse_key(KEYS[0])])
    except BadNote:
        return
    assert note.text == FOO.partition("\n\n")[0] + "\n"


@given(st.text(max_size=80) | st.builds("{}+{}+{}".format, st.text(), st.text(), st.text()))
def test_garbage_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"verifier key|name of a key"):
        notes.parse_key(text)


@given(st.binary(max_size=40), st.sampled_from(list(range(256))))
def test_a_key_is_written_as_it_is_read(raw: bytes, kind: int) -> None:
    encoded = b64encode(bytes([kind]) + raw).decode()
    text = f"name+{notes.Key('name', _any(kind), raw).id.hex()}+{encoded}"
    try:
        found = notes.parse_key(text)
    except ValueError:
        assert kind not in {1, 4} or len(raw) != 32
    else:
        assert str(found) == text


def _any(value: Any) -> Any:
    return value
