"""Whose word about a log counts: a trust policy as C2SP tlog-policy writes it.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k>|all|any <name>...
    quorum <name>|none

The same file tells a witness which logs it watches, a log which witnesses to ask, and a verifier
how many of them must have signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from safeconduct.audit import notes
from safeconduct.audit.notes import BadNote, Key, Note

NONE: Final = "none"
_BLANK: Final = re.compile("[ \t]+")
_NUMBER: Final = re.compile("[1-9][0-9]{0,3}")
_MAX_LINES: Final = 10_000


class PolicyError(ValueError):
    """A policy that cannot be followed; the sentence names the line, or it is 0."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {sentence}" if line else sentence)
        self.sentence = sentence
        self.line = line


class Party(msgspec.Struct, frozen=True):
    """A log or a witness: its key, and where it is asked, if the policy says so."""

    key: Key
    url: str | None = None


class Group(msgspec.Struct, frozen=True):
    """Has seen a checkpoint when so many of its members have."""

    threshold: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """Logs by origin, witnesses and groups by the names they have in the file, and whose word is
    enough.
    """

    logs: Mapping[str, tuple[Party, ...]]
    witnesses: Mapping[str, Party]
    groups: Mapping[str, Group]
    quorum: str

    def cosigned(self, note: Note, since_s: int = 0) -> tuple[str, ...]:
        """The names of the witnesses whose good signature, of that time (Unix) or later, stands
        under a note.

        Raises:
            BadNote: a signature of one of them is not good: the note was tampered with.
        """
        found: list[str] = []
        for name, one in self.witnesses.items():
            if any((line.name, line.id) == (one.key.name, one.key.id) for line in note.lines):
                (signed,) = notes.verify(note, [one.key])
                if (signed.time_s or 0) >= since_s:
                    found.append(name)
        return tuple(found)

    def enough(self, names: Collection[str]) -> bool:
        """Whether the word of these witnesses makes the quorum."""
        return self.quorum == NONE or self._seen(self.quorum, names)

    def _seen(self, name: str, names: Collection[str]) -> bool:
        # INVARIANT: a group has members of lines before its own alone, so this ends.
        group = self.groups.get(name)
        if group is None:
            return name in names
        return sum(self._seen(member, names) for member in group.members) >= group.threshold


def parse(text: str) -> Policy:
    """The policy in a text.

    Raises:
        PolicyError: it is none; the sentence names the line.
    """
    reader = _Reader()
    lines = text.split("\n")
    if len(lines) > _MAX_LINES:
        raise PolicyError(f"a policy of more than {_MAX_LINES} lines")
    for number, line in enumerate(lines, 1):
        words = _BLANK.split(line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            continue
        try:
            reader.read(words)
        except ValueError as error:
            raise PolicyError(str(error), number) from None
    if reader.quorum is None:
        raise PolicyError("no line `quorum <name>` (or `quorum none`, to ask for no witness)")
    return Policy(
        {origin: tuple(parties) for origin, parties in reader.logs.items()},
        reader.witnesses,
        reader.groups,
        reader.quorum,
    )


class _Reader:
    """Line after line."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Party]] = {}
        self.witnesses: dict[str, Party] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._logs: set[bytes] = set()
        self._witnesses: set[bytes] = set()

    def read(self, words: list[str]) -> None:
        """Raises ValueError."""
        kinds: Mapping[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        said, *rest = words
        if said not in kinds:
            raise ValueError(f"a line begins with {', '.join(kinds)} or #")
        kinds[said](rest)

    def _log(self, words: list[str]) -> None:
        party = _party(words, "log <vkey> [<url>]")
        if party.key.kind != notes.ED25519:
            raise ValueError("this is the key of a witness, not of a log")
        if party.key.public in self._logs:
            raise ValueError("the same key stands on two lines")
        self._logs.add(party.key.public)
        self.logs.setdefault(party.key.name, []).append(party)

    def _witness(self, words: list[str]) -> None:
        name = self._new(words)
        party = _party(words[1:], "witness <name> <vkey> [<url>]")
        if party.key.kind == notes.ED25519:
            raise ValueError("this is the key of a log, not of a witness")
        if party.key.public in self._witnesses:
            raise ValueError("the same key stands on two lines: one witness would count twice")
        self._witnesses.add(party.key.public)
        self.witnesses[name] = party

    def _group(self, words: list[str]) -> None:
        name = self._new(words)
        if len(words) < 3:
            raise ValueError("not of the form: group <name> <k>|all|any <name>...")
        members = tuple(words[2:])
        for member in members:
            self._known(member)
        if len(set(members)) != len(members):
            raise ValueError("a member stands there twice: it would count twice")
        threshold = {"all": len(members), "any": 1}.get(words[1], 0)
        if not threshold and _NUMBER.fullmatch(words[1]):
            threshold = int(words[1])
        if not 1 <= threshold <= len(members):
            raise ValueError(f"how many of them: all, any, or 1 to {len(members)}")
        self.groups[name] = Group(threshold, members)

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise ValueError("not of the form: quorum <name>|none")
        if self.quorum is not None:
            raise ValueError("a second quorum")
        if words[0] != NONE:
            self._known(words[0])
        self.quorum = words[0]

    def _new(self, words: list[str]) -> str:
        name = words[0] if words else NONE
        if name == NONE or name in self.witnesses or name in self.groups:
            raise ValueError("a name that is new here is wanted, and not `none`")
        return name

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"no line before this one names {name!r}")


def _party(words: list[str], form: str) -> Party:
    if not 1 <= len(words) <= 2:
        raise ValueError(f"not of the form: {form}")
    return Party(notes.parse_key(words[0]), *words[1:])


def content(policy: Policy, note: Note) -> tuple[bool, str]:
    """Whether a policy is content with a checkpoint, and a sentence that says why or why not."""
    origin = note.text.partition("\n")[0]
    known = [one.key for one in policy.logs.get(origin, ())]
    try:
        if policy.logs:
            notes.verify(note, known)
        names = policy.cosigned(note)
    except BadNote as error:
        return False, str(error)
    said = ", ".join(names) or "nobody"
    enough = policy.enough(names)
    return enough, f"cosigned by {said}" + ("" if enough else f", which is not {policy.quorum!r}")
