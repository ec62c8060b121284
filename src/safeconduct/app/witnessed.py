"""Before the first call: whether a witness remembers more of the log than there is."""

from __future__ import annotations

import logging
from pathlib import Path

from safeconduct.audit.faults import LogFault
from safeconduct.audit.witness.asking import remembered
from safeconduct.audit.witness.policy import Policy, PolicyError, parse
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
