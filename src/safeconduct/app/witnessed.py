"""Before the first call: whether a witness remembers more of the log than there is."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.faults import LogFault
from safeconduct.audit.following import Cursor, lag
from safeconduct.audit.notes import Note
from safeconduct.audit.witness.asking import remembered
from safeconduct.audit.witness.policy import Policy, PolicyError, content, parse
from safeconduct.config.audit import Witnesses
from safeconduct.config.schema import Config

_log = logging.getLogger(__name__)


class Unusable(Exception):
    """The policy of witnesses cannot be followed: where, why, and what to do about it."""

    def __init__(self, file: Path, line: int, sentence: str, fix: str) -> None:
        super().__init__(f"{file}:{line}: {sentence} (fix: {fix})")
        self.file = file
        self.line = line
        self.sentence = sentence
        self.fix = fix


def trusted(directory: Path, block: Witnesses) -> Policy:
    """The policy of witnesses that a configuration names. Raises Unusable."""
    file = directory / block.policy
    try:
        return parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        said = f"the policy of witnesses cannot be read: {error.strerror}"
        raise Unusable(file, 1, said, "write it, or correct `audit.witnesses.policy`") from None
    except PolicyError as error:
        said = f"not a policy of witnesses: {error.sentence}"
        raise Unusable(file, max(error.line, 1), said, "correct it") from None
    except UnicodeDecodeError:
        raise Unusable(file, 1, "not a policy of witnesses: not UTF-8", "correct it") from None


class Seen(msgspec.Struct, frozen=True):
    """How far witnesses have seen a log: so many records, which `said` says who cosigned, as the
    policy asks (`enough`), so many seconds ago (None: the policy asks for nobody); and how many
    records came since, the first of them so many milliseconds ago.
    """

    records: int
    enough: bool
    said: str
    age_s: int | None
    waiting: int
    waiting_ms: int


def seen(config: Config, block: Witnesses, now_ms: int) -> Seen | None:
    """What is beside the log; None where it was never witnessed.

    Raises:
        Unusable: the policy of witnesses cannot be followed.
        LogFault, Damaged, ValueError, OSError: the log or what was witnessed cannot be read.
    """
    directory = Path(config.directory)
    log = directory / config.root.audit.directory
    policy = trusted(directory, block)
    try:
        note = notes.parse((log / checkpoint.WITNESSED).read_bytes())
    except FileNotFoundError:
        return None
    claimed = checkpoint.parse(note.text)
    enough, said = content(policy, note)
    segment = segments.holding(segments.listing(log), claimed.size + 1)
    place = Cursor(origin=claimed.origin, n=claimed.size, segment=segment)
    waiting, waiting_ms = lag(log, place, now_ms)
    cosigned_s = _cosigned_s(policy, note) if enough else None
    age_s = None if cosigned_s is None else max(0, now_ms // 1000 - cosigned_s)
    return Seen(claimed.size, enough, said, age_s, waiting, waiting_ms)


def _cosigned_s(policy: Policy, note: Note) -> int | None:
    """When the last that the quorum needed cosigned a checkpoint, as Unix time."""
    keys = [policy.witnesses[name].key for name in policy.cosigned(note)]
    times = {one.time_s or 0 for one in notes.verify(note, keys)} if keys else set[int]()
    made = (at for at in sorted(times, reverse=True) if policy.enough(policy.cosigned(note, at)))
    return next(made, None)


async def not_behind(config: Config, size: int) -> None:
    """Asks the witnesses of a configuration about its log, which has so many records.

    A log that was put back from a backup, its state and its key with it, looks whole from within.
    A witness that does not answer holds up no start: whoever could silence it could stop us.

    Raises:
        LogFault: "truncated": a witness has cosigned more records than there are.
        Unusable: the policy of witnesses cannot be followed.
    """
    block = config.root.audit.witnesses
    if block is None:
        return
    directory = Path(config.directory)
    policy = trusted(directory, block)
    origin = config.root.audit.origin or f"{config.root.gateway.tenant}/audit"
    sizes, silent = await remembered(
        policy, origin, None if block.ca is None else directory / block.ca
    )
    for url, why in silent.items():
        _log.warning("the witness %s does not say how far the log had come: %s", url, why)
    for url, known in sizes.items():
        if known > size:
            raise LogFault(
                "truncated",
                f"the witness {url} has cosigned {known} records of this log, which has {size}: "
                "it was put back from an old copy (fix: restore the newest one; a log that is "
                "really lost goes on under a new `audit.origin`)",
            )
