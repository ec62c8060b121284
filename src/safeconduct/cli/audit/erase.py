"""`safeconduct audit erase`: forget a user."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeconduct.cli import output

if TYPE_CHECKING:
    from safeconduct.config.schema import Config

HELP: Final = "forget a user: keys, name and sealed payloads; the log still verifies"
EXAMPLE: Final = "safeconduct audit erase 00u1jane --config ./gateway --yes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Destroys the keys that open what was sealed about a user, and who the pseudonym in the\n"
        "records is. Their tasks end. Nothing brings any of it back."
    )
    parser.add_argument("user", help="the user's id, as their issuer writes it")
    parser.add_argument("--yes", action="store_true", help="do not ask again (for scripts)")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code FOUND: a hold stands, or there is no such user."""
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.retention.erasing import HELD, NobodyToForget, wipe
    from safeconduct.cli.audit.recording import runs, socket
    from safeconduct.cli.operator import OperatorFault, SaidNo, ask
    from safeconduct.config import load
    from safeconduct.ports import LedgerConflict

    config = load(Path(args.config))
    directory = output.log_of(config)
    if not directory.is_dir():
        output.complain(f"no log in {directory}")
        return output.FAULT
    if not args.yes and (code := _confirmed(args.user)) is not None:
        return code
    try:
        if runs(config):
            gone = dict(ask(socket(config), "erase", user=args.user))
        else:
            gone = _here(config, args.user)
    except LedgerConflict:
        return output.refused(HELD)
    except NobodyToForget:
        return output.refused("the log has no record of a user of that id")
    except SaidNo as no:
        return output.refused(str(no))
    except (OperatorFault, LogFault, OSError) as error:
        output.complain(f"not forgotten: {error}; do it again")
        return output.FAULT
    try:
        wiped = wipe(directory, frozenset(gone["kids"]))
    except (LogFault, OSError) as error:
        output.complain(f"forgotten, but {error}")
        return output.FAULT
    value = {"pseudonym": gone["pseudonym"], "keys": len(gone["kids"]), "payloads": wiped}
    output.emit(
        args,
        value,
        f"forgotten: {gone['pseudonym']} is nobody now, "
        f"{output.counted(len(gone['kids']), 'key')} and "
        f"{output.counted(wiped, 'sealed payload')} are gone",
    )
    return output.OK


def _confirmed(user: str) -> int | None:
    """None: somebody said yes; else the exit code."""
    if not sys.stdin.isatty():
        output.complain("nobody is here to be asked (fix: --yes forgets without a question)")
        return output.USAGE
    said = f"Forget {output.printable(user)}? Nothing brings it back. [y/N] "
    print(said, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return None
    return output.refused("not forgotten")


def _here(config: Config, user: str) -> dict[str, Any]:
    """Raises NobodyToForget, LedgerConflict, LogFault, OSError."""
    from safeconduct.app.noting import opened
    from safeconduct.audit.retention.erasing import forget
    from safeconduct.kit.accounts import operator
    from safeconduct.rooms import clock_ms

    with opened(config) as (log, keys, _):
        tenant = config.root.gateway.tenant
        gone = asyncio.run(
            forget(log, keys, tenant=tenant, user=user, by=operator(), at_ms=clock_ms())
        )
    return {"pseudonym": gone.pseudonym, "kids": list(gone.kids)}
