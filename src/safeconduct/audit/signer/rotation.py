"""Changing the key that signs a log. The first checkpoint over the change is signed by both keys,
so that whoever knows either can check it; what is in the log, `changes` says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from safeconduct.audit import changes, notes
from safeconduct.audit.changes import KIND
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.flush import flush_directory
from safeconduct.audit.notes import Key, Note
from safeconduct.audit.signer import Refused, keys
from safeconduct.audit.signer.notary import Notary


class Rotation:
    """A change of keys of one log, under way. Left half done, it can be begun again."""

    def __init__(self, state: Path) -> None:
        """`state` is where the key is."""
        self._state = state
        self._held: keys.Held | None = None

    def signer(self, directory: Path, origin: str) -> Notary:
        """What signs under both keys, the next one made if need be: a `checkpointing.OpenSigner`.

        Raises Refused, OSError.
        """
        path = self._state / keys.NEXT
        if not path.exists():
            keys.create(path)
        self._held = keys.hold(path, origin)
        return Notary(directory, self._state, origin, also=(self._held.signer,))

    def record(self, before: Checkpoint, at_ms: int) -> dict[str, Any]:
        """What has to be in the open log, as it is `before`. Raises Refused, OSError."""
        new = self._next().signer
        old = keys.load(self._state / keys.NAME, new.key.name)
        said = changes.text(before, old.key, new.key)
        note = Note(said, (notes.sign(said, old), notes.sign(said, new)))
        return {"kind": KIND, "at_ms": at_ms, "note": str(note)}

    def finish(self, directory: Path) -> Key:
        """Puts the next key in its place, when the log is signed under both and closed.

        Raises Refused, OSError.
        """
        key = self._next().signer.key
        (self._state / keys.NEXT).replace(self._state / keys.NAME)
        flush_directory(self._state)
        self.close()
        notary = Notary(directory, self._state, key.name)
        try:
            notary.publish_key()
        finally:
            notary.close()
        return key

    def close(self) -> None:
        """Lets go of the next key."""
        if self._held is not None:
            os.close(self._held.fd)
            self._held = None

    def _next(self) -> keys.Held:
        if self._held is None:
            raise Refused("unsafe", "the log is not open for a change of its key")
        return self._held
