"""Signatures over a bundle in the form of OPA: `.signatures.json`, a JWT with a hash for each file.

https://www.openpolicyagent.org/docs/management-bundles#signing: files whose name is `data.json`,
`.manifest` or `.signatures.json` are hashed as JSON values, with the keys of objects in order, and
all others byte by byte. So OPA loads what is signed here, given the same key; it knows nothing of
`release.json`, and would take an old bundle for a new one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, cast

import msgspec
import orjson

from safeconduct.core.canonical import canonical
from safeconduct.kit import jose, strictjson
from safeconduct.kit.jwk import JoseError, KeySet, PrivateKey
from safeconduct.policy.bundles.layout import (
    DATA,
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_FILES,
    RELEASE,
    SIGNATURES,
    content_of,
    digest_of,
    released_of,
    room,
)
from safeconduct.policy.bundles.release import Release
from safeconduct.policy.refusal import PolicyRefused

TYPE: Final = "policy-bundle+jwt"
MAX_TOKEN: Final = 128 * 1024
"""Of a signature, in characters: a line for each of so many files as a bundle may have."""

_MAX_KEYS: Final = 64 * 1024
_STRUCTURED: Final = frozenset({DATA, MANIFEST, SIGNATURES})
_PACKAGE: Final = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*package\s+([A-Za-z_]\w*)")
_FIX: Final = "have it signed again: `safeconduct policy sign`"


class _File(msgspec.Struct, frozen=True):
    name: str
    hash: str
    algorithm: Literal["SHA-256"]


class _Claims(msgspec.Struct, frozen=True):
    files: Annotated[tuple[_File, ...], msgspec.Meta(max_length=MAX_FILES + 2)]


class _Signatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signatures: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1)]


def sign(
    files: Mapping[str, bytes], key: PrivateKey, release: Release, *, now_s: int
) -> dict[str, bytes]:
    """The files of a release: the content, what is said about it, and the signature over all.

    Raises PolicyRefused.
    """
    content = content_of(files)
    signed = {**content, MANIFEST: _manifest(content), RELEASE: release.written()}
    listed = [
        {"name": path, "hash": file_hash(path, signed[path]), "algorithm": "SHA-256"}
        for path in sorted(signed)
    ]
    token = jose.sign({"files": listed, "iat": now_s}, key, TYPE)
    return {**signed, SIGNATURES: json.dumps({"signatures": [token]}).encode() + b"\n"}


def verify(files: Mapping[str, bytes], keys: KeySet) -> str:
    """Check that one of these keys signed exactly these files; answers the id of the key.

    Raises:
        PolicyRefused: no signature, one that does not hold, or a file that was not signed, was
            changed, or is missing.
    """
    if SIGNATURES not in files:
        raise PolicyRefused("the bundle is not signed", file=SIGNATURES, fix=_FIX)
    try:
        document = strictjson.loads(files[SIGNATURES], max_bytes=MAX_FILE_BYTES)
        token = msgspec.convert(document, _Signatures).signatures[0]
        signed = jose.verify(
            token,
            lambda _: keys,
            types=frozenset({TYPE}),
            shape=_Claims,
            max_bytes=MAX_TOKEN,
        )
    except (strictjson.StrictJSONError, msgspec.ValidationError, JoseError) as error:
        raise PolicyRefused(
            f"the signature does not hold: {error}", file=SIGNATURES, fix=_FIX
        ) from None
    hashes = {file.name: file.hash for file in signed.claims.files}
    if len(hashes) != len(signed.claims.files):
        raise PolicyRefused("the signature names a file twice", file=SIGNATURES, fix=_FIX)
    present = {path: one for path, one in released_of(files).items() if path != SIGNATURES}
    for path in sorted(hashes.keys() | present.keys()):
        if path not in present:
            raise PolicyRefused("this file was signed and is missing", file=path, fix=_FIX)
        if path not in hashes:
            raise PolicyRefused("this file was not signed", file=path, fix=_FIX)
        if hashes[path] != file_hash(path, present[path]):
            raise PolicyRefused("this file was changed after it was signed", file=path, fix=_FIX)
    return signed.kid


def signers(path: Path) -> KeySet:
    """The public keys in a file, a JWK Set (RFC 7517). Raises PolicyRefused."""
    try:
        with path.open("rb") as file:
            return KeySet.parse(file.read(_MAX_KEYS + 1), uses=frozenset({"sig", None}))
    except (OSError, JoseError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise PolicyRefused(
            f"the keys of the signers cannot be read: {said}",
            file=str(path),
            fix='write `{"keys": [...]}` there, with their public keys',
        ) from None


def file_hash(path: str, content: bytes) -> str:
    """The SHA-256 that OPA computes of a file, in lower-case hexadecimal. Raises PolicyRefused."""
    if PurePosixPath(path).name not in _STRUCTURED:
        return hashlib.sha256(content).hexdigest()
    try:
        value = strictjson.loads(content, max_bytes=room(path))
    except strictjson.StrictJSONError as error:
        raise PolicyRefused(str(error), file=path, fix=_FIX) from None
    return hashlib.sha256(_walked(value).encode()).hexdigest()


def _manifest(content: Mapping[str, bytes]) -> bytes:
    """What OPA reads first: the names at the top of everything that the bundle owns."""
    roots: set[str] = set(orjson.loads(content[DATA]) if DATA in content else ())
    for path, text in content.items():
        found = _PACKAGE.match(text.decode()) if path.endswith(".rego") else None
        if found is not None:
            roots.add(found[1])
    manifest = {"revision": digest_of(content), "roots": sorted(roots), "rego_version": 1}
    return json.dumps(manifest, indent=2).encode() + b"\n"


def _walked(value: object) -> str:
    """A JSON value as OPA hashes it (v1/bundle/hash.go): as Go writes it, keys by code point."""
    if isinstance(value, dict):
        members = sorted(cast("dict[str, object]", value).items())
        return f"{{{','.join(f'{_primitive(key)}:{_walked(one)}' for key, one in members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_walked, cast('list[object]', value)))}]"
    return _primitive(value)


def _primitive(value: object) -> str:
    if not isinstance(value, str):
        return canonical(value).decode()
    written = json.dumps(value, ensure_ascii=False)
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
