"""`safeconduct serve`: run the gateway."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from pathlib import Path
from typing import Final

from safeconduct.cli import output

HELP = "run the gateway of a configuration directory"
EXAMPLE = "safeconduct serve --config ./gateway"

YOUNG: Final = 10_000
"""How many new objects may gather before the collector looks at them; 700 if nobody says."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM. The first line on stdout says that it is ready."""
    import uvloop

    from safeconduct.app.checking import cannot_look
    from safeconduct.app.served import Served
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.signer.apart import Apart
    from safeconduct.config import ConfigError, load
    from safeconduct.inspectors.room import CannotLook

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    config = load(Path(args.config))
    for switch in config.unsafe:
        logging.getLogger("safeconduct").warning("%s is on: not for production", switch)
    try:
        served = Served(config, signer=Apart)
    except CannotLook as error:
        raise ConfigError(cannot_look(config, error)) from error
    except LogFault as fault:
        if fault.code != "busy":
            raise
        output.complain(
            "another gateway runs with this configuration; stop it first "
            f"({output.log_of(config)} is open)"
        )
        return output.FAULT

    console = config.root.console
    if console is not None:
        from safeconduct.console.serving import Console

        served.beside.append(Console(served))

    def ready(issuer: str) -> None:
        for upstream, why in served.rooms.offers.unreachable.items():
            logging.getLogger("safeconduct").warning(
                "upstream %s: %s (fix: %s)", upstream, why, output.ask_again(config, upstream)
            )
        spare_the_collector()
        told, text = {"ready": issuer}, f"ready: {issuer}/mcp"
        if console is not None:
            told, text = told | {"console": console.url}, f"{text}\nconsole: {console.url}/"
        output.emit(args, told, text)

    uvloop.run(served.serve(ready))
    return output.OK


def spare_the_collector() -> None:
    """What a start has made stays to the end, so the collector need not look at it again and again;
    and hardly anything that a call makes refers to itself, so it need not look after each call.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
