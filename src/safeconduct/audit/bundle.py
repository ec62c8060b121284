"""An evidence bundle: what somebody needs who has neither the log nor this program.

docs/reference/audit-bundle.md says what is in one. The same evidence gives the same bytes.
"""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.audit import checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.index.evidence import Counter, Proven
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit
from safeconduct.audit.payloads import blobs
from safeconduct.audit.reads import asked
from safeconduct.audit.records import PAYLOAD
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.verify.members import MOST_BYTES
from safeconduct.core.canonical import canonical
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import consistency

CASE: Final = "case.json"
VERIFIER: Final = "verify_log.py"
_KEY: Final = "log.pub"
_DATE: Final = (1980, 1, 1, 0, 0, 0)

README: Final = """\
# Evidence

Records of an append-only log, with proofs that they are in it and, where `complete` in case.json
names a counter, that none is missing. It needs Python 3.11 and the package `cryptography`:

    python verify_log.py BUNDLE.zip

`log.pub` is the key that the log says it is signed with. Get it from elsewhere too, and pass that
one with --key: only then does the answer not rest on this file.

case.json      what was asked, which records answer it, and as `below` the tasks that were started
               below the one asked about: what was done in them is not in here
records.jsonl  the records, exactly as they were written
proofs.jsonl   for each of them the path to the root of the log's tree
payloads/      what was sealed beside the records, still sealed
opened/        the same in clear, where it was opened for you
"""


def case(
    name: str,
    origin: str,
    query: Query,
    hits: Iterable[Hit],
    counter: Counter | None,
    below: Sequence[str] | None,
) -> bytes:
    """`case.json`: the question, which records answer it, and which tasks it leaves out."""
    answer: list[dict[str, Any]] = []
    for hit in hits:
        one: dict[str, Any] = {"n": hit.entry.n, "leaf": leaf_hash(hit.data).hex()}
        payload = hit.record.get(PAYLOAD)
        if payload is not None and "sha256" in payload:
            one["payload"] = payload["sha256"]
        answer.append(one)
    return canonical(
        {
            "format": 1,
            "case": name,
            "origin": origin,
            "asked": {"tenant": query.tenant, **asked(query)},
            "answer": answer,
            "complete": counter,
            "below": below,
        }
    )


def payloads(directory: Path, hits: Iterable[Hit]) -> dict[int, bytes]:
    """By record, the sealed bytes of its payload, where they are there as they were written.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[int, bytes] = {}
    for hit in hits:
        said = hit.record.get(PAYLOAD)
        if said is None or "at" not in said:
            continue
        try:
            data = blobs.read(directory, *said["at"])
        except (FileNotFoundError, Damaged):
            continue
        if sha256(data).hexdigest() == said["sha256"]:
            found[hit.entry.n] = data
    return found


def write(
    path: Path,
    directory: Path,
    *,
    case_json: bytes,
    note: bytes,
    proven: Sequence[Proven],
    sealed: Mapping[int, bytes],
    opened: Mapping[int, Any],
    verifier: bytes,
) -> None:
    """Writes a bundle of a log's records, as a new file that its owner alone can read: all of it,
    or nothing.

    Raises:
        FileExistsError: there is something of that name.
        Damaged: what was witnessed is no beginning of the log.
        OSError: a file cannot be read or written.
    """
    members: dict[str, bytes] = {
        "README.md": README.encode(),
        CASE: case_json,
        "records.jsonl": b"".join(one.hit.data + b"\n" for one in proven),
        "proofs.jsonl": b"".join(_proof(one) + b"\n" for one in proven),
        checkpoint.NAME: note,
        **_witnessed(directory, note),
        **_file(directory, _KEY),
        **{f"payloads/{n}": sealed[n] for n in sorted(sealed)},
        **{
            f"opened/{n}.json": msgspec.json.encode(opened[n], order="sorted")
            for n in sorted(opened)
        },
        VERIFIER: verifier,
    }
    if sum(map(len, members.values())) > MOST_BYTES:
        raise OSError(errno.EFBIG, "more than 1 GiB, which no verifier reads: ask for less")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
                for name, data in members.items():
                    member = zipfile.ZipInfo(name, _DATE)
                    member.create_system = 3  # Unix, wherever this runs
                    member.external_attr = 0o644 << 16
                    bundle.writestr(member, data)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)  # which replaces nothing, as renaming does
    finally:
        aside.unlink()


def _proof(one: Proven) -> bytes:
    return canonical({"n": one.hit.entry.n, "proof": [node.hex() for node in one.path]})


def _witnessed(directory: Path, note: bytes) -> dict[str, bytes]:
    """The cosigned checkpoint, and the proof that it is a beginning of the tree that is proven."""
    found = _file(directory, checkpoint.WITNESSED)
    if not found:
        return {}
    tree = checkpoint.parse(note.decode())
    old = checkpoint.parse(found[checkpoint.WITNESSED].decode())
    if old.size > tree.size:
        return {}  # it moved on meanwhile
    proof = consistency(old.size, tree.size, Hashes(directory, tree.size))
    value = {"from": old.size, "to": tree.size, "proof": [node.hex() for node in proof]}
    return {**found, "consistency.json": canonical(value)}


def _file(directory: Path, name: str) -> dict[str, bytes]:
    try:
        return {name: (directory / name).read_bytes()}
    except FileNotFoundError:
        return {}
