"""Signed notes: text, and under it lines of signatures, each under a key with a name.

C2SP signed-note says how notes and keys are written, tlog-cosignature what a cosigner signs. Of the
kinds of signatures these are known; a line of any other kind, or of a key that nobody asked for, is
passed over, so that witnesses can sign what a log signed and a log can change its key.

    0x01  Ed25519 over the text
    0x04  Ed25519 over the text with a time before it: a witness saw this as the newest tree
    0x06  ML-DSA-44 over name, time and tree: the same, safe from quantum computers
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from struct import Struct
from typing import Final, Literal, NamedTuple, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from safeconduct.audit import checkpoint

MAX_BYTES: Final = 256 * 1024
"""The longest note that is read: a few dozen lines of the longest signatures there are."""

MAX_SIGNATURES: Final = 64

Kind = Literal[1, 4, 6]
ED25519: Final = 1
COSIGNATURE: Final = 4
COSIGNATURE_ML_DSA: Final = 6

_ID_BYTES: Final = 4
_PUBLIC_BYTES: Final[Mapping[int, int]] = {ED25519: 32, COSIGNATURE: 32, COSIGNATURE_ML_DSA: 1312}
_TIME: Final = Struct(">Q")
_MAX_TIME_S: Final = (1 << 63) - 1
_TREE: Final = Struct(">QQ32s")
_SUBTREE: Final = b"subtree/v1\n\0"

_NAME: Final = re.compile(r"[^\s+]+")
_ID: Final = re.compile(r"[0-9a-f]{8}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_MARK: Final = "\u2014 "


class BadNote(ValueError):
    """A note that is not to be believed, and why."""


class Line(NamedTuple):
    """A line of a signature: who says to have signed, and what the signature is."""

    name: str
    id: bytes
    signature: bytes

    def __str__(self) -> str:
        """The line, with its end."""
        return f"{_MARK}{self.name} {b64encode(self.id + self.signature).decode()}\n"


class Note(NamedTuple):
    """A text and the signatures under it, none of which was looked at."""

    text: str
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        """The note as it is stored and sent."""
        return "".join((self.text, "\n", *map(str, self.lines)))


class Key(msgspec.Struct, frozen=True):
    """A verifier key: a name, what kind of signatures it checks, and the raw public key."""

    name: str
    kind: Kind
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand for it on a line."""
        said = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return sha256(said).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """The key as C2SP signed-note writes it: `name+id+public`."""
        encoded = b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


class Signed(NamedTuple):
    """A signature that is good; `time_s` since the epoch is when a cosigner says it signed."""

    key: Key
    time_s: int | None


class Signer(NamedTuple):
    """A private key: what checks its signatures, and what makes one of a message.

    The key itself may be anywhere, as long as `sign` reaches it.
    """

    key: Key
    sign: Callable[[bytes], bytes]


def key(name: str, kind: Kind, public: bytes) -> Key:
    """A verifier key.

    Raises:
        ValueError: the name cannot be one, or the public key is not of this kind.
    """
    if not _NAME.fullmatch(name) or _CONTROL.search(name):
        raise ValueError(f"{name!r} cannot be the name of a key")
    if len(public) != _PUBLIC_BYTES[kind]:
        raise ValueError(f"a public key of kind {kind} has {_PUBLIC_BYTES[kind]} bytes")
    return Key(name, kind, public)


def parse_key(text: str) -> Key:
    """A verifier key out of its text.

    Raises:
        ValueError: it is none, or of an unknown kind.
    """
    name, *rest = text.split("+", 2)
    said, encoded = rest if len(rest) == 2 else ("", "")
    raw = _decoded(encoded)
    if not _ID.fullmatch(said) or not raw:
        raise ValueError("not a verifier key: <name>+<8 hex digits>+<base64>")
    if raw[0] not in _PUBLIC_BYTES:
        raise ValueError(f"a verifier key of the unknown kind {raw[0]:#04x}")
    found = key(name, cast("Kind", raw[0]), raw[1:])
    if found.id.hex() != said:
        raise ValueError(f"the id of the verifier key is {found.id.hex()}, and it says {said}")
    return found


