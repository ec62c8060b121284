"""The side of the log: asks the witnesses of a policy to cosign a checkpoint.

What each of them cosigned last is learnt from its own answers, so nothing needs to be remembered. A
witness that knows a longer log than there is, or does not find what it knows in this one, says that
records were lost or rewritten: that is the alarm that witnesses are there for. Anybody on the way
can say so: what is no cosignature is an alarm only where the witness shows the checkpoint that it
signed, and the log is another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import BadNote, Key, Line, Note
from safeconduct.audit.witness.cosigning import SIZE
from safeconduct.audit.witness.policy import Policy
from safeconduct.audit.witness.request import Submission
from safeconduct.core.proofs import is_consistent
from safeconduct.kit.fetch import Fetched, FetchError, fetch

PATH: Final = "/add-checkpoint"
MAX_ANSWER_BYTES: Final = 64 * 1024
_ATTEMPTS: Final = 3
"""One to learn what the witness knows, and another where it learnt something meanwhile."""

Prove = Callable[[int, int], Sequence[bytes]]
"""Gives the proof that the log of the second size grew out of that of the first."""


class Contradicted(Exception):
    """A witness remembers another history than this log shows."""


class Answered(msgspec.Struct, frozen=True):
    """What came of asking: the checkpoint with all good signatures, and what went wrong at whom."""

    note: Note
    silent: dict[str, str]
    contradicted: dict[str, str]


async def remembered(
    policy: Policy, origin: str, ca: Path | None = None, timeout_s: float = 5.0
) -> tuple[dict[str, int], dict[str, str]]:
    """How many records of a log each witness has cosigned, by URL; and why others do not say."""
    keys = _asked(policy)

    async def ask(url: str) -> int:
        seen = await _signed(url, keys[url], origin, ca, timeout_s)
        return 0 if seen is None else seen.size

    sizes: dict[str, int] = {}
    silent: dict[str, str] = {}
    answers = await asyncio.gather(*map(ask, keys), return_exceptions=True)
    for url, answer in zip(keys, answers, strict=True):
        if isinstance(answer, int):
            sizes[url] = answer
        elif isinstance(answer, (FetchError, ValueError)):
            silent[url] = str(answer)
        else:
            raise answer
    return sizes, silent


class Witnesses:
    """Those whose URL a policy tells. Each is asked once, whatever keys it signs with."""

    def __init__(self, policy: Policy, ca: Path | None = None, timeout_s: float = 10.0) -> None:
        """`ca` is a file of PEM certificates to trust instead of the system's."""
        self._ca = ca
        self._timeout_s = timeout_s
        self._known: dict[str, int] = {}
        self._keys = _asked(policy)

    async def cosigned(self, note: Note, prove: Prove) -> Answered:
        """Asks all of them at once about a checkpoint of ours."""
        urls = list(self._keys)
        asked = (self._ask(url, note, prove) for url in urls)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        lines = list(note.lines)
        silent: dict[str, str] = {}
        contradicted: dict[str, str] = {}
        for url, answer in zip(urls, answers, strict=True):
            if isinstance(answer, Contradicted):
                contradicted[url] = str(answer)
            elif isinstance(answer, (FetchError, BadNote, ValueError)):
                silent[url] = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                lines += answer
        return Answered(Note(note.text, tuple(lines)), silent, contradicted)

    async def _ask(self, url: str, note: Note, prove: Prove) -> list[Line]:
        size = checkpoint.parse(note.text).size
        for _ in range(_ATTEMPTS):
            old = self._known.get(url, 0)
            if old > size:
                raise await self._denied(url, note, prove, "that it cosigned more")
            proof = tuple(prove(old, size))
            answer = await self._post(url, Submission(old, proof, str(note).encode()))
            if answer.status == 409 and answer.headers.get("content-type") == SIZE:
                self._known[url] = _size(answer.body)
                continue
            if answer.status == 422:
                raise await self._denied(url, note, prove, "that this is another log")
            if answer.status != 200:
                raise BadNote(f"it answered {answer.status}")
            lines = _lines(note, answer.body, self._keys[url])
            self._known[url] = size
            return lines
        raise BadNote("what it cosigned last changed with each question")

    async def _denied(self, url: str, note: Note, prove: Prove, said: str) -> Exception:
        """What to make of one that says that it knows another history: what it signed tells."""
        self._known.pop(url, None)
        ours = checkpoint.parse(note.text)
        seen = await _signed(url, self._keys[url], ours.origin, self._ca, self._timeout_s)
        if seen is None:
            return BadNote(f"it says {said}, and shows nothing that it cosigned")
        if seen.size > ours.size:
            return Contradicted(f"it cosigned {seen.size} records, and the log has {ours.size}")
        proof = prove(seen.size, ours.size)
        if is_consistent(seen.size, seen.root, ours.size, ours.root, proof):
            return BadNote(f"it says {said}, and what it cosigned is this one")
        return Contradicted(f"the {seen.size} records that it cosigned are not in this log")

    async def _post(self, url: str, submission: Submission) -> Fetched:
        return await fetch(
            url + PATH,
            method="POST",
            headers={"Content-Type": "text/plain"},
            body=submission.body(),
            ca=self._ca,
            timeout_s=self._timeout_s,
            max_bytes=MAX_ANSWER_BYTES,
        )


async def _signed(
    url: str, keys: Sequence[Key], origin: str, ca: Path | None, timeout_s: float
) -> Checkpoint | None:
    """The checkpoint of a log that a witness shows to have cosigned last; None where it shows none.

    Raises FetchError, ValueError.
    """
    name = sha256(origin.encode()).hexdigest()
    answer = await fetch(f"{url}/{name}/checkpoint", ca=ca, timeout_s=timeout_s)
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise BadNote(f"it answered {answer.status}")
    note = notes.parse(answer.body)
    notes.verify(note, keys)
    seen = checkpoint.parse(note.text)
    if seen.origin != origin:
        raise BadNote("it answered with another log")
    return seen


def _asked(policy: Policy) -> dict[str, list[Key]]:
    """The keys of the witnesses that can be asked, by URL."""
    keys: dict[str, list[Key]] = {}
    for one in policy.witnesses.values():
        if one.url is not None:
            keys.setdefault(one.url.rstrip("/"), []).append(one.key)
    return keys


def _size(body: bytes) -> int:
    """Raises ValueError."""
    text = body.decode("ascii").removesuffix("\n")
    if not text.isdigit() or len(text) > 18:
        raise BadNote("it does not say what it cosigned last")
    return int(text)


def _lines(note: Note, body: bytes, keys: Sequence[Key]) -> list[Line]:
    """The good cosignatures in an answer. Raises BadNote: one is not good, or there is none."""
    answered = notes.parse(note.text.encode() + b"\n" + body)
    known = {one.key for one in notes.verify(answered, keys)}
    wanted = {(one.name, one.id) for one in known}
    return [line for line in answered.lines if (line.name, line.id) in wanted]
