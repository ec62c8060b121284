"""A log that somebody else runs, as small as can be: leaves, a key, signed checkpoints, proofs."""

from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safeconduct.audit import notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import Note, Signer
from safeconduct.audit.witness.request import Submission
from safeconduct.core.merkle import Tree, leaf_hash, node_hash
from safeconduct.core.proofs import consistency


class OtherLog:
    """Grows, and signs what it is told to."""

    def __init__(self, origin: str = "node-1.example/audit", leaves: Sequence[bytes] = ()) -> None:
        self.origin = origin
        self.leaves = list(leaves)
        seed = Ed25519PrivateKey.from_private_bytes(sha256(origin.encode()).digest())
        public = seed.public_key().public_bytes_raw()
        self.signer = Signer(notes.key(origin, notes.ED25519, public), seed.sign)

    def grow(self, count: int, what: bytes = b"record") -> None:
        """Adds records."""
        start = len(self.leaves)
        self.leaves += [b"%b %d" % (what, number) for number in range(start, start + count)]

    def note(self, size: int | None = None) -> Note:
        """The signed checkpoint of the first records, or of all."""
        tree = Tree()
        tree.extend(self.leaves[:size])
        text = Checkpoint(self.origin, tree.size, tree.root()).text()
        return Note(text, (notes.sign(text, self.signer),))

    def prove(self, old: int, size: int) -> tuple[bytes, ...]:
        """That the log of the second size grew out of that of the first."""
        return tuple(consistency(old, size, self._hash))

    def submission(self, old: int, size: int | None = None) -> Submission:
        """What a witness is sent."""
        size = len(self.leaves) if size is None else size
        proof = self.prove(old, size) if 0 < old <= size else ()
        return Submission(old, proof, str(self.note(size)).encode())

    def _hash(self, level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(self.leaves[index])
        return node_hash(self._hash(level - 1, 2 * index), self._hash(level - 1, 2 * index + 1))
