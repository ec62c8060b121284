"""Looks into the documents of a JSON value (`safeconduct.ports.Examiner`)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.documents.finding import Found, documents
from safeconduct.inspectors.documents.limits import HIDDEN, Limits, Unread, unreadable
from safeconduct.inspectors.documents.wire import Piece
from safeconduct.inspectors.documents.workers import Workers
from safeconduct.kit.aside import Aside, Turns
from safeconduct.kit.work import MOST, Work, bounded_by
from safeconduct.ports import Matter

Look = Callable[[Sequence[str]], Sequence[Finding]]
"""What the quick inspectors find in texts; the first of a finding's path is the text's index."""

CHUNK: Final = 16 * 1024
"""How many characters are looked at at once, in a thread: a look may take milliseconds."""
OVERLAP: Final = 1024
"""What stands across the end of a chunk is whole in the next one, if it is no longer than this."""

SENTENCE_WORDS: Final = 4
"""From how many words in a line on hidden text counts where honest documents hide some as well."""

_INSTRUCTION: Final = "instruction."
_WORD: Final = re.compile(r"[^\W\d_]{2,}|\d{3,}")


class DocumentExaminer:
    """Finds documents in a value, has them unpacked apart, and has `look` look at what they say.

    What is found in a document is reported over all of the string that it is written in:
    whatever `look` finds, and `document.hidden` for text that is kept from whoever opens it, or for
    an instruction in its metadata. Of a document that is itself text, such as HTML in a string,
    only that is reported which `look` does not find in the string as it is.
    """

    def __init__(
        self, look: Look, limits: Limits | None = None, aside: Aside | None = None
    ) -> None:
        """Starts nothing; a worker starts with the first document. Aside is where `look` looks."""
        self._look = look
        self._aside = aside or Aside()
        self._turns = Turns()
        self._limits = limits or Limits()
        self._workers = Workers(self._limits)

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """Every finding, once, in the order of the documents. Of each agent one value is read at a
        time, so that none has all workers.

        Raises:
            Unread: a document is damaged, encrypted, too large, or of a format that is known and
                not read; a worker did not answer; or all of it took longer than `wall_s`.
            TooMuch, TooMany: it is more to look at than one agent may have.
        """
        found = documents(value, self._limits)
        if not found:
            return ()
        async with self._turns.of(matter.agent):
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    work = Work(MOST)
                    findings = [
                        one for each in found for one in await self._in(each, matter.agent, work)
                    ]
            except TimeoutError:
                raise unreadable(f"not read within {self._limits.wall_s:g} s") from None
        return tuple(dict.fromkeys(findings))

    async def confined(self) -> tuple[str, ...]:
        """What keeps a worker from doing anything but reading, each in words for a person: what is
        not named is not in force on this machine. Starts one.

        Raises:
            Unread: none starts.
        """
        return await self._workers.confined()

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers that are there."""
        return self._workers.pids

    async def close(self) -> None:
        """Ends the workers."""
        await self._workers.close()

    async def _in(self, found: Found, agent: str, work: Work) -> list[Finding]:
        answer = await self._workers.read(found.question)
        if answer.trouble:
            raise Unread(answer.trouble, answer.why)
        kinds: dict[str, None] = {}
        for piece in answer.pieces:
            said = await self._said(piece.text, agent, work)
            if _conceals(piece, said):
                kinds[HIDDEN] = None
            kinds.update(dict.fromkeys(said))
        if found.question.form == "text":
            bare: dict[str, None] = {}
            if kinds.keys() - {HIDDEN}:
                bare = await self._said(found.question.data, agent, work)
            kinds = {kind: None for kind in kinds if kind not in bare}
        return [Finding(kind, found.path, 0, found.length) for kind in kinds]

    async def _said(self, text: str, agent: str, work: Work) -> dict[str, None]:
        """The kinds of what is found in a text, and not more than a chunk at a time."""
        kinds: dict[str, None] = {}
        for chunk in _chunks(text):
            found = await self._aside.run(agent, partial(self._looked, chunk, work))
            kinds.update(dict.fromkeys(one.kind for one in found))
        return kinds

    def _looked(self, chunk: str, work: Work) -> Sequence[Finding]:
        with bounded_by(work):
            return self._look((chunk,))


def _chunks(text: str) -> Iterator[str]:
    for start in range(0, max(len(text) - OVERLAP, 1), CHUNK - OVERLAP):
        yield text[start : start + CHUNK]


def _conceals(piece: Piece, said: dict[str, None]) -> bool:
    if piece.sort in ("hidden", "metadata") and any(one.startswith(_INSTRUCTION) for one in said):
        return True
    if piece.sort != "hidden":
        return False
    if piece.plain:
        return any(len(_WORD.findall(line)) >= SENTENCE_WORDS for line in piece.text.splitlines())
    return _WORD.search(piece.text) is not None