def parse(data: bytes) -> Note:
    """The note in some bytes.

    Raises:
        BadNote: it is none, or longer than one may be.
    """
    if len(data) > MAX_BYTES:
        raise BadNote(f"a note of more than {MAX_BYTES} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise BadNote("a note that is not UTF-8") from error
    if _CONTROL.search(whole):
        raise BadNote("a note with control characters")
    text, blank, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or lines.pop() or not lines:
        raise BadNote("a note without signatures")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote(f"a note with more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_line, lines)))


def verify(note: Note, keys: Iterable[Key]) -> tuple[Signed, ...]:
    """Which of the keys signed a note: the first good signature of each, in the note's order.

    Raises:
        BadNote: a signature of a known key is not good, or no known key signed. The text must not
            be looked at.
    """
    known = {(one.name, one.id): one for one in keys}
    found: dict[Key, Signed] = {}
    for line in note.lines:
        signer = known.get((line.name, line.id))
        if signer is not None:
            found.setdefault(signer, _verified(note.text, signer, line.signature))
    if not found:
        raise BadNote("no known key signed this note")
    return tuple(found.values())


def sign(text: str, signer: Signer, time_s: int | None = None) -> Line:
    """The line of a signature under a text; cosignatures, and only these, need a time.

    Raises:
        ValueError: the text cannot be that of a note; a cosigner's is not a checkpoint.
        Exception: whatever the signer raises.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("the text of a note has whole lines and no control characters")
    if (signer.key.kind == ED25519) != (time_s is None):
        raise ValueError("a cosignature has a time, and no other signature has")
    signature = signer.sign(_message(text, signer.key, time_s or 0))
    when = b"" if time_s is None else _TIME.pack(time_s)
    return Line(signer.key.name, signer.key.id, when + signature)


def _line(text: str) -> Line:
    name, _, encoded = text.removeprefix(_MARK).partition(" ")
    raw = _decoded(encoded)
    if not text.startswith(_MARK) or not _NAME.fullmatch(name) or len(raw) <= _ID_BYTES:
        raise BadNote("a note with a line that is no signature")
    return Line(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def _verified(text: str, signer: Key, signature: bytes) -> Signed:
    time_s = None
    if signer.kind != ED25519:
        if len(signature) < _TIME.size:
            raise BadNote(f"the signature of {signer.name} is cut")
        (time_s,) = _TIME.unpack_from(signature)
        signature = signature[_TIME.size :]
    try:
        message = _message(text, signer, time_s or 0)
        if signer.kind == COSIGNATURE_ML_DSA:
            MLDSA44PublicKey.from_public_bytes(signer.public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(signer.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise BadNote(f"the signature of {signer.name} is not good") from error
    return Signed(signer, time_s)


def _message(text: str, signer: Key, time_s: int) -> bytes:
    """What is signed. Raises ValueError where a cosigner's text is not a checkpoint."""
    if signer.kind == ED25519:
        return text.encode()
    if not 0 <= time_s <= _MAX_TIME_S:
        raise ValueError("a time that a cosignature cannot have")
    tree = checkpoint.parse(text)
    if signer.kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time_s}\n{text}".encode()
    return b"".join(
        (
            _SUBTREE,
            _opaque(signer.name),
            _TIME.pack(time_s),
            _opaque(tree.origin),
            _TREE.pack(0, tree.size, tree.root),
        )
    )


def _opaque(text: str) -> bytes:
    """A TLS vector of 1 to 255 bytes. Raises ValueError where it has more."""
    data = text.encode()
    return bytes([len(data)]) + data


def _decoded(text: str) -> bytes:
    """Of base64 in its one proper form; else nothing."""
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if b64encode(raw).decode() == text else b""
