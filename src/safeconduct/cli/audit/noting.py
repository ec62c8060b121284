"""That reading the log is on record before anybody sees what they read, unless it is a copy."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from safeconduct.cli import output

if TYPE_CHECKING:
    from safeconduct.audit.reads import Answer, Phase
    from safeconduct.config.schema import Config


class NotNoted(Exception):
    """A reading could not be put on record, and so was not done."""


def noted(
    config: Config | None,
    phase: Phase,
    tenant: str | None,
    asked: Mapping[str, str | int | bool],
    said: Answer,
    **more: str | bool | None,
) -> int | None:
    """Puts a reading on record, by the gateway or here where none runs; the number of that record.

    Without a tenant it is that of the configuration. None, and a complaint, for a copy of a log:
    there is nothing to write to.

    Raises:
        NotNoted: it could not be put on record.
    """
    from safeconduct.audit.faults import LogFault
    from safeconduct.cli.audit import recording
    from safeconduct.cli.operator import OperatorFault, SaidNo

    if config is None:
        output.complain("this reading is not on record: a copy of a log takes no records")
        return None
    value = {
        "kind": "audit.read",
        "phase": phase,
        "tenant": tenant or config.root.gateway.tenant,
        "asked": asked,
        **msgspec.to_builtins(said),
        **{name: one for name, one in more.items() if one},
    }
    try:
        return recording.note(config, value)
    except (OperatorFault, SaidNo, LogFault, OSError) as error:
        raise NotNoted(
            f"nothing was read, as reading could not be put on record: {error}"
        ) from error


def configured(directory: Path, given: Path | None, args: argparse.Namespace) -> Config | None:
    """The configuration of the gateway whose log is about to be read; None for a copy.

    Args:
        directory: Where the log is.
        given: What the arguments name as a log, if they do, and no gateway's.
        args: They name the configuration.

    Raises:
        ConfigError: there is no configuration, where one is needed.
        Misused: what is given as a copy is a gateway's own log.
        OSError: the log cannot be read.
    """
    from safeconduct.audit import lock
    from safeconduct.config import ConfigError, load

    if given is None:
        return load(Path(args.config))
    with suppress(ConfigError, OSError):
        config = load(Path(args.config))
        if output.log_of(config).samefile(directory):
            return config
    for said, true in (
        ("is a log that is being written", lock.is_held(directory)),
        ("has its gateway's keys beside it, and is no copy", _keys_beside(directory)),
    ):
        if true:
            raise output.Misused(
                f"{directory} {said}, so reading it belongs on record "
                "(fix: name the configuration of its gateway with --config; a copy lies elsewhere)"
            )
    return None


def _keys_beside(directory: Path) -> bool:
    """Whether a keystore, or what the signer remembers, lies where a gateway has it: then this is
    the log itself, by whatever name.
    """
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.signer import notary

    kept = Path(keystore.DIRECTORY, keystore.FILE)
    for log in (directory.absolute(), directory.resolve()):
        states = (log.parent, log.parent / keystore.STATE)
        if any((place / kept).exists() for place in (log, *states)):
            return True
        if any((state / notary.MEMORY).exists() for state in states):
            return True
    return False
